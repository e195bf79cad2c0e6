/**
 * What the command line asks of a daemon, by Docker's API: EngineClient and all that only a daemon can do. Bodies and answers are Docker's shapes. Each call
 * rejects with SampanError; where a daemon refuses, with its own words.
 */
import type { CreateBody, Resources, RestartPolicy } from "../../spec/docker/create.ts";
import type { ExecBody, ExecInspect } from "../../spec/docker/exec.ts";
import type { NetworkConnectBody, NetworkCreateBody, NetworkInspect } from "../../spec/docker/networks.ts";
import type { StatsSample } from "../../spec/docker/stats.ts";
import type {
  AuditItem,
  EventMessage,
  ServerVersion,
  SystemDiskUsage,
  SystemInfo,
} from "../../spec/docker/system.ts";
import type { Volume, VolumeCreateBody } from "../../spec/docker/volumes.ts";
import type { EngineClient } from "./client.ts";
import type { Connection } from "./http/connection.ts";

export type Filters = Readonly<Record<string, readonly string[]>>;

export interface Signalled {
  readonly signal?: AbortSignal;
}

/** Both directions of a program's stdio. `end()` of the stream ends its standard input only. */
export interface Attached {
  readonly stream: Connection;
  /** Undefined: an old daemon that does not say; then a program without a terminal is multiplexed. */
  readonly multiplexed: boolean | undefined;
}

export interface AttachOptions extends Signalled {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** What was written before, too. */
  readonly logs?: boolean;
  readonly detachKeys?: string;
}

export interface Ended {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string } | null;
}

export interface LogOptions extends Signalled {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Unix seconds with nanoseconds behind a point. */
  readonly since?: string;
  readonly until?: string;
  readonly timestamps: boolean;
  readonly tail: string;
  readonly details: boolean;
}

export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's file mode: the type in the upper bits. */
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

export interface Pruned {
  readonly deleted: readonly string[];
  readonly reclaimed: number;
}

export interface DaemonClient extends EngineClient {
  /** Where it is, as the person said it. */
  readonly host: string;
  /** The version of the API that both speak. */
  apiVersion(): Promise<string>;

  createContainer(
    body: CreateBody,
    options: Signalled & { name?: string; platform?: string },
  ): Promise<{ Id: string; Warnings: readonly string[] | null }>;
  startContainer(container: string, options?: { detachKeys?: string; checkpoint?: string }): Promise<void>;
  /** False: it did not run. */
  stopContainer(container: string, options: { signal?: string; timeout?: number }): Promise<void>;
  restartContainer(container: string, options: { signal?: string; timeout?: number }): Promise<void>;
  killContainer(container: string, signal?: string): Promise<void>;
  pauseContainer(container: string): Promise<void>;
  unpauseContainer(container: string): Promise<void>;
  renameContainer(container: string, name: string): Promise<void>;
  updateContainer(
    container: string,
    body: Resources & { RestartPolicy?: RestartPolicy },
  ): Promise<{ Warnings: readonly string[] | null }>;
  /** Resolves when the daemon waits; `ended` when the condition came. */
  waitContainer(
    container: string,
    options: Signalled & { condition?: "not-running" | "next-exit" | "removed" },
  ): Promise<{ readonly ended: Promise<Ended> }>;
  attachContainer(container: string, options: AttachOptions): Promise<Attached>;
  resizeContainer(container: string, size: { rows: number; columns: number }): Promise<void>;
  /** Multiplexed unless the container has a terminal. */
  logs(container: string, options: LogOptions): AsyncIterable<Uint8Array>;
  topContainer(
    container: string,
    args: string,
  ): Promise<{ Titles: readonly string[]; Processes: readonly (readonly string[])[] | null }>;
  stats(container: string, options: Signalled & { stream: boolean }): AsyncIterable<StatsSample>;
  containerChanges(container: string): Promise<readonly { Path: string; Kind: 0 | 1 | 2 }[]>;
  /** A tar archive of the path. */
  copyFrom(
    container: string,
    path: string,
    options?: Signalled,
  ): Promise<{ stat: PathStat; archive: AsyncIterable<Uint8Array> }>;
  /** Unpacks a tar archive in the folder. */
  copyTo(
    container: string,
    path: string,
    options: Signalled & { archive: AsyncIterable<Uint8Array>; keepOwner: boolean },
  ): Promise<void>;
  statPath(container: string, path: string): Promise<PathStat>;

  createExec(container: string, body: ExecBody): Promise<string>;
  startExec(
    exec: string,
    options: Signalled & { tty: boolean; size?: readonly [number, number] },
  ): Promise<Attached>;
  startExecDetached(exec: string, options: { tty: boolean }): Promise<void>;
  resizeExec(exec: string, size: { rows: number; columns: number }): Promise<void>;
  inspectExec(exec: string): Promise<ExecInspect>;

  networks(filters: Filters): Promise<readonly NetworkInspect[]>;
  createNetwork(body: NetworkCreateBody): Promise<{ Id: string; Warning?: string }>;
  inspectNetwork(network: string, options?: { verbose?: boolean; scope?: string }): Promise<NetworkInspect>;
  removeNetwork(network: string): Promise<void>;
  connectNetwork(network: string, body: NetworkConnectBody): Promise<void>;
  disconnectNetwork(network: string, container: string, force: boolean): Promise<void>;
  pruneNetworks(filters: Filters): Promise<readonly string[]>;

  volumes(
    filters: Filters,
  ): Promise<{ Volumes: readonly Volume[] | null; Warnings: readonly string[] | null }>;
  createVolume(body: VolumeCreateBody): Promise<Volume>;
  inspectVolume(volume: string): Promise<Volume>;
  removeVolume(volume: string, force: boolean): Promise<void>;
  pruneVolumes(filters: Filters): Promise<Pruned>;

  serverVersion(): Promise<ServerVersion>;
  info(): Promise<SystemInfo>;
  events(
    options: Signalled & { since?: string; until?: string; filters: Filters },
  ): AsyncIterable<EventMessage>;
  /** Docker's own account; diskUsage is Sampan's. */
  dockerDiskUsage(): Promise<SystemDiskUsage>;
  audit(options: Signalled & { repair?: boolean }): Promise<readonly AuditItem[]>;
}
