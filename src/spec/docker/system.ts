/** Shapes of Docker's Engine API 1.51 for a daemon as a whole. */
import type { ContainerSummary } from "./containers.ts";
import type { ImageSummary } from "./images.ts";
import type { Volume } from "./volumes.ts";

/** GET /version. */
export interface ServerVersion {
  readonly Platform?: { readonly Name: string };
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
  readonly GitCommit: string;
  readonly GoVersion?: string;
  readonly Os: string;
  readonly Arch: string;
  readonly KernelVersion?: string;
  readonly BuildTime?: string;
  readonly Components?: readonly {
    readonly Name: string;
    readonly Version: string;
    readonly Details?: Readonly<Record<string, string>> | null;
  }[];
}

/** GET /info; daemons give more than what is listed. */
export interface SystemInfo {
  readonly ID: string;
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly Driver: string;
  readonly DriverStatus?: readonly (readonly [string, string])[] | null;
  readonly Plugins?: Readonly<Record<string, readonly string[] | null>> | null;
  readonly LoggingDriver?: string;
  readonly CgroupDriver?: string;
  readonly CgroupVersion?: string;
  readonly KernelVersion?: string;
  readonly OperatingSystem?: string;
  readonly OSType?: string;
  readonly Architecture?: string;
  readonly NCPU?: number;
  readonly MemTotal?: number;
  readonly IndexServerAddress?: string;
  readonly DockerRootDir?: string;
  readonly HttpProxy?: string;
  readonly HttpsProxy?: string;
  readonly NoProxy?: string;
  readonly Name?: string;
  readonly Labels?: readonly string[] | null;
  readonly ServerVersion?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DefaultRuntime?: string;
  readonly LiveRestoreEnabled?: boolean;
  readonly SecurityOptions?: readonly string[] | null;
  readonly Swarm?: { readonly LocalNodeState?: string };
  readonly InitBinary?: string;
  readonly Debug?: boolean;
  readonly RegistryConfig?: { readonly InsecureRegistryCIDRs?: readonly string[] | null } | null;
  readonly CDISpecDirs?: readonly string[] | null;
  readonly Warnings?: readonly string[] | null;
}

/** A line of GET /events. */
export interface EventMessage {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> | null };
  readonly scope?: string;
  /** Unix seconds. */
  readonly time: number;
  readonly timeNano?: number;
}

/** GET /system/df. */
export interface SystemDiskUsage {
  readonly LayersSize?: number;
  readonly Images?: readonly ImageSummary[] | null;
  readonly Containers?: readonly ContainerSummary[] | null;
  readonly Volumes?: readonly Volume[] | null;
  readonly BuildCache?:
    | readonly {
        readonly ID: string;
        readonly Size: number;
        readonly InUse: boolean;
        readonly Shared: boolean;
      }[]
    | null;
}

/** What `sampan system audit` finds on the host: a thing that belongs to nothing, or one that should be there and is not. None: all is well. */
export interface AuditItem {
  /** `monitor`, `process`, `mount`, `cgroup`, `network`, `folder`, `socket`, `lease`, `volume`. */
  readonly kind: string;
  /** A path, a process id, a device's name. */
  readonly name: string;
  /** The container, network or volume that it should belong to; empty: nothing that is known. */
  readonly owner: string;
  readonly problem: "left over" | "missing";
  /** It was put right just now. */
  readonly repaired: boolean;
}
