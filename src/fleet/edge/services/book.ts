/**
 * What is known of services: their addresses and those of the pods behind them, made from Service and EndpointSlice objects. Pure. Pods of the edge have addresses that mean something on their own node
 * only, unless they have the host's network: an endpoint of another node whose address is one of this node's own networks is none that could be reached.
 */
import { isIP } from "node:net";
import type { ServiceRule } from "../../../engine/networks/services.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

export interface Endpoint {
  readonly address: string;
  readonly hostname: string | undefined;
  readonly node: string | undefined;
  readonly isReady: boolean;
  /** By the port's name; "" for one without. */
  readonly ports: Readonly<Record<string, { readonly port: number; readonly protocol: string }>>;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly nodePort: number | undefined;
}

export interface KnownService {
  readonly namespace: string;
  readonly name: string;
  /** None: headless. */
  readonly addresses: readonly string[];
  readonly externalName: string | undefined;
  readonly ports: readonly ServicePort[];
  readonly isSticky: boolean;
  /** `internalTrafficPolicy: Local` */
  readonly isLocal: boolean;
  /** Those that can be reached from here; nearest first. */
  readonly endpoints: readonly Endpoint[];
}

/** By `namespace/name`. */
export type ServiceBook = ReadonlyMap<string, KnownService>;

export interface Here {
  readonly node: string;
  /** Whether an address is one of the networks of this node's pods. */
  readonly isOwn: (address: string) => boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (of: unknown): Fields =>
  typeof of === "object" && of !== null && !Array.isArray(of) ? (of as Fields) : {};
const list = (of: unknown): readonly Fields[] => (Array.isArray(of) ? of.map(fields) : []);
const texts = (of: unknown): readonly string[] =>
  Array.isArray(of) ? of.filter((each): each is string => typeof each === "string") : [];
const text = (of: unknown): string | undefined => (typeof of === "string" && of !== "" ? of : undefined);
const isAddress = (address: string): boolean => isIP(address) !== 0 && !address.includes("%");

function portNumber(of: unknown): number | undefined {
  return typeof of === "number" && Number.isInteger(of) && of > 0 && of < 65_536 ? of : undefined;
}

const protocols = ["tcp", "udp", "sctp"] as const;

function protocolOf(of: unknown): ServicePort["protocol"] | undefined {
  const word = (text(of) ?? "TCP").toLowerCase();
  return protocols.find((each) => each === word);
}

function portsOf(spec: Fields): ServicePort[] {
  return list(spec["ports"]).flatMap((each) => {
    const [port, protocol] = [portNumber(each["port"]), protocolOf(each["protocol"])];
    if (port === undefined || protocol === undefined) return [];
    return [{ name: text(each["name"]) ?? "", port, protocol, nodePort: portNumber(each["nodePort"]) }];
  });
}

function endpointsOf(slice: KubeObject, here: Here): Endpoint[] {
  const ports = Object.fromEntries(
    list(slice["ports"]).flatMap((each) => {
      const [port, protocol] = [portNumber(each["port"]), protocolOf(each["protocol"])];
      return port === undefined || protocol === undefined
        ? []
        : [[text(each["name"]) ?? "", { port, protocol }]];
    }),
  );
  return list(slice["endpoints"]).flatMap((each) => {
    const [address] = texts(each["addresses"]);
    const node = text(each["nodeName"]);
    if (address === undefined || !isAddress(address)) return [];
    if (node !== undefined && node !== here.node && here.isOwn(address)) return [];
    const isReady = fields(each["conditions"])["ready"] !== false;
    return [{ address, hostname: text(each["hostname"]), node, isReady, ports }];
  });
}

const serviceOfSlice = "kubernetes.io/service-name";

export function makeBook(
  services: readonly KubeObject[],
  slices: readonly KubeObject[],
  here: Here,
): ServiceBook {
  const behind = Map.groupBy(
    slices,
    ({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceOfSlice] ?? ""}`,
  );
  const known = services.map((service): [string, KnownService] => {
    const { namespace = "default", name = "" } = service.metadata;
    const spec = fields(service["spec"]);
    const addresses = [
      ...texts(spec["clusterIPs"]),
      ...texts([spec["clusterIP"]]),
      ...texts(spec["externalIPs"]),
    ].filter(isAddress);
    const isEager = spec["publishNotReadyAddresses"] === true;
    const endpoints = (behind.get(`${namespace}/${name}`) ?? [])
      .flatMap((slice) => endpointsOf(slice, here))
      .filter(({ isReady }) => isReady || isEager);
    return [
      `${namespace}/${name}`,
      {
        namespace,
        name,
        addresses: [...new Set(addresses)],
        externalName: spec["type"] === "ExternalName" ? text(spec["externalName"]) : undefined,
        ports: portsOf(spec),
        isSticky: spec["sessionAffinity"] === "ClientIP",
        isLocal: spec["internalTrafficPolicy"] === "Local",
        endpoints: nearestFirst(endpoints, here),
      },
    ];
  });
  return new Map(known);
}

function nearestFirst(endpoints: readonly Endpoint[], { node }: Here): Endpoint[] {
  const byAddress = new Map(endpoints.map((each) => [each.address, each]));
  const all = endpoints.filter((each) => byAddress.get(each.address) === each);
  return [...all.filter((each) => each.node === node), ...all.filter((each) => each.node !== node)];
}

/** What the kernel is told: targets on this node where there are some, those of others otherwise. */
export function rulesOf(book: ServiceBook, { node }: Here): ServiceRule[] {
  return [...book.values()].flatMap(({ addresses, ports, endpoints, isSticky, isLocal }) => {
    if (addresses.length === 0) return [];
    return ports.map(({ name, port, protocol, nodePort }): ServiceRule => {
      const able = endpoints.filter((each) => each.ports[name]?.protocol === protocol);
      const near = able.filter((each) => each.node === node);
      const chosen = near.length > 0 || isLocal ? near : able;
      const targets = chosen.flatMap((each) => {
        const target = each.ports[name];
        return target ? [{ address: each.address, port: target.port }] : [];
      });
      return {
        addresses,
        protocol,
        port,
        targets,
        sticky: isSticky,
        ...(nodePort === undefined ? {} : { nodePort }),
      };
    });
  });
}
