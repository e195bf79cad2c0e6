/** What the kernel keeps for each traced process, as far as file offsets and paths need it: descriptors, working folder, umask. */
import type { Call } from "./trace.ts";

/** An open file description: dup(2) and fork(2) share it. */
export interface Description {
  /** Inode in the model; undefined outside of the data root. */
  readonly inode: number | undefined;
  /** Where it was when last seen. */
  path: string;
  /** Undefined when it was opened before the trace began, or came through a socket. */
  offset: number | undefined;
  readonly append: boolean;
  /** O_SYNC or O_DSYNC. */
  readonly durable: "all" | "data" | undefined;
}

export interface Process {
  files: Map<number, Description>;
  place: { folder: string; umask: number };
}

interface Birth {
  readonly parent: number;
  readonly begin: number;
  readonly flags: string;
}

const cloning = new Set(["clone", "clone3", "fork", "vfork"]);

export class Processes {
  readonly #known = new Map<number, Process>();
  readonly #births = new Map<number, Birth[]>();
  readonly #first: { folder: string; umask: number };

  /** `calls` is the whole trace: a child's first call may stand before the end of the call that made it. */
  constructor(calls: readonly Call[], first: { folder: string; umask: number }) {
    this.#first = first;
    for (const call of calls) {
      if (!cloning.has(call.name) || call.result <= 0) continue;
      const birth = {
        parent: call.pid,
        begin: call.begin,
        flags: call.args.map(({ text }) => text).join(" "),
      };
      this.#births.set(call.result, [...(this.#births.get(call.result) ?? []), birth]);
    }
  }

  /** The process that makes this call. */
  of(call: Call): Process {
    const known = this.#known.get(call.pid);
    const births = this.#births.get(call.pid);
    if (known && !(births?.[0] && births[0].begin < call.begin)) return known;
    const birth = births?.shift();
    const process = birth ? this.#born(birth) : { files: new Map(), place: { ...this.#first } };
    this.#known.set(call.pid, process);
    return process;
  }

  #born({ parent, flags }: Birth): Process {
    const { files, place } = this.#known.get(parent) ?? {
      files: new Map<number, Description>(),
      place: this.#first,
    };
    return {
      files: flags.includes("CLONE_FILES") ? files : new Map(files),
      place: flags.includes("CLONE_FS") ? place : { ...place },
    };
  }
}
