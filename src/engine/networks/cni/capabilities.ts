/** What a pod asks of its network, in CNI's words. Pure. */
import { isIP } from "node:net";
import { invalid, SampanError } from "../../../base/errors.ts";
import type { PortBinding } from "../../../spec/docker/create.ts";
import { parseQuantity } from "../../../spec/kubernetes/quantity.ts";
import type { CniOwner, PortMapping } from "./cni.ts";
import { shown } from "./_configuration.ts";

/** CNI_ARGS: a value cannot hold what divides them. Errors: `invalid_argument`. */
export function argumentsOf({ id, request }: Pick<CniOwner, "id" | "request">): string {
  const args = {
    IgnoreUnknown: "1",
    K8S_POD_NAMESPACE: request.namespace,
    K8S_POD_NAME: request.name,
    K8S_POD_INFRA_CONTAINER_ID: id,
    K8S_POD_UID: request.uid,
  };
  return Object.entries(args)
    .map(([key, value]) => {
      if (!/^[\w.:-]{1,253}$/.test(value)) throw invalid(`cannot pass ${key} ${shown(value)} to plug-ins`);
      return `${key}=${value}`;
    })
    .join(";");
}

/** By capability: what is not asked for is absent. Errors: `invalid_argument`. */
export function capabilityArguments({
  request,
  ports,
}: Pick<CniOwner, "request" | "ports">): Record<string, unknown> {
  const { annotations = {}, dns, cgroupParent } = request;
  const bandwidth = bandwidthOf(annotations);
  const ips = annotations[annotation.ips]?.split(",").map((each) => checkedAddress(each.trim()));
  const mac = annotations[annotation.mac];
  if (mac !== undefined && !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac))
    throw invalid(`cannot use ${annotation.mac} ${shown(mac)}: wanted six bytes as 02:42:ac:11:00:02`);
  return {
    ...(ports.length > 0 && { portMappings: ports }),
    ...(bandwidth && { bandwidth }),
    ...(ips && { ips }),
    ...(mac !== undefined && { mac }),
    ...(dns && dns.servers.length + dns.searches.length + dns.options.length > 0 && { dns }),
    ...(cgroupParent !== undefined && { cgroupPath: cgroupParent }),
    ...(Object.keys(annotations).length > 0 && { "io.kubernetes.cri.pod-annotations": annotations }),
  };
}

const annotation = {
  ingress: "kubernetes.io/ingress-bandwidth",
  egress: "kubernetes.io/egress-bandwidth",
  ips: "org.sampan.cni.ips",
  mac: "org.sampan.cni.mac",
} as const;

function checkedAddress(text: string): string {
  const [ip = "", length, ...more] = text.split("/");
  if (isIP(ip) !== 0 && more.length === 0 && (length === undefined || /^\d{1,3}$/.test(length))) return text;
  throw invalid(`cannot use ${annotation.ips} ${shown(text)}: wanted addresses, divided by commas`);
}

/** Bits a second that Kubernetes takes: 1k to 1P. */
const [leastRate, mostRate] = [1000n, 10n ** 15n] as const;
/** Bits that may pass at once: of a hundredth of a second, as in our own networks, at least one large packet with its offloads; and no more than plug-ins take. */
const [leastBurst, mostBurst] = [65_536 * 8, 2 ** 31 - 1] as const;

function bandwidthOf(annotations: Readonly<Record<string, string>>): Record<string, number> | undefined {
  const limits = (["ingress", "egress"] as const).flatMap((direction) => {
    const text = annotations[annotation[direction]];
    if (text === undefined) return [];
    const rate = rateOf(annotation[direction], text);
    const burst = Math.min(Math.max(leastBurst, Math.ceil(rate / 100)), mostBurst);
    return [
      [`${direction}Rate`, rate],
      [`${direction}Burst`, burst],
    ] as const;
  });
  return limits.length > 0 ? Object.fromEntries(limits) : undefined;
}

function rateOf(name: string, text: string): number {
  const bits = (parseQuantity(text)?.nano ?? 0n) / 1_000_000_000n;
  if (bits >= leastRate && bits <= mostRate) return Number(bits);
  throw invalid(`cannot use ${name} ${shown(text)}: wanted bits a second from 1k to 1P`);
}

/** Errors: `invalid_argument`. Bindings without a port of the host are none. */
export function portMappings(bindings: Readonly<Record<string, readonly PortBinding[]>>): PortMapping[] {
  return Object.entries(bindings).flatMap(([key, list]) => {
    const [, container = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(key) ?? [];
    return list.flatMap(({ HostIp, HostPort }) => {
      if (!HostPort || HostPort === "0") return [];
      const mapping = { hostPort: portOf(HostPort), containerPort: portOf(container) };
      if (HostIp && isIP(HostIp) === 0) throw invalid(`cannot map ports of host address ${shown(HostIp)}`);
      return [
        {
          ...mapping,
          protocol: protocol.toLowerCase() as PortMapping["protocol"],
          ...(HostIp && { hostIP: HostIp }),
        },
      ];
    });
  });
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new SampanError("invalid_argument", `cannot map port ${shown(text)}: wanted 1 to 65535`);
}
