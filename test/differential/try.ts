/** Cases on both runtimes. */
import type { Case } from "./case.ts";
import { compare, started, type Difference } from "./compare.ts";
import { execute, type Run } from "./execute.ts";
import { generate } from "./generate.ts";
import type { World } from "./world.ts";

export interface Verdict {
  readonly tried: Case;
  readonly ours: Run;
  readonly runc: Run;
  readonly differences: readonly Difference[];
  /** Whether runc made the container. */
  readonly started: boolean;
}

/** One after the other, so that neither sees the other's. `name` is unique in the world. */
export async function tryBoth(
  world: World,
  program: readonly string[],
  tried: Case,
  name: string,
): Promise<Verdict> {
  const runc = await execute(world, { name: "runc", command: ["runc"] }, tried, name);
  const ours = await execute(world, { name: "ours", command: program }, tried, name);
  return { tried, ours, runc, differences: compare(tried, ours, runc), started: started(runc) };
}

export interface TryOptions {
  /** The program and the words before the global flags. */
  readonly program: readonly string[];
  readonly seed: number;
  readonly count: number;
  /** How many bundles are on their way at once. */
  readonly lanes: number;
}

export interface Tried {
  readonly different: readonly Verdict[];
  /** How many of the bundles runc could run. */
  readonly started: number;
}

/** The bundles of `count` seeds. */
export async function tryMany(world: World, { program, seed, count, lanes }: TryOptions): Promise<Tried> {
  const different: Verdict[] = [];
  let [next, made] = [seed, 0];
  const lane = async (): Promise<void> => {
    while (next < seed + count) {
      const own = next++;
      const verdict = await tryBoth(world, program, generate(own, world.cgroup), String(own));
      if (verdict.started) made++;
      if (verdict.differences.length > 0) different.push(verdict);
    }
  };
  // All have ended before the world goes, also where one has failed.
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return { different, started: made };
}
