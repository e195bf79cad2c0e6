/** What the containers of a pod share, as a request to the engine. Pure. */
import type { PodSandboxRequest } from "../../../engine/pods/pods.ts";
import type { PortBinding } from "../../../spec/docker/create.ts";
import type { ContainerPort, Pod } from "../../../spec/kubernetes/pod.ts";
import { nanoOf } from "../../../spec/kubernetes/quantity.ts";
import { sysctlPath } from "../../../spec/oci/sysctl.ts";
import { hostAliases, podDns, podNames } from "./dns.ts";
import { PodError, shown } from "./pod-error.ts";
import { cgroupParent, podResources, podUid, requestsOf } from "./qos.ts";
import type { NodeFacts } from "./translate.ts";

/** Labels by which what belongs to a pod is found again; those of the CRI. */
export const podLabels = {
  name: "io.kubernetes.pod.name",
  namespace: "io.kubernetes.pod.namespace",
  uid: "io.kubernetes.pod.uid",
  container: "io.kubernetes.container.name",
  attempt: "io.kubernetes.container.restartCount",
  kind: "io.sampan.container.kind",
} as const;

/** Errors: PodError `SysctlForbidden` and `UnsupportedField`, which no further try mends; `invalid_argument` for a field that is not what it should be. */
export function sandboxRequest(pod: Pod, node: NodeFacts): PodSandboxRequest {
  const { spec, metadata } = pod;
  const { name = "", namespace = "default" } = metadata;
  refuseUnsupported(pod, node);
  const uid = podUid(pod);
  const dns = podDns(pod, node);
  const { hostname } = podNames(pod, node);
  const sysctls = podSysctls(pod);
  const ports = spec.hostNetwork ? {} : portBindings(pod);
  const hosts = hostAliases(pod);
  return {
    namespace,
    name,
    uid,
    hostname,
    labels: {
      ...metadata.labels,
      [podLabels.name]: name,
      [podLabels.namespace]: namespace,
      [podLabels.uid]: uid,
    },
    ...(spec.hostNetwork && { network: "host" }),
    ...(spec.hostIPC && { hostIpc: true }),
    ...(spec.hostPID && { hostPid: true }),
    ...(spec.shareProcessNamespace && !spec.hostPID && { sharePid: true }),
    ...(Object.keys(ports).length > 0 && { ports }),
    ...(dns && { dns }),
    ...(hosts.length > 0 && { hosts }),
    ...(Object.keys(sysctls).length > 0 && { sysctls }),
    cgroupParent: cgroupParent(pod),
    resources: podResources(pod),
    ...(spec.runtimeClassName && { runtime: spec.runtimeClassName }),
  };
}

function refuseUnsupported({ spec, metadata }: Pod, node: NodeFacts): void {
  const refuse = (why: string) =>
    new PodError("UnsupportedField", `cannot run pod ${shown(metadata.name)} on this node: ${why}`);
  if (spec.hostUsers === false)
    throw refuse("hostUsers: false needs a user namespace for the pod, which is not supported");
  if (spec.os && spec.os.name !== "linux") throw refuse(`os.name is ${shown(spec.os.name)}, wanted linux`);
  if ((spec.resourceClaims ?? []).length > 0) throw refuse("resourceClaims are not supported");
  const missing = askedResources(spec).find((name) => !has(node, name));
  if (missing !== undefined) throw refuse(`the node has no resource ${shown(missing)}`);
}

/** Those that the kernel's cgroups know nothing of: devices of plug-ins, huge pages. */
function askedResources({ containers, initContainers = [] }: Pod["spec"]): string[] {
  const ordinary = ["cpu", "memory", "ephemeral-storage"];
  return [...initContainers, ...containers]
    .flatMap(({ resources }) => Object.entries(requestsOf(resources)))
    .filter(([name, amount]) => !ordinary.includes(name) && nanoOf(amount) > 0n)
    .map(([name]) => name);
}

function has(node: NodeFacts, name: string): boolean {
  const { capacity = {} } = (node.node()?.["status"] ?? {}) as { capacity?: Record<string, string> };
  return Object.hasOwn(capacity, name) && nanoOf(capacity[name]) > 0n;
}

/** Those that are of the pod's own namespaces and cannot harm others. https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/ */
const safe = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
];

function podSysctls({ spec, metadata }: Pod): Record<string, string> {
  const asked = (spec.securityContext?.sysctls ?? []).map(({ name, value }) => {
    // The two ways to write a name are one, so that none passes by the list.
    const plain = sysctlPath(name)?.replaceAll("/", ".") ?? "";
    const refuse = (why: string) =>
      new PodError(
        "SysctlForbidden",
        `cannot set sysctl ${shown(name)} of pod ${shown(metadata.name)}: ${why}`,
      );
    if (!safe.includes(plain))
      throw refuse(`it is not on the list of safe ones, which are ${safe.join(", ")}`);
    if (spec.hostNetwork && plain.startsWith("net."))
      throw refuse("it would be the host's, whose network the pod has");
    if (spec.hostIPC && plain.startsWith("kernel."))
      throw refuse("it would be the host's, whose IPC the pod has");
    if (!/^[\x20-\x7e\t]{0,256}$/.test(String(value)))
      throw refuse("its value is not one line of plain text");
    return [plain, String(value)] as const;
  });
  return Object.fromEntries(asked);
}

/** Of all containers that run beside each other. */
function portBindings({ spec }: Pod): Record<string, readonly PortBinding[]> {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const bindings = new Map<string, PortBinding[]>();
  for (const port of [...sidecars, ...spec.containers].flatMap(({ ports }) => ports ?? [])) {
    if (!port.hostPort) continue;
    const key = `${port.containerPort}/${protocolOf(port)}`;
    const binding = { ...(port.hostIP && { HostIp: port.hostIP }), HostPort: String(port.hostPort) };
    bindings.set(key, [...(bindings.get(key) ?? []), binding]);
  }
  return Object.fromEntries(bindings);
}

function protocolOf({ protocol = "TCP", containerPort, hostPort }: ContainerPort): string {
  const isPort = (value: unknown) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
  if (["TCP", "UDP", "SCTP"].includes(protocol) && isPort(containerPort) && isPort(hostPort))
    return protocol.toLowerCase();
  throw new PodError(
    "CreateContainerConfigError",
    `cannot publish port ${shown(containerPort)}/${shown(protocol)} at ${shown(hostPort)}: wanted ports from 1 to 65535 of TCP, UDP or SCTP`,
  );
}
