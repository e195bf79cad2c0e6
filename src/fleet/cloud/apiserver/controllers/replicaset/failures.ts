/**
 * How long a replica set waits before it makes a pod in the place of one that has failed. Kubernetes makes it at once: where the template names a node that refuses its pods, eight a second fail for ever.
 * Here the wait doubles with each time that pods were made and failed, as it does for daemon sets. Pure, by the pods that are there.
 */
import { isReady, created, isActive } from "../references.ts";
import type { Pod } from "../kinds.ts";

/** Milliseconds: the second time in a row, and at most. */
const first = 1000;
const longest = 300_000;

/** Milliseconds until a pod may be made; 0 at once. */
export function failureWait(pods: readonly Pod[], now: number): number {
  const settled = Math.max(0, ...pods.filter((pod) => isActive(pod) && isReady(pod)).map(created));
  const failed = pods.filter(({ status }) => status?.phase === "Failed").map(created);
  // Those that were made together are one time.
  const times = [...new Set(failed)]
    .filter((time) => time > settled && time <= now)
    .toSorted((a, b) => b - a);
  const [last] = times;
  if (last === undefined) return 0;
  const end = times.findIndex((time, index) => time - (times[index + 1] ?? 0) > 2 * longest);
  const row = end < 0 ? times.length : end + 1;
  const wait = row === 1 ? 0 : Math.min(longest, first * 2 ** Math.min(row - 2, 20));
  return Math.max(0, last + wait - now);
}
