/** The counters of containers and pods, read now. */
import { SampanError } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { nanoseconds } from "../time.ts";
import type { KnownContainer, KnownSandbox } from "../known.ts";
import type { Sample } from "./figures.ts";

export function isAlive({ info: { state } }: KnownContainer): boolean {
  return state === "running" || state === "paused";
}

/** Undefined for one that does not run, or ended at this moment. */
export async function sampleOf(
  { runtimes }: Pick<LiveEngine, "runtimes">,
  container: KnownContainer,
): Promise<Sample | undefined> {
  if (!isAlive(container)) return undefined;
  const { id, body } = container.info;
  try {
    const used = await runtimes.get(body.HostConfig?.Runtime || undefined).stats(id);
    return { at: nanoseconds(Date.now()), used };
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code === "not_found" || code === "failed_precondition") return undefined;
    throw error;
  }
}

/** Of the cgroup that holds those of the pod's containers: with the time of those that have ended. Undefined where it has none. */
export function podSample(
  { runtimes }: Pick<LiveEngine, "runtimes">,
  { info }: KnownSandbox,
): Sample | undefined {
  const { cgroupParent } = info.request;
  const used = cgroupParent === undefined ? undefined : runtimes.groupStats(cgroupParent);
  return used && { at: nanoseconds(Date.now()), used };
}

/** At most so many at once, with a turn for others in between: reading counters is quick, and nobody else's while it lasts. */
export async function each<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result | undefined>,
): Promise<Result[]> {
  const found: Result[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    if (at > 0) await new Promise(setImmediate);
    const results = await Promise.all(items.slice(at, at + atOnce).map(work));
    found.push(...results.flatMap((result) => (result === undefined ? [] : [result])));
  }
  return found;
}

const atOnce = 8;
