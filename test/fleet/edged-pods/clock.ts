/** Time that a test turns by hand. */
import type { Clock } from "../../../src/base/clock.ts";

export interface HandClock extends Clock {
  /** Goes on by so many milliseconds, timer by timer, and lets what they began come to its end. */
  pass(milliseconds: number): Promise<void>;
  readonly timers: number;
}

export function handClock(): HandClock {
  let now = 0;
  const timers = new Set<{ at: number; call: () => void }>();
  return {
    now: () => now,
    after(milliseconds, call) {
      const timer = { at: now + Math.max(0, milliseconds), call };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async pass(milliseconds) {
      const end = now + milliseconds;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
        if (!next) break;
        timers.delete(next);
        now = next.at;
        next.call();
        for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      }
      now = end;
    },
    get timers() {
      return timers.size;
    },
  };
}
