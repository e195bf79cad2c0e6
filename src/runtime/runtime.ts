/**
 * The runtime's contract: the life of a container, for whoever makes one (native; later vm, sandbox, external).
 *
 *   create → created → start → running ⇄ paused → (its process ends) → stopped → delete → gone
 *
 * - `create` makes everything but the process's program, which waits. It fails whole: nothing is left of a failed one, and an id is taken once.
 * - `start` lets the program go, once; a second call is refused.
 * - `kill` sends a signal and does not wait. `delete` removes what is left on the host; with force it ends the container first, and one that is
 *   not there is no error. What an interrupted create left is deleted with force.
 * - `exec` adds a process to a container that runs. `pause` and `resume` stop and go on with all its processes; `update` changes its limits.
 * - Several callers may act on one container at once: verbs that change it exclude each other, and each looks at the status when its turn has come.
 *
 * The status is never stored: it is asked of the kernel each time, so that no crash can leave a false one.
 */
import { SampanError } from "../base/errors.ts";
import type { OciProcess, OciResources } from "../spec/oci/config.ts";

/** runtime.md, "State", less `creating` (no verb can see it), and paused, as all runtimes have it. */
export const statuses = ["created", "running", "paused", "stopped"] as const;
export type Status = (typeof statuses)[number];

interface Rule {
  /** The statuses in which the verb may be called. */
  readonly from: readonly Status[];
  /** What is said in the others: runc's words, which its callers look for. */
  readonly refusal: string | Readonly<Partial<Record<Status, string>>>;
}

/** States are a table: which verb may be called when. */
export const verbs = {
  start: {
    from: ["created"],
    refusal: {
      running: "cannot start an already running container",
      paused: "cannot start an already running container",
      stopped: "cannot start a container that has stopped",
    },
  },
  exec: {
    from: ["created", "running"],
    refusal: {
      paused: "cannot exec in a paused container (use --ignore-paused to override)",
      stopped: "cannot exec in a stopped container",
    },
  },
  kill: { from: ["created", "running", "paused"], refusal: "container not running" },
  pause: { from: ["created", "running"], refusal: "container not running or created" },
  resume: { from: ["paused"], refusal: "container not paused" },
  update: { from: ["created", "running", "paused"], refusal: "container not running" },
  delete: { from: ["created", "stopped"], refusal: "it is not stopped" },
} as const satisfies Readonly<Record<string, Rule>>;

export type Verb = keyof typeof verbs;

/** Verbs that programs of other makers may not have: what stands in the settings as `cannot`. */
export const abilities = ["exec", "pause", "update", "stats", "processes"] as const;
export type Ability = (typeof abilities)[number];

/** A program with runc's command line. */
export interface RuntimeProgram {
  /** Absolute. */
  readonly path: string;
  /** Before all others: `--platform=kvm`. */
  readonly args: readonly string[];
  readonly cannot: readonly Ability[];
}

/** Refuses a verb in a status that the table does not allow. Errors: `failed_precondition` naming both statuses. */
export function checkStatus(verb: Verb, id: string, status: Status): void {
  const { from, refusal }: Rule = verbs[verb];
  if (from.includes(status)) return;
  const words = typeof refusal === "string" ? refusal : refusal[status];
  throw new SampanError(
    "failed_precondition",
    `cannot ${verb} container "${id}": it is ${status}, wanted ${from.join(" or ")}: ${words}`,
  );
}

/**
 * A container's processes, each under a monitor: a tiny process that is its parent, holds its stdio, writes its log, and outlives whoever made it. The engine calls
 * this contract in its own process; nothing here blocks the caller's thread for longer than a system call, and every call that waits takes a signal.
 *
 * `monitor.folder` (0700, made by the caller, below the state root) holds the monitor's socket and, when the process has ended, the file `exit`.
 */
export interface Runtime {
  /** As `--runtime` names it: `native`, `runc` … */
  readonly name: string;
  /** Verbs that it refuses with `unimplemented`, naming itself. */
  readonly cannot: ReadonlySet<Ability>;
  /** Resolves when everything is made and the program waits. Nothing is left of a failed one, its monitor included. `bundle` holds config.json. */
  create(request: CreateTask, signal?: AbortSignal): Promise<{ readonly pid: number }>;
  start(id: string, signal?: AbortSignal): Promise<void>;
  /** A further process. Resolves when its program runs or has ended; its own monitor's folder then tells. Errors as `exec` of the table. */
  exec(request: ExecTask, signal?: AbortSignal): Promise<{ readonly pid: number }>;
  /** `all`: every process of the container. One that has ended is refused with the table's words. */
  kill(id: string, signal: number, options?: { readonly all?: boolean }): Promise<void>;
  pause(id: string, signal?: AbortSignal): Promise<void>;
  resume(id: string, signal?: AbortSignal): Promise<void>;
  update(id: string, resources: OciResources): Promise<void>;
  /** Process ids as the host numbers them. */
  processes(id: string): Promise<readonly number[]>;
  stats(id: string): Promise<RuntimeStats>;
  /** How often the kernel killed a process of it for memory: of all counters the one that is asked at every end. */
  oomKills(id: string): Promise<number>;
  /** That number each time that it has grown above `since`, within a second; until the container is gone or the signal says so. */
  oomKillsAbove(id: string, since: number, signal: AbortSignal): AsyncIterable<number>;
  /** Undefined when it has never heard of it. */
  state(id: string): Promise<{ readonly status: Status; readonly pid: number } | undefined>;
  /** Takes away what is left on the host. With force it ends the container first, and one that is not there is no error. */
  delete(id: string, options: { readonly force: boolean; readonly signal?: AbortSignal }): Promise<void>;
}

export interface MonitorRequest {
  /** Absolute. */
  readonly folder: string;
  readonly stdio: {
    readonly terminal: boolean;
    /** `none`: /dev/null. `once`: ends when the first attached client that sends it goes. `open`: ends when someone says so. */
    readonly stdin: "none" | "once" | "open";
    readonly size?: TerminalSize;
    /**
     * Nothing is taken from the process's output before the first client has attached, or 10 s are over; then it is carried as always, also when the process has ended
     * meanwhile. For an exec, whose output has no other place, and whose monitor can be reached only when it runs: a client that does not take it holds the process for hours, while
     * others are let go after 10 s.
     */
    readonly hold?: boolean;
    /**
     * In place of the monitor's pipes: the process has these files themselves, and no byte of it goes through anybody; of a terminal the monitor copies from `stdin` and to
     * `stdout`. Nothing is logged or can be attached to then, but for a terminal. A FIFO stays open, whoever else comes and goes; `closeStdin` ends that of `stdin`.
     */
    readonly files?: StdioFiles;
  };
  /** Lines as CRI writes them: `<RFC 3339 with nanoseconds> stdout|stderr P|F <text>`, P for a piece that no line end follows: of a line of over 16 KiB, or the last. None for exec and log driver `none`. */
  readonly log?: {
    readonly path: string;
    /** Bytes; `path` → `path.1` → …; 0: never, whoever asked for it moves it away (`reopenLog`). */
    readonly maxSize: number;
    /** All together, at least 1. */
    readonly maxFiles: number;
  };
}

/** A stream that is missing is /dev/null. `stdin` of the request says whether there is a standard input. */
export interface StdioFiles {
  readonly stdin?: StdioFile;
  readonly stdout?: StdioFile;
  readonly stderr?: StdioFile;
}

export interface StdioFile {
  /** Absolute. One that is written is appended to, and made where it is missing. */
  readonly path: string;
  readonly fifo: boolean;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface CreateTask {
  readonly id: string;
  readonly bundle: string;
  readonly monitor: MonitorRequest;
}

export interface ExecTask {
  readonly id: string;
  readonly process: OciProcess;
  readonly monitor: MonitorRequest;
}

/** The counters that Docker's stats and the metrics are made of; what the kernel does not give is absent. Bytes, nanoseconds. */
export interface RuntimeStats {
  readonly version: 1 | 2;
  readonly cpu: {
    readonly total: number;
    readonly user: number;
    readonly kernel: number;
    readonly perCpu?: readonly number[];
    readonly periods?: number;
    readonly throttledPeriods?: number;
    readonly throttledTime?: number;
  };
  readonly memory: {
    readonly usage: number;
    readonly maxUsage?: number;
    readonly limit?: number;
    readonly failures?: number;
    /** Alone, without memory; absent where the kernel does not count it. */
    readonly swap?: { readonly usage: number; readonly limit?: number };
    /** memory.stat as it is: `inactive_file`, `total_inactive_file` … */
    readonly stat: Readonly<Record<string, number>>;
    /** How often the kernel killed a process of it for memory. */
    readonly oomKills: number;
  };
  readonly pids: { readonly current: number; readonly limit?: number };
  readonly io: readonly {
    readonly major: number;
    readonly minor: number;
    readonly op: "read" | "write";
    readonly bytes: number;
    readonly operations: number;
  }[];
  /** How long its processes had to wait for something (PSI); where the kernel says so, which is with version 2 alone. */
  readonly pressure?: { readonly [kind in PressureKind]?: Pressure };
  /** Bytes, by the size of the page: `2MB`. */
  readonly hugepages?: Readonly<Record<string, { readonly usage: number; readonly maxUsage?: number }>>;
}

export type PressureKind = "cpu" | "memory" | "io";

/** `some`: at least one process waited; `full`: all at once. */
export interface Pressure {
  readonly some: PressureShare;
  readonly full: PressureShare;
}

export interface PressureShare {
  /** Per cent of the last 10, 60 and 300 seconds. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Microseconds in all. */
  readonly total: number;
}

/** How a process ended, as its monitor wrote it. */
export interface Exit {
  /** 128 and the signal's number for one that a signal ended. */
  readonly code: number;
  readonly signal?: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** To the monitors of this host, whoever made them. */
export interface Monitors {
  /** Errors: `not_found` when nobody listens there, which means that it has ended or never was. */
  connect(folder: string, signal?: AbortSignal): Promise<MonitorConnection>;
  /** Undefined when it has not ended, or when its monitor was killed before it could say so. */
  exit(folder: string): Exit | undefined;
  /**
   * The log goes on in the file that has its name now, made anew where there is none. Errors: `not_found` when nobody listens there; `failed_precondition` when it has no log, is of a time
   * before this request, or cannot open the file: then it goes on in the one that it has.
   */
  reopenLog(folder: string, signal?: AbortSignal): Promise<void>;
}

export interface MonitorConnection extends AsyncDisposable {
  readonly pid: number;
  /** Rejects with `unavailable` when the monitor went without a word. */
  readonly exited: Promise<Exit>;
  /** From this moment on; what was written before is in the log. Several may attach. */
  attach(options: {
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
  }): Promise<Attachment>;
  resize(size: TerminalSize): Promise<void>;
  /** Standard input ends for the process when everybody else who writes it has closed it, too. */
  closeStdin(): void;
  /** To the process alone, or with `group` to all of its group where it leads one; never to another that got its number. False when it has ended. */
  signal(number: number, options?: { readonly group?: boolean }): Promise<boolean>;
}

/** A connection of its own to the monitor. */
export interface Attachment extends AsyncDisposable {
  /** Frames as Docker multiplexes them: stream (1 stdout, 2 stderr; a terminal is all 1), three zeros, the length big-endian, the bytes. Ends with the process. */
  readonly output: ReadableStream<Uint8Array>;
  /** Resolves when the monitor has room for more. */
  write(bytes: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
}

/** By name. Errors: `invalid_argument` naming those that there are. */
export interface Runtimes {
  /** Undefined: the default. */
  get(name?: string): Runtime;
  readonly names: readonly string[];
  readonly default: string;
  /** The counters of a cgroup that holds those of several containers, as their cgroup parent names it; undefined when it is not there. */
  groupStats(cgroup: string): RuntimeStats | undefined;
  /** A static program on the host that is to be bound into a container and called with `--` and the words of a program: reaps, and passes signals on. */
  init(): Promise<string>;
}
