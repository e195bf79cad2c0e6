/** When a container that ended, or an image that could not be pulled, is tried again: at once, then after 10 s, doubling to 5 minutes. Pure. */

export interface Backoff {
  /** Milliseconds. */
  readonly delay: number;
  /** When the last try began. */
  readonly since: number;
}

const first = 10_000;
const longest = 300_000;
/** One that ran for so long begins anew. */
const forgotten = 2 * longest;

/** The earliest moment of a try after an end at `ended`. */
export function retryAt(backoff: Backoff | undefined, ended: number): number {
  return backoff === undefined || ended - backoff.since > forgotten ? ended : ended + backoff.delay;
}

/** After a try that begins at `now`, because of an end at `ended`. */
export function tried(backoff: Backoff | undefined, ended: number, now: number): Backoff {
  const isOld = backoff === undefined || ended - backoff.since > forgotten;
  return { delay: isOld ? first : Math.min(backoff.delay * 2, longest), since: now };
}
