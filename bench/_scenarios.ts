/** What is timed, as steps of timer.c, for one runtime. */
import type { Runtime } from "./_runtimes.ts";

export interface Bundles {
  /** Runs `true`. */
  readonly short: string;
  /** Runs until it is killed. */
  readonly long: string;
}

type Mode = "first" | "last" | "row" | "side" | "quiet" | "reap";
type Step = readonly [mode: Mode, count: number, ...words: string[]];

export interface Scenario {
  readonly name: string;
  readonly rounds: number;
  /** How many containers one timed turn is about. */
  readonly count: number;
  readonly steps: (id: string, bundles: Bundles) => readonly Step[];
}

const run = (id: string, bundle: string): string[] => ["run", "--bundle", bundle, id];

/** The first is the one that the goal of half the time is about. */
export const scenarios: readonly Scenario[] = [
  {
    name: "run /bin/true",
    rounds: 100,
    count: 1,
    steps: (id, { short }) => [["row", 1, ...run(id, short)]],
  },
  {
    name: "create + start + delete",
    rounds: 40,
    count: 1,
    steps: (id, { short }) => [
      ["row", 1, "create", "--bundle", short, id],
      ["row", 1, "start", id],
      ["reap", 1],
      ["row", 1, "delete", id],
    ],
  },
  {
    name: "exec /bin/true",
    rounds: 60,
    count: 1,
    steps: (id, { long }) => [
      ["first", 1, "run", "--detach", "--bundle", long, id],
      ["row", 1, "exec", id, "/bin/true"],
      ["last", 1, "delete", "--force", id],
    ],
  },
  {
    name: "run, 100 in a row",
    rounds: 5,
    count: 100,
    steps: (id, { short }) => [["row", 100, ...run(`${id}-@`, short)]],
  },
  {
    name: "run, 20 side by side",
    rounds: 12,
    count: 20,
    steps: (id, { short }) => [["side", 20, ...run(`${id}-@`, short)]],
  },
];

/** The identity of a scenario's container, so that what is left of a failed run can be found and removed. */
export function idOf(scenario: Scenario): string {
  return `sampan-bench-${scenario.name.replaceAll(/[^a-z0-9]+/g, "-")}`;
}

/** Lines for timer.c; `variant` is the runtime's number. */
export function timerLines(
  scenario: Scenario,
  { runtime, variant, bundles }: { runtime: Runtime; variant: number; bundles: Bundles },
): string[] {
  return scenario
    .steps(`${idOf(scenario)}-${runtime.name}`, bundles)
    .map(([mode, count, ...words]) =>
      [
        variant,
        everyOf(scenario, runtime),
        mode,
        count,
        ...(words.length > 0 ? [...runtime.words, ...words] : []),
      ].join("\t"),
    );
}

/** A slow runtime takes part once at least, and no more than once where a turn is long. */
function everyOf({ rounds, count }: Scenario, { every }: Runtime): number {
  return every === 1 ? 1 : count > 1 ? rounds : every;
}
