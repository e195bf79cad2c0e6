/** What may come next on a command line: a line each, the word, a tab, and what it means. */
import type { DaemonClient } from "../client/daemon.ts";
import { aliases, commands, groups, type Load } from "../commands.ts";
import type { FlagTable } from "../flags/flags.ts";
import { globalFlags } from "../help.ts";

export interface Suggestion {
  readonly word: string;
  readonly what: string;
}

/** Names that a command takes, by the word of its usage that comes first. */
type Kind = "CONTAINER" | "IMAGE" | "NETWORK" | "VOLUME";

export type OpenEngine = () => Promise<DaemonClient>;

/** `words`: all behind the program's name; the last one is being typed. */
export async function suggest(words: readonly string[], open: OpenEngine): Promise<readonly Suggestion[]> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const all = await candidates(before, typed, open);
  return all.filter(({ word }) => word.startsWith(typed));
}

async function candidates(
  before: readonly string[],
  typed: string,
  open: OpenEngine,
): Promise<readonly Suggestion[]> {
  const rest = afterFlags(globalFlags, before);
  const [first, second] = rest;
  if (first === undefined) return typed.startsWith("-") ? flags(globalFlags) : names();
  const group = Object.hasOwn(groups, first) ? groups[first] : undefined;
  if (group && second === undefined) return summaries(group.commands);
  const path = group ? (aliases[`${first} ${second}`] ?? `${first} ${second}`) : first;
  const load = find(path);
  if (!load) return [];
  const { command } = await load();
  if (typed.startsWith("-")) return flags(command.flags);
  const previous = before.at(-1) ?? "";
  const spec = flagOf(command.flags, previous);
  if (spec?.among) return spec.among.map((word) => ({ word, what: spec.help }));
  if (spec && spec.kind !== "yes" && spec.kind !== "maybe") return [];
  return things(kindOf(command.usage, path), open);
}

function find(path: string): Load | undefined {
  const [first = "", second] = path.split(" ");
  const table = second === undefined ? commands : (groups[first]?.commands ?? {});
  const key = second ?? first;
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function flagOf(table: FlagTable, word: string) {
  if (!word.startsWith("-") || word.includes("=")) return undefined;
  return word.startsWith("--")
    ? table[word.slice(2)]
    : Object.values(table).find(({ short }) => short !== undefined && word.endsWith(short));
}

/** Words without flags and their values. */
function afterFlags(table: FlagTable, words: readonly string[]): readonly string[] {
  const rest = [...words];
  while (rest[0]?.startsWith("-")) {
    const spec = flagOf(table, rest.shift() ?? "");
    if (spec && spec.kind !== "yes" && spec.kind !== "maybe") rest.shift();
  }
  return rest;
}

function flags(table: FlagTable): Suggestion[] {
  return Object.entries(table)
    .filter(([, { absent, as }]) => !absent && as === undefined)
    .map(([name, { help }]) => ({ word: `--${name}`, what: help }));
}

async function summaries(table: Readonly<Record<string, Load>>): Promise<Suggestion[]> {
  return Promise.all(
    Object.entries(table).map(async ([word, load]) => ({ word, what: (await load()).command.summary })),
  );
}

async function names(): Promise<Suggestion[]> {
  const parts = Object.entries(groups).map(([word, { summary }]) => ({ word, what: summary }));
  return [...(await summaries(commands)), ...parts];
}

function kindOf(usage: string, path: string): Kind | undefined {
  const [, word] = /\b(CONTAINER|IMAGE|NETWORK|VOLUME|NAME)\b/.exec(usage.replace("[OPTIONS]", "")) ?? [];
  if (word === "NAME") return path === "inspect" ? "CONTAINER" : path === "push" ? "IMAGE" : undefined;
  return word as Kind | undefined;
}

const lists: Readonly<Record<Kind, (engine: DaemonClient) => Promise<Suggestion[]>>> = {
  CONTAINER: async (engine) =>
    (await engine.containers({ all: true, filters: {} })).flatMap(({ Names, Status }) =>
      Names.map((name) => ({ word: name.replace(/^\//, ""), what: Status })),
    ),
  IMAGE: async (engine) =>
    (await engine.images({ all: false, filters: {} })).flatMap(({ RepoTags }) =>
      (RepoTags ?? []).map((word) => ({ word, what: "image" })),
    ),
  NETWORK: async (engine) =>
    (await engine.networks({})).map(({ Name, Driver }) => ({ word: Name, what: Driver })),
  VOLUME: async (engine) =>
    ((await engine.volumes({})).Volumes ?? []).map(({ Name, Driver }) => ({
      word: Name,
      what: Driver,
    })),
};

/** A daemon that does not answer suggests nothing. */
async function things(kind: Kind | undefined, open: OpenEngine): Promise<readonly Suggestion[]> {
  if (!kind) return [];
  try {
    return await lists[kind](await open());
  } catch {
    return [];
  }
}
