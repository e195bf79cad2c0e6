/** The command line of docker: global flags, a command or a group and its command. Errors are printed here, once. */
import { invalid, SampanError } from "../base/errors.ts";
import type { Command } from "./command.ts";
import type { DaemonClient } from "./client/daemon.ts";
import type { CredentialStore } from "./client/credentials.ts";
import { absent, aliases, commands, groups } from "./commands.ts";
import { type FlagTable, parseFlags } from "./flags/flags.ts";
import { nearest } from "./flags/nearest.ts";
import { commandHelp, globalFlags, groupHelp, overview, usageLine } from "./help.ts";
import { errorLine } from "./error-line.ts";
import type { Io } from "./io.ts";
import { printable } from "./text/identifier.ts";

/** Where the engine's data and settings are, as the global flags say. */
export interface Place {
  readonly root: string | undefined;
  readonly config: string | undefined;
}

/** A client of the daemon that a person who names none means. */
export type OpenClient = (place: Place) => Promise<DaemonClient>;

export interface MainOptions {
  /** What registries are told of the person; without it nobody is logged in anywhere. */
  readonly credentials?: () => Promise<CredentialStore>;
  /** The program that `compare` runs in containers. */
  readonly probe?: () => Promise<Uint8Array>;
}

/** Wrong flags, and what fails before a container's own program runs. */
const usageStatus = 125;

/** Runs one command line (without the program's name); gives the exit status and never throws. */
export async function main(
  args: readonly string[],
  openClient: OpenClient,
  io: Io,
  options: MainOptions = {},
): Promise<number> {
  try {
    const { flags, words } = parseFlags(globalFlags, args, { flagsFirst: true });
    const host = hostAsked(flags, io.env);
    const open: OpenClient =
      host === undefined
        ? openClient
        : async () => (await import("./client/open.ts")).openHost(host, { flags, env: io.env, ...options });
    if (flags.version) return await call("version", (await import("./version.ts")).command, [], io);
    if (flags.help || words.length === 0) {
      await io.out.write(await overview());
      return 0;
    }
    const [name = "", ...rest] = words;
    if (name === "help") return await help(rest, io);
    const place = { root: flags.root, config: flags.config };
    return await dispatch(name, rest, {
      openClient: open,
      place,
      io,
      named: host !== undefined,
      ...(options.probe && { probe: options.probe }),
    });
  } catch (error) {
    return fail(error, io, usageStatus);
  }
}

interface Door {
  readonly openClient: OpenClient;
  readonly place: Place;
  readonly io: Io;
  /** The person named a daemon. */
  readonly named: boolean;
  readonly probe?: () => Promise<Uint8Array>;
}

/** The daemon that the person named; a data root in the same line outweighs what the environment says. */
function hostAsked(
  { host, root }: { readonly host: string | undefined; readonly root: string | undefined },
  env: Io["env"],
): string | undefined {
  if (host !== undefined && root !== undefined)
    throw invalid("cannot use --host and --root together: a data root is this machine's, a host anywhere");
  return host ?? (root === undefined ? env["DOCKER_HOST"] || undefined : undefined);
}

/** What shells ask for completion; see completion/completion.ts. */
async function complete(words: readonly string[], door: Door): Promise<number> {
  const { suggest } = await import("./completion/suggest.ts");
  const opened = new LazyClient(door);
  try {
    const found = await suggest(words, () => opened.get());
    await door.io.out.write(found.map(({ word, what }) => `${word}\t${what}\n`).join(""));
    return 0;
  } finally {
    await opened.close(door.io);
  }
}

async function dispatch(name: string, args: readonly string[], door: Door): Promise<number> {
  const { io } = door;
  if (name === "__complete") return complete(args, door);
  const group = Object.hasOwn(groups, name) ? groups[name] : undefined;
  const [verb = "", ...rest] = args;
  if (group && (verb === "" || verb === "--help" || verb === "-h")) {
    await io.out.write(await groupHelp(name));
    return 0;
  }
  const path = group ? (aliases[`${name} ${verb}`] ?? `${name} ${verb}`) : name;
  const command = await find(path);
  if (!command) return unknown(path, io);
  return call(path, command, group ? rest : args, io, door);
}

async function find(path: string): Promise<Command | undefined> {
  const [first = "", second] = path.split(" ");
  const table = second === undefined ? commands : (groups[first]?.commands ?? {});
  const key = second ?? first;
  const load = Object.hasOwn(table, key) ? table[key] : undefined;
  return load ? (await load()).command : undefined;
}

async function unknown(path: string, io: Io): Promise<number> {
  const [first = "", second] = path.split(" ");
  const what = second === undefined && Object.hasOwn(absent, first) ? absent[first] : undefined;
  if (what) {
    await io.err.write(`Error: sampan has no "${first}" yet: ${what}\n`);
    return 1;
  }
  const known =
    second === undefined
      ? [...Object.keys(commands), ...Object.keys(groups), "help", "runtime"]
      : Object.keys(groups[first]?.commands ?? {}).map((verb) => `${first} ${verb}`);
  const meant = nearest(path, known);
  const hint = meant ? `; did you mean "sampan ${meant}"?` : "";
  const group = second === undefined ? "" : ` ${first}`;
  await io.err.write(
    `Error: unknown command: sampan ${printable(path)}${hint}\n\nRun 'sampan${group} --help' for more information\n`,
  );
  return 1;
}

async function help(topic: readonly string[], io: Io): Promise<number> {
  const [first, second] = topic;
  if (first === undefined) {
    await io.out.write(await overview());
    return 0;
  }
  if (second === undefined && Object.hasOwn(groups, first)) {
    await io.out.write(await groupHelp(first));
    return 0;
  }
  const path = topic.slice(0, 2).join(" ");
  const command = await find(aliases[path] ?? path);
  if (!command) return unknown(path, io);
  await io.out.write(commandHelp(path, command));
  return 0;
}

function noProbe(): Promise<never> {
  throw new SampanError("unimplemented", "this program was built without the probe that tells of isolations");
}

async function call(
  name: string,
  command: Command,
  args: readonly string[],
  io: Io,
  door?: Door,
): Promise<number> {
  let parsed;
  try {
    parsed = parseFlags(withHelp(command.flags), args, { flagsFirst: command.flagsFirst ?? false });
  } catch (error) {
    return misused(name, command, { text: SampanError.from(error).message, status: usageStatus, io });
  }
  if (parsed.flags["help"]) {
    await io.out.write(commandHelp(name, command));
    return 0;
  }
  const text = wrongCount(name, command, parsed.words.length);
  if (text) return misused(name, command, { text, status: command.failure ?? 1, io });
  const opened = new LazyClient(door);
  try {
    return await command.run({
      ...io,
      flags: parsed.flags,
      words: parsed.words,
      daemon: () => opened.get(),
      named: door?.named ?? false,
      probe: door?.probe ?? noProbe,
    });
  } catch (error) {
    return await fail(error, io, command.failure ?? 1);
  } finally {
    await opened.close(io);
  }
}

/** -h is --help unless the command has another use for it, as run has. */
function withHelp(flags: FlagTable): FlagTable {
  const taken = Object.values(flags).some(({ short }) => short === "h");
  return { ...flags, help: { kind: "yes", help: "Print help", ...(taken ? {} : { short: "h" }) } };
}

/** Opened once, when a command first asks; closed at its end. */
class LazyClient {
  private readonly door: Door | undefined;
  private opening: Promise<DaemonClient> | undefined;

  constructor(door: Door | undefined) {
    this.door = door;
  }

  get(): Promise<DaemonClient> {
    if (!this.door) throw new SampanError("internal", "cannot open the engine: this command has none");
    return (this.opening ??= this.door.openClient(this.door.place));
  }

  async close(io: Io): Promise<void> {
    const client = await this.opening?.catch(() => undefined);
    try {
      await client?.[Symbol.asyncDispose]();
    } catch (error) {
      await fail(error, io, 1);
    }
  }
}

function wrongCount(name: string, { words }: Command, given: number): string | undefined {
  if (given >= words.least && given <= words.most) return undefined;
  const plural = (count: number) => `${count} argument${count === 1 ? "" : "s"}`;
  const says = `'sampan ${name}'`;
  if (words.most === 0) return `${says} accepts no arguments`;
  if (words.least === words.most) return `${says} requires ${plural(words.least)}`;
  return given < words.least
    ? `${says} requires at least ${plural(words.least)}`
    : `${says} requires at most ${plural(words.most)}`;
}

async function misused(
  name: string,
  command: Command,
  { text, status, io }: { text: string; status: number; io: Io },
): Promise<number> {
  await io.err.write(
    `Error: ${printable(text)}\n\n${usageLine(name, command)}\n\nRun 'sampan ${name} --help' for more information\n`,
  );
  return status;
}

/** As a shell counts a process that a signal ended. */
function interruptStatus({ reason }: AbortSignal): number {
  return (reason as { cause?: unknown } | undefined)?.cause === "SIGTERM" ? 143 : 130;
}

/** The reader of a pipe has gone: nobody can be told, and nothing is wrong with us. */
const brokenPipe = 141;

async function fail(error: unknown, io: Io, status: number): Promise<number> {
  if (io.signal.aborted) return interruptStatus(io.signal);
  const { message, cause } = SampanError.from(error);
  if ((cause as { code?: string } | undefined)?.code === "EPIPE") return brokenPipe;
  await io.err.write(`${errorLine(message)}\n`).catch(() => {});
  return status;
}
