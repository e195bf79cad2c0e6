/** What was measured of each peer, and the rows that this makes. */
import { output } from "../_command.ts";
import { spreadOf, type Row } from "../_statistics.ts";
import { measure, type Cost } from "./_measure.ts";
import type { Commands, Peer } from "./_peers.ts";

/** By the peer's name; empty where it could not. */
export type Samples = Map<string, Cost[]>;

const measures = [
  { unit: "ms", value: ({ wallMs }: Cost) => wallMs },
  { unit: "ms of processor time", value: ({ processorMs }: Cost) => processorMs },
  { unit: "MiB at most", value: ({ peakMiB }: Cost) => peakMiB },
] as const;
const durable = {
  unit: "ms with `sync -f` of the store behind it",
  value: ({ durableMs }: Cost) => durableMs,
};

export interface Taking {
  readonly commands: Commands;
  readonly sync?: boolean;
  readonly deadlineMs?: number;
  /** Told of what took too long, for the report. */
  readonly late: Set<string>;
}

/** What a peer cannot do is said, and is no number. False when it could not. */
export async function take(
  samples: Samples,
  peer: Peer,
  { commands, sync, deadlineMs, late }: Taking,
): Promise<boolean> {
  // What the one before left to be written is not this one's.
  await output(["sync"]);
  const list = samples.get(peer.name) ?? [];
  samples.set(peer.name, list);
  try {
    list.push(
      await measure(commands, { daemon: peer.daemon, sync: sync ? peer.root : undefined, deadlineMs }),
    );
    return true;
  } catch (error) {
    const { message } = error as Error;
    console.error(`  ${peer.name} cannot ${commands.flat().join(" ")}: ${message}`);
    if (message.startsWith("not done")) late.add(`- ${peer.name}: ${verbOf(commands)} was ${message}`);
    return false;
  }
}

/** The words without flags, paths and their values are enough to know it by. */
function verbOf(commands: Commands): string {
  const known = [
    "load",
    "import",
    "images",
    "prune",
    "pull",
    "save",
    "export",
    "push",
    "rmi",
    "copy",
    "unpack",
  ];
  return known.find((word) => commands.flat().includes(word)) ?? "it";
}

/** One row a measure. The one to be ahead of is the best of the peers; the floor is none. */
export function rowsOf(name: string, samples: Samples, { sync = false } = {}): Row[] {
  const measured = [...samples].filter(([, list]) => list.length > 0);
  return [...measures, ...(sync ? [durable] : [])].map(({ unit, value }) => {
    const spreads = Object.fromEntries(measured.map(([who, list]) => [who, spreadOf(list.map(value))]));
    const [best] = Object.keys(spreads)
      .filter((who) => who !== "sampan" && who !== "floor")
      .toSorted((a, b) => (spreads[a]?.median ?? 0) - (spreads[b]?.median ?? 0));
    return { name, unit, spreads, ...(best === undefined ? {} : { goal: { against: best, ratio: 1 } }) };
  });
}

/** For who watches. */
export function say(rows: readonly Row[]): void {
  for (const { name, unit, spreads } of rows) {
    const texts = Object.entries(spreads).map(([who, { median }]) => `${who} ${median.toFixed(0)}`);
    console.error(`  ${name}, ${unit}: ${texts.join("  ")}`);
  }
}
