/** Time as a parameter: tests turn it by hand. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls once after so many milliseconds; the answer cancels it. */
  after(milliseconds: number, call: () => void): () => void;
}

/** setTimeout cannot wait longer than this. */
const longest = 2 ** 31 - 1;

/** The machine's own time. Its timers keep no process alive. */
export function systemClock(now: () => number = Date.now): Clock {
  return {
    now,
    after(milliseconds, call) {
      const timer = setTimeout(call, Math.min(Math.max(milliseconds, 0), longest));
      timer.unref();
      return () => {
        clearTimeout(timer);
      };
    },
  };
}

/** metav1.Time: whole seconds. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds of a metav1.Time or MicroTime; undefined where there is none. */
export function milliseconds(time: string | null | undefined): number | undefined {
  if (time === undefined || time === null) return undefined;
  const parsed = Date.parse(time);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** Resolves after the time or as soon as the signal aborts, whichever is first. */
export async function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(milliseconds, resolve);
  const end = (): void => resolve();
  signal.addEventListener("abort", end, { once: true });
  try {
    await promise;
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
  }
}
