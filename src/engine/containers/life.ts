/**
 * The contract of a container's life, for those who translate it (api/docker, api/cri) and for those who build it. Each verb is a function of its own file in this folder, named
 * as here; it takes the engine's parts first. `reference` is a name, an id or the beginning of an id.
 *
 *   createContainer(engine, { body, name?, platform? })            create.ts    → ContainerInfo
 *   startContainer(engine, reference, { signal? })                  start.ts     → boolean: false when it ran already
 *   stopContainer(engine, reference, { signal?, timeout?, abort? }) stop.ts      → boolean: false when it had ended already; the stop signal, then SIGKILL after `timeout` seconds
 *   killContainer(engine, reference, signalName)                    kill.ts
 *   restartContainer(engine, reference, options of stop)            restart.ts
 *   pauseContainer · unpauseContainer(engine, reference)            pause.ts
 *   renameContainer(engine, reference, name)                        rename.ts
 *   updateContainer(engine, reference, Resources & RestartPolicy)   update.ts    → warnings
 *   removeContainer(engine, reference, { force, volumes })          remove.ts
 *   waitContainer(engine, reference, condition, signal)             wait.ts      → { statusCode, error? }
 *   attachContainer(engine, reference, { stdin, stdout, stderr, signal }) attach.ts → Attachment of runtime.ts; "created" ones are waited for
 *   resizeContainer(engine, reference, size)                        resize.ts
 *   createExec(engine, reference, ExecBody)                         exec.ts      → the exec's id
 *   startExec(engine, execId, { detach, size?, signal? })           exec.ts      → Attachment; undefined when detached
 *   inspectExec(engine, execId)                                     exec.ts      → ExecInfo
 *   resizeExec(engine, execId, size)                                exec.ts
 *   execsOf(engine, containerId)                                    exec.ts      → ids of those that run or wait for their start
 *   pruneContainers(engine, { filters })                            prune.ts     → { removed, reclaimed }
 *   readLogs(engine, reference, LogQuery)                           logs.ts      → AsyncIterable<LogEntry>
 *   topContainer(engine, reference, psArgs)                         top.ts       → { titles, processes }
 *   statsOf(engine, reference) · followStats(engine, reference, signal) stats.ts
 *   changesOf(engine, reference)                                    changes.ts   → what differs from the image
 *   statPath · readArchive · writeArchive                           copy.ts      (docker cp)
 *
 * What is true: the row says what shall be and what was last seen; the monitor says what is. A row is `running` from the moment its init was let go until its end is written
 * down. Every change of a container is under its own lock in this process (`Tasks.exclusive`), so that verbs follow each other; between processes the monitor decides.
 */
import type { MonitorConnection } from "../../runtime/runtime.ts";
import type { ExecBody } from "../../spec/docker/exec.ts";
import type { TaskTable } from "./task-table.ts";

/** Docker's. */
export const containerStates = [
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "exited",
  "dead",
] as const;
export type LifeState = (typeof containerStates)[number];

/** Those that run, with the connections to their monitors; opened with the engine, filled from the monitors that live. One in an engine. */
export interface Tasks extends AsyncDisposable {
  /**
   * Finds again what runs: connects to the monitors of rows that say `running` or `paused`, writes down the ends that happened meanwhile, takes away what is left of them. With
   * `supervise` (the daemon) it also starts what its restart policy wants, in the order of dependencies, watches health, and goes on doing so.
   */
  restore(options: { readonly supervise: boolean; readonly signal?: AbortSignal }): Promise<void>;
  /** The connection of a running one; undefined when it does not run. */
  get(id: string): MonitorConnection | undefined;
  /** One change at a time for a container. A container that is stuck blocks only its own. */
  exclusive<Result>(id: string, change: () => Promise<Result>): Promise<Result>;
  /** For the verbs of this folder alone. */
  readonly table: TaskTable;
  /** Stops to supervise; containers run on. */
  [Symbol.asyncDispose](): Promise<void>;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface WaitResult {
  readonly statusCode: number;
  readonly error?: string;
}

/** A further process of a container. Those that have ended are remembered for a while: the last 1,024 of all. */
export interface ExecInfo {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly container: string;
  readonly body: ExecBody;
  readonly running: boolean;
  /** Of the host; 0 before it was started. */
  readonly pid: number;
  /** Undefined until it has ended. */
  readonly exitCode: number | undefined;
}

export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Nanoseconds since 1970. */
  readonly since?: bigint;
  readonly until?: bigint;
  /** Lines; undefined: all. */
  readonly tail?: number;
  readonly signal: AbortSignal;
}

export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds, as it stands in the log. */
  readonly time: string;
  /** With its line end, but for a piece of a longer line. */
  readonly text: Uint8Array;
}

export interface Health {
  readonly status: "none" | "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** The last five. */
  readonly log: readonly {
    readonly start: Date;
    readonly end: Date;
    readonly exitCode: number;
    readonly output: string;
  }[];
}
