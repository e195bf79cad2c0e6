/**
 * What is known of services: their addresses and those of the pods behind them, made from Service and EndpointSlice objects. Pure. Pods of the edge have addresses that mean something on their own node
 * only, unless they have the host's network: an endpoint of another node whose address is one of this node's own networks is none that could be reached.
 */
import { BlockList, isIP } from "node:net";
import type { ServiceRule } from "../../../engine/networks/services.ts";
import { isRecord } from "../../link/json.ts";
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
  /** Whether an address is one of this node itself: no service has it. */
  readonly isHost: (address: string) => boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (of: unknown): Fields => (isRecord(of) ? of : {});
const list = (of: unknown): readonly Fields[] => (Array.isArray(of) ? of.map(fields) : []);
const texts = (of: unknown): readonly string[] =>
  Array.isArray(of) ? of.filter((each): each is string => typeof each === "string") : [];
const text = (of: unknown): string | undefined => (typeof of === "string" && of !== "" ? of : undefined);

/**
 * What means this machine, this link or nobody: neither services nor what is behind them have such addresses. A BlockList sees IPv4 in the clothes of IPv6, too.
 * https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors
 */
const special = new BlockList();
for (const [network, length] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 3],
] as const)
  special.addSubnet(network, length, "ipv4");
for (const [network, length] of [
  ["::", 127],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  special.addSubnet(network, length, "ipv6");

function isAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !address.includes("%") && !special.check(address, family === 6 ? "ipv6" : "ipv4");
}

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
  // Of several that want one address or port the oldest has it.
  const oldestFirst = services.toSorted((a, b) => order(ageOf(a), ageOf(b)));
  const known = oldestFirst.map((service): [string, KnownService] => {
    const { namespace = "default", name = "" } = service.metadata;
    const spec = fields(service["spec"]);
    // externalIPs are not among them: who may write a service would take anybody's traffic to any address by them (CVE-2020-8554).
    const addresses = [...texts(spec["clusterIPs"]), ...texts([spec["clusterIP"]])].filter(
      (address) => isAddress(address) && !here.isHost(address),
    );
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

function ageOf({ metadata }: KubeObject): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.namespace}/${metadata.name}`;
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function nearestFirst(endpoints: readonly Endpoint[], { node }: Here): Endpoint[] {
  const byAddress = new Map(endpoints.map((each) => [each.address, each]));
  const all = endpoints.filter((each) => byAddress.get(each.address) === each);
  return [...all.filter((each) => each.node === node), ...all.filter((each) => each.node !== node)];
}

/** Targets of one service, and ports of all: what the kernel is told at most. The oldest services come first. */
const most = { targets: 1000, rules: 20_000 } as const;

/** By which pods know the API. */
const api = { namespace: "default", name: "kubernetes", port: "https" } as const;

/** What the kernel is told: targets on this node where there are some, those of others otherwise. Nothing that one service asks for keeps the others from being led. */
export function rulesOf(
  book: ServiceBook,
  { node }: Here,
  own?: { readonly address: string; readonly port: number },
): ServiceRule[] {
  const taken = new Set<string>();
  const take = (place: string): boolean => !taken.has(place) && taken.add(place).size > 0;
  const rules = [...book.values()].flatMap((service) => {
    const { addresses, ports, endpoints, isSticky, isLocal } = service;
    const isApi = service.namespace === api.namespace && service.name === api.name;
    return ports.flatMap(({ name, port, protocol, nodePort }): ServiceRule[] => {
      const free = addresses.filter((address) => take(`${address} ${protocol} ${port}`));
      if (free.length === 0) return [];
      const able = endpoints.filter((each) => each.ports[name]?.protocol === protocol);
      const near = able.filter((each) => each.node === node);
      const chosen = near.length > 0 || isLocal ? near : able;
      const found = chosen.slice(0, most.targets).flatMap((each) => {
        const target = each.ports[name];
        return target ? [{ address: each.address, port: target.port }] : [];
      });
      const targets = own && isApi && name === api.port ? [own] : found;
      const hasNodePort = nodePort !== undefined && take(`${protocol} ${nodePort}`);
      return [
        { addresses: free, protocol, port, targets, sticky: isSticky, ...(hasNodePort ? { nodePort } : {}) },
      ];
    });
  });
  return rules.slice(0, most.rules);
}
