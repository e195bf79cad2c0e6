/** A pod sandbox as the engine makes one. Pure. */
import { posix } from "node:path";
import { invalid } from "../../../base/errors.ts";
import type { PodResources, PodSandboxRequest } from "../../../engine/pods/pods.ts";
import type { PortBinding } from "../../../spec/docker/create.ts";
import {
  type LinuxContainerResources,
  NamespaceMode,
  type NamespaceOption,
  type PodSandboxConfig,
  type PortMapping,
  Protocol,
} from "../../../wire/cri/cri_pb.ts";
import { sandboxOrigin } from "../known.ts";
import { limitOf } from "../numbers.ts";
import { remapOf } from "../remap.ts";

export interface SandboxInput {
  readonly config: PodSandboxConfig;
  /** "": the default. */
  readonly handler: string;
  /** The network of pods that have not the host's. */
  readonly network: string;
  /** The host's name: of pods that say none, and of those with the host's network. */
  readonly node: string;
  /** Whether a cgroup is there: kubelet makes a pod's, limits it and takes it away. */
  readonly isCgroup: (path: string) => boolean;
}

/** Errors: `invalid_argument` naming the field. */
export function sandboxRequest({
  config,
  handler,
  network,
  node,
  isCgroup,
}: SandboxInput): PodSandboxRequest {
  const { metadata, linux, dnsConfig } = config;
  if (!metadata) throw invalid("cannot make a pod sandbox: its configuration has no metadata");
  const options = linux?.securityContext?.namespaceOptions;
  const isHost = options?.network === NamespaceMode.NODE;
  const remap = remapOf(options?.usernsOptions);
  const hasDns =
    dnsConfig && dnsConfig.servers.length + dnsConfig.searches.length + dnsConfig.options.length > 0;
  const cgroupParent = parentOf(linux?.cgroupParent ?? "");
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    attempt: metadata.attempt,
    labels: config.labels,
    annotations: config.annotations,
    hostname: isHost ? node : config.hostname || node,
    network: isHost ? "host" : network,
    ...processes(options),
    ...(!isHost && { ports: portsOf(config.portMappings) }),
    ...(hasDns && {
      dns: { servers: dnsConfig.servers, searches: dnsConfig.searches, options: dnsConfig.options },
    }),
    sysctls: linux?.sysctls ?? {},
    ...(cgroupParent !== undefined && {
      cgroupParent,
      foreignCgroup: isCgroup(cgroupParent),
      resources: podResources(linux?.resources, linux?.overhead),
    }),
    ...(handler !== "" && { runtime: handler }),
    ...(remap && { userns: remap }),
    origin: sandboxOrigin(config),
  };
}

function processes(options: NamespaceOption | undefined) {
  const { pid = NamespaceMode.POD, ipc = NamespaceMode.POD, network = NamespaceMode.POD } = options ?? {};
  for (const [name, mode] of Object.entries({ ipc, network }))
    if (mode !== NamespaceMode.POD && mode !== NamespaceMode.NODE)
      throw invalid(`cannot make a pod sandbox: its ${name} namespace must be the pod's or the node's`);
  if (pid !== NamespaceMode.POD && pid !== NamespaceMode.CONTAINER && pid !== NamespaceMode.NODE)
    throw invalid(
      "cannot make a pod sandbox: its pid namespace must be the pod's, the containers' or the node's",
    );
  return {
    ...(ipc === NamespaceMode.NODE && { hostIpc: true }),
    ...(pid === NamespaceMode.NODE && { hostPid: true }),
    ...(pid === NamespaceMode.POD && { sharePid: true }),
  };
}

const protocols: Readonly<Record<number, string>> = {
  [Protocol.TCP]: "tcp",
  [Protocol.UDP]: "udp",
  [Protocol.SCTP]: "sctp",
};

/** Those that are published on the host; kubelet names the others too. */
function portsOf(mappings: readonly PortMapping[]): Record<string, PortBinding[]> {
  const found: Record<string, PortBinding[]> = {};
  for (const { protocol, containerPort, hostPort, hostIp } of mappings) {
    const name = protocols[protocol];
    const isPort = (port: number) => port > 0 && port < 65_536;
    if (hostPort === 0) continue;
    if (name === undefined || !isPort(hostPort) || !isPort(containerPort))
      throw invalid(
        `cannot publish port ${containerPort} at ${hostPort}: wanted ports from 1 to 65535 of TCP, UDP or SCTP`,
      );
    (found[`${containerPort}/${name}`] ??= []).push({
      ...(hostIp !== "" && { HostIp: hostIp }),
      HostPort: String(hostPort),
    });
  }
  return found;
}

/** Undefined: the engine's own place. */
export function parentOf(path: string): string | undefined {
  if (path === "") return undefined;
  if (path.split("/").includes("..")) throw invalid(`cannot use cgroup parent "${path}": wanted no ".."`);
  const clean = posix.join("/", path).replace(/(?<=.)\/$/, "");
  return clean === "/" ? undefined : clean;
}

/** Of the pod as a whole: what its containers may have together, and what the sandbox costs beside them. */
export function podResources(
  resources: LinuxContainerResources | undefined,
  overhead: LinuxContainerResources | undefined,
): PodResources {
  const sum = (field: "cpuQuota" | "cpuShares" | "memoryLimitInBytes") => {
    const own = resources?.[field] ?? 0n;
    return own > 0n ? limitOf(own + (overhead?.[field] ?? 0n)) : limitOf(own);
  };
  const fields = {
    CpuPeriod: limitOf(resources?.cpuPeriod ?? 0n),
    CpuQuota: sum("cpuQuota"),
    CpuShares: sum("cpuShares"),
    Memory: sum("memoryLimitInBytes"),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0));
}
