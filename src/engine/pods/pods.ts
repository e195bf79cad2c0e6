/**
 * The contract of pod sandboxes: namespaces that the containers of a pod share, without a process that holds them. Network, IPC and UTS namespaces are pinned by bind mounts below
 * `<state>/pods/<id>`, the network by engine/networks. Rows in the database say what shall be; a sandbox outlives the daemon and is made anew after a start of the machine, under the same id.
 *
 * A container joins with `pod:<id>` as NetworkMode, IpcMode, UTSMode (and PidMode, where the pod shares one) of its create body; hostname, resolv.conf and hosts are the pod's. It cannot be
 * created or started in a sandbox that is not ready. Containers are the caller's: stopping a sandbox kills those that are left, removing it removes them.
 */
import type { Duplex } from "node:stream";
import type { PortBinding } from "../../spec/docker/create.ts";
import type { Remap } from "../snapshots/snapshotter.ts";
import type { Sandbox } from "../networks/networks.ts";

export interface PodSandboxRequest {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Of CRI's metadata. */
  readonly attempt?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** `host`, `none`, `cni` (what stands in the settings' folder of CNI), or a network of the engine; its bridge by default. */
  readonly network?: string;
  readonly hostIpc?: boolean;
  readonly hostPid?: boolean;
  /** One PID namespace for all containers: a tiny init of our own is its first process. */
  readonly sharePid?: boolean;
  readonly ports?: Readonly<Record<string, readonly PortBinding[]>>;
  /** resolv.conf; the host's without it. */
  readonly dns?: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  /** Further lines of /etc/hosts. */
  readonly hosts?: readonly { readonly ip: string; readonly names: readonly string[] }[];
  /** Only namespaced ones. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** The cgroup that holds those of the containers: `/sampan/burstable/pod<uid>`. Made with the sandbox, removed with it; the class above it weighs as much as its pods together. */
  readonly cgroupParent?: string;
  /** That cgroup is somebody else's, who made it, limits it and removes it: it gets no limits here, and stays. */
  readonly foreignCgroup?: boolean;
  /** Limits of the whole pod. */
  readonly resources?: PodResources;
  /** The runtime of its containers. */
  readonly runtime?: string;
  /**
   * A user namespace of the pod's own, which owns its other namespaces; its containers are in it, with their layers and images mapped, and their volumes as ContainerExtras.idmaps says.
   * It must have a root that is not the host's, and goes with none of the host's network, PID and IPC namespaces (`invalid_argument`).
   */
  readonly userns?: Remap;
  /** What the interface that made it keeps for itself, as it is. */
  readonly origin?: string;
}

/** As of a container. */
export interface PodResources {
  readonly Memory?: number;
  readonly CpuShares?: number;
  readonly CpuQuota?: number;
  readonly CpuPeriod?: number;
  readonly PidsLimit?: number;
}

export interface PodSandboxInfo {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly request: PodSandboxRequest;
  readonly created: Date;
  readonly state: "ready" | "not_ready";
  /** Another one each time that it was made: after a start of the machine too. Empty when it is not ready. */
  readonly generation: string;
  /** undefined with the host's network, with none, or when it is not ready. */
  readonly sandbox: Sandbox | undefined;
  /** The addresses of its first network, without prefix lengths. */
  readonly ips: readonly string[];
}

export interface Pods {
  /** Makes it whole or not at all. Errors: `already_exists` for the same namespace, name, UID and attempt; `invalid_argument`; those of networks. */
  run(request: PodSandboxRequest, signal?: AbortSignal): Promise<PodSandboxInfo>;
  /** Kills its containers, frees network and namespaces. Idempotent. */
  stop(id: string): Promise<void>;
  /** With its containers and its row. One that is not there is no error. */
  remove(id: string): Promise<void>;
  /**
   * Limits of the whole pod, also of one that is not ready: they go into its row, and so come back with it. 0 and absent leave one as it is, -1 takes it away. Of a cgroup that is
   * somebody else's only the row changes. Errors: `not_found`, `invalid_argument`; what the kernel refuses leaves all as it was.
   */
  update(id: string, resources: PodResources): Promise<void>;
  get(id: string): PodSandboxInfo;
  /** What it was made with, without a look at what of it is there. Errors: `not_found`. */
  request(id: string): PodSandboxRequest;
  list(): readonly PodSandboxInfo[];
  /** A connection to a port of the pod's own loopback device; the host's where it has the host's network. Errors: `failed_precondition` when it is not ready, `unavailable` when nobody listens. */
  connect(id: string, port: number, signal: AbortSignal): Promise<Duplex>;
  /** Ids of its containers. */
  containers(id: string): readonly string[];
  /** After a start of the daemon or machine: sandboxes that are not there any more are made anew under their ids (new addresses may come with it). Returns what it did, and what it could not do. */
  restore(): Promise<readonly string[]>;
}
