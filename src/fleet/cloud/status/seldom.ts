import type { Clock } from "../../../base/clock.ts";

/** Milliseconds between two lines about one peer, and peers that are remembered. */
const pause = 10_000;
const most = 10_000;

/** Lines about what peers do wrong: one each ten seconds of each, with how many were left out. A peer that does nothing else does not fill the log. */
export function seldom(clock: Clock, log: (text: string) => void): (peer: string, text: string) => void {
  const last = new Map<string, { readonly at: number; left: number }>();
  return (peer, text) => {
    const before = last.get(peer);
    const now = clock.now();
    if (before && now - before.at < pause) {
      before.left++;
      return;
    }
    last.delete(peer);
    last.set(peer, { at: now, left: 0 });
    const [oldest] = last.keys();
    if (last.size > most && oldest !== undefined) last.delete(oldest);
    log(before && before.left > 0 ? `${text} (${before.left} more were left out)` : text);
  };
}
