/**
 * The contract between Edged's pod workers (what runs, when, again?) and what a pod's fields mean on this node (volumes, environment, security, probes). The functions named here are those of
 * the files beside; each file holds one noun.
 *
 *   volumes/open.ts    openVolumes({ root, meta, engine, node, clock, log }) → PodVolumes
 *   container.ts       containerBody(ContainerInput) → CreateBody                       pure
 *   environment.ts     environmentOf(pod, container, sources) → string[]                async: from Meta
 *   sandbox.ts         sandboxRequest(pod, node) → PodSandboxRequest                    pure
 *   qos.ts             qosClass(pod), oomScore(pod, container), cgroupParent(pod), podResources(pod)   pure
 *   volumes/container-mounts.ts  containerMounts({ pod, container, volumes, mounted, environment }) → mounts and devices of ContainerInput
 *   probes/open.ts    openProbes({ run: runInEngine(engine), node, clock }) → Probes
 *   hooks.ts          runHook(action, { kind, pod, container, id, podIp, run, node, clock }, signal)
 *   images.ts         pullSecrets(pod, { meta, signal }), ensureImage(engine, { container, secrets, signal }) → { id, imageID, user, pulled }; errors with the reasons that kubectl users know
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Container, Pod } from "../../../spec/kubernetes/pod.ts";
import type { Resolver } from "./dns.ts";

/** What is the same for all pods of this node. */
export interface NodeFacts {
  readonly name: string;
  readonly ips: readonly string[];
  /** Bytes and cores; limits that a container does not have are these. */
  readonly memory: number;
  readonly processors: number;
  /** Of services at the edge: answers their names. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** PEM: who signed for the API that this node serves to its pods; it stands behind the cloud's authority in their `ca.crt`. */
  readonly apiAuthority?: () => string | undefined;
  /** `172.17.0.0/16` … : HTTP probes and hooks go to the pod's address. */
  readonly node: () => KubeObject | undefined;
  /** The host's resolv.conf: parseResolv of dns.ts. */
  readonly resolver?: () => Resolver;
  /** Below it the kernel does not let this process put another's oom_score_adj: leastOomScore of engine/host-abilities.ts. */
  readonly leastOomScore?: number;
}

/** Where a pod's volumes lie on the host while it lives. */
export interface MountedVolumes {
  /** The absolute path on the host by the volume's name; a file or a folder. */
  readonly paths: ReadonlyMap<string, string>;
  /** Those that containers may only read. */
  readonly readOnly: ReadonlySet<string>;
}

export interface PodVolumes {
  /** Makes all of a pod's volumes, or says which is missing and why. Idempotent. Errors: `failed_precondition`, `not_found`, `unavailable`, with the volume's name. */
  mount(pod: Pod, signal: AbortSignal): Promise<MountedVolumes>;
  /**
   * Contents again from their sources (configMap, secret, projected, downwardAPI), put in place whole by one rename as kubelet does (`..data`); tokens are renewed in time. Returns the
   * milliseconds after which to call again, or undefined when nothing of it changes by time.
   */
  refresh(pod: Pod, signal: AbortSignal): Promise<number | undefined>;
  /** Opens a sub-path safely (openat2 below the volume) and pins it for one container; undone by `unmount` or `releaseSubPaths`. */
  subPath(
    pod: Pod,
    request: {
      readonly container: string;
      readonly volume: string;
      readonly path: string;
      readonly index: number;
    },
  ): Promise<string>;
  releaseSubPaths(pod: Pod, container: string): Promise<void>;
  /** Bytes in emptyDirs that have a sizeLimit, and those over it. */
  overLimit(
    pod: Pod,
  ): Promise<readonly { readonly volume: string; readonly used: number; readonly limit: number }[]>;
  /** Bytes in all emptyDirs that lie on the disk. */
  used(pod: Pod): Promise<number>;
  /** When the last container of it is gone. Idempotent. */
  unmount(uid: string): Promise<void>;
  /** Takes away what belongs to none of these pods. */
  sweep(uids: ReadonlySet<string>): Promise<void>;
}

export interface ContainerInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly kind: "init" | "app" | "ephemeral";
  readonly sandbox: string;
  readonly attempt: number;
  readonly image: string;
  /** USER of the image's configuration; runAsNonRoot looks at it. */
  readonly imageUser?: string;
  /** The text of a Localhost profile: localhostProfile of container.ts. */
  readonly seccompProfile?: string;
  /** `A=1`, complete. */
  readonly environment: readonly string[];
  /** On the host, for each of the container's mounts. */
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
    readonly propagation?: string;
  }[];
  readonly devices: readonly { readonly source: string; readonly target: string }[];
  /** The file on the host behind terminationMessagePath. */
  readonly terminationMessage: string;
  /** The file on the host behind /etc/hosts; undefined: the sandbox's. */
  readonly etcHosts?: string;
  /** The container whose PID namespace an ephemeral one joins. */
  readonly target?: string;
  readonly node: NodeFacts;
}

export type ProbeKind = "startup" | "readiness" | "liveness";

export interface ProbeTarget {
  readonly pod: Pod;
  readonly container: Container;
  /** The engine's id. */
  readonly id: string;
  readonly podIp: () => string | undefined;
}

export interface ProbeResult {
  readonly kind: ProbeKind;
  readonly pod: string;
  readonly container: string;
  readonly id: string;
  readonly success: boolean;
  /** What the last look said, for the event. */
  readonly message: string;
}

export interface Probes extends AsyncDisposable {
  /** Begins those of a container that has started; readiness and liveness after startup has succeeded. */
  start(target: ProbeTarget): void;
  stop(id: string): void;
  /** Thresholds are counted here: it is told when the verdict changes. */
  onVerdict(handler: (result: ProbeResult) => void): void;
  /** undefined while it has not been looked at often enough. Without such a probe: true. */
  verdict(id: string, kind: ProbeKind): boolean | undefined;
}
