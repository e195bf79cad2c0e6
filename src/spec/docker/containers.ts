/** What is asked and told about containers: shapes of Docker's Engine API 1.47, only what Sampan gives. */

/** What GET /containers/json is asked. `limit`: the newest, whatever their state. */
export interface ListRequest {
  readonly all: boolean;
  readonly limit?: number;
  readonly size?: boolean;
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

/** GET /containers/json. */
export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  /** Unix seconds. */
  readonly Created: number;
  readonly State: string;
  /** For people: `Up 3 minutes`. */
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly HostConfig: { readonly NetworkMode: string };
  /** Exposed ones, and with `PublicPort` published ones. */
  readonly Ports?: readonly Port[] | null;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, unknown>> | null } | null;
  readonly Mounts: readonly MountPoint[];
  /** Bytes that the container has written; when asked for. */
  readonly SizeRw?: number;
  /** With those of its image. */
  readonly SizeRootFs?: number;
}

export interface Port {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

export interface MountPoint {
  readonly Type: "bind" | "volume";
  /** Of a volume. */
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

/** GET /containers/{id}/json. */
export interface ContainerInspect {
  readonly Id: string;
  /** RFC 3339, as all times here; `0001-01-01T00:00:00Z` for what has not been. */
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly State: {
    readonly Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
    readonly Running: boolean;
    /** 0 when it does not run. */
    readonly Pid: number;
    readonly ExitCode: number;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  /** The image's id. */
  readonly Image: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Platform: "linux";
  readonly ResolvConfPath: string;
  readonly HostnamePath: string;
  readonly HostsPath: string;
  readonly HostConfig: {
    readonly Binds: readonly string[];
    readonly NetworkMode: string;
    readonly AutoRemove: boolean;
    readonly Privileged: boolean;
    readonly ReadonlyRootfs: boolean;
    readonly CapAdd: readonly string[];
    readonly CapDrop: readonly string[];
    readonly UsernsMode: string;
    readonly Runtime: string;
    /** Bytes; 0: no limit. */
    readonly Memory: number;
    readonly NanoCpus: number;
    /** Microseconds; 0: no limit. */
    readonly CpuQuota?: number;
    /** Microseconds; 0: the kernel's. */
    readonly CpuPeriod?: number;
    /** `0-2,4`; empty: all. */
    readonly CpusetCpus?: string;
    readonly PidsLimit: number | null;
  };
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> };
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly NetworkSettings?: {
    readonly Ports?: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    > | null;
  };
  readonly Mounts: readonly MountPoint[];
  readonly Config: {
    readonly Hostname: string;
    readonly User: string;
    readonly Tty: boolean;
    readonly OpenStdin: boolean;
    readonly Env: readonly string[];
    readonly Cmd: readonly string[] | null;
    readonly Image: string;
    readonly Volumes: Readonly<Record<string, object>> | null;
    readonly WorkingDir: string;
    readonly Entrypoint: readonly string[] | null;
    readonly Labels: Readonly<Record<string, string>>;
  };
}
