/** Which pods a service leads to, and by which ports. Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ */
import { isIPv6 } from "node:net";
import type { Pod, Service, ServicePort } from "../kinds.ts";
import { compare, isDeleting, isFinished, isReady } from "../references.ts";
import { hasLabels } from "../selectors.ts";

export interface Port {
  readonly name?: string;
  readonly protocol: string;
  readonly port?: number;
  readonly appProtocol?: string;
}

export interface Address {
  readonly pod: Pod;
  readonly address: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** Pods with the same ports: named target ports may differ from pod to pod. */
export interface Group {
  readonly ports: readonly Port[];
  /** By address. */
  readonly addresses: readonly Address[];
}

/** Services that name their pods, rather than having their endpoints written by others. */
export function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec.selector ?? {}).length > 0 && spec.type !== "ExternalName";
}

export function belongsTo({ spec, metadata }: Service, pod: Pod): boolean {
  return pod.metadata.namespace === metadata.namespace && hasLabels(spec.selector ?? {}, pod.metadata.labels);
}

export function familiesOf({ spec }: Service): readonly ("IPv4" | "IPv6")[] {
  if (spec.ipFamilies && spec.ipFamilies.length > 0) {
    return spec.ipFamilies.map((family) => (family === "IPv6" ? "IPv6" : "IPv4"));
  }
  return [isIPv6(spec.clusterIP ?? "") ? "IPv6" : "IPv4"];
}

export function groupsOf(service: Service, pods: readonly Pod[], family: "IPv4" | "IPv6"): readonly Group[] {
  const groups = new Map<string, { ports: readonly Port[]; addresses: Address[] }>();
  for (const pod of pods) {
    const address = addressOf(service, pod, family);
    if (!address) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key);
    if (group) group.addresses.push(address);
    else groups.set(key, { ports, addresses: [address] });
  }
  const sorted = [...groups].toSorted(([a], [b]) => compare(a, b)).map(([, group]) => group);
  return sorted.map(({ ports, addresses }) => {
    const byName = (a: Address, b: Address): number => compare(a.pod.metadata.name, b.pod.metadata.name);
    return { ports, addresses: addresses.toSorted((a, b) => compare(a.address, b.address) || byName(a, b)) };
  });
}

function addressOf(service: Service, pod: Pod, family: "IPv4" | "IPv6"): Address | undefined {
  if (isFinished(pod)) return undefined;
  const known = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  const ips = known.length > 0 ? known : [pod.status?.podIP ?? ""];
  const address = ips.find((ip) => ip !== "" && isIPv6(ip) === (family === "IPv6"));
  if (address === undefined) return undefined;
  const terminating = isDeleting(pod);
  const serving = isReady(pod) || service.spec.publishNotReadyAddresses === true;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  return { pod, address, ready, serving, terminating };
}

function portsOf({ spec }: Service, pod: Pod): readonly Port[] {
  return (spec.ports ?? []).flatMap((port) => {
    const number = portOf(port, pod);
    if (number === undefined) return [];
    const { name, protocol = "TCP", appProtocol } = port;
    return [
      {
        name: name ?? "",
        protocol,
        port: number,
        ...(appProtocol === undefined ? {} : { appProtocol }),
      },
    ];
  });
}

/** A port that the pod does not have is left out. */
function portOf({ port, targetPort, protocol = "TCP" }: ServicePort, pod: Pod): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === "") return port;
  if (typeof targetPort === "number") return targetPort;
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  const ports = [...pod.spec.containers, ...sidecars].flatMap((container) => container.ports ?? []);
  return ports.find((one) => one.name === targetPort && (one.protocol ?? "TCP") === protocol)?.containerPort;
}
