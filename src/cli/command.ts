/** What a command of the command line is: data for parsing and help, and a function. One file each, named by its verb. */
import type { DaemonClient } from "./client/daemon.ts";
import type { Flags, FlagTable } from "./flags/flags.ts";
import type { Io } from "./io.ts";

export interface CommandContext<T extends FlagTable = FlagTable> extends Io {
  readonly flags: Flags<T>;
  readonly words: readonly string[];
  /** Opened at the first call, so that what needs no engine starts none. */
  readonly daemon: () => Promise<DaemonClient>;
  /** The person named a daemon, by -H or DOCKER_HOST. */
  readonly named: boolean;
  /** The program that tells of its isolation (launcher/probe.c). */
  readonly probe: () => Promise<Uint8Array>;
}

export interface Command<T extends FlagTable = FlagTable> {
  /** One line, for lists of commands. */
  readonly summary: string;
  /** What follows the command's name: `[OPTIONS] IMAGE [IMAGE...]`. */
  readonly usage: string;
  readonly flags: T;
  /** How many words it takes. */
  readonly words: { readonly least: number; readonly most: number };
  /** Whole command lines, without the program's name. Each one parses: a test tries. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** More for its help: paragraphs. */
  readonly more?: string;
  /** Flags end at the first word. */
  readonly flagsFirst?: boolean;
  /** The exit status when it fails; 1 unless it says. */
  readonly failure?: number;
  readonly run: (context: CommandContext<T>) => Promise<number>;
}

/** Gives the flags in `run` their types; what is kept is the plain form. */
export function define<const T extends FlagTable>(command: Command<T>): Command {
  return command as unknown as Command;
}

export const any = Number.POSITIVE_INFINITY;
