/**
 * What is to be looked at: each key once, however often it was put in; a key that comes while it is being looked at is looked at once more. One worker takes them in turn.
 * What fails comes back later and later.
 */
import { type Clock, pause } from "../clock.ts";

export interface QueueOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Looks at a key. Milliseconds after which to look again, or undefined. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  readonly onError: (key: string, error: unknown) => void;
}

const firstRetry = 50;
const longestRetry = 60_000;
/** How long one look may take. */
const deadline = 60_000;

export class Queue {
  private readonly options: QueueOptions;
  private readonly waiting = new Set<string>();
  private readonly later = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  private readonly failures = new Map<string, number>();
  private wake = Promise.withResolvers<void>();

  constructor(options: QueueOptions) {
    this.options = options;
    options.signal.addEventListener("abort", () => this.close(), { once: true });
  }

  add(key: string): void {
    this.waiting.add(key);
    this.wake.resolve();
  }

  /** Not before so many milliseconds have passed; the earliest of several counts. */
  addAfter(key: string, milliseconds: number): void {
    if (this.options.signal.aborted) return;
    const at = this.options.clock.now() + milliseconds;
    const planned = this.later.get(key);
    if (planned && planned.at <= at) return;
    planned?.cancel();
    const cancel = this.options.clock.after(milliseconds, () => {
      this.later.delete(key);
      this.add(key);
    });
    this.later.set(key, { at, cancel });
  }

  /** Works until the signal aborts. */
  async run(): Promise<void> {
    const { signal } = this.options;
    while (!signal.aborted) {
      const key = this.waiting.values().next().value;
      if (key === undefined) {
        this.wake = Promise.withResolvers();
        await this.wake.promise;
        continue;
      }
      this.waiting.delete(key);
      await this.look(key);
    }
  }

  private async look(key: string): Promise<void> {
    const { signal, clock, work, onError } = this.options;
    const limit = new AbortController();
    const cancel = clock.after(deadline, () => limit.abort());
    try {
      const again = await work(key, AbortSignal.any([signal, limit.signal]));
      this.failures.delete(key);
      if (again !== undefined) this.addAfter(key, again);
    } catch (error) {
      if (signal.aborted) return;
      onError(key, error);
      const failures = this.failures.get(key) ?? 0;
      this.failures.set(key, failures + 1);
      this.addAfter(key, Math.min(longestRetry, firstRetry * 2 ** Math.min(failures, 20)));
    } finally {
      cancel();
    }
  }

  private close(): void {
    for (const { cancel } of this.later.values()) cancel();
    this.later.clear();
    this.waiting.clear();
    this.wake.resolve();
  }
}

/** Calls again and again, the first time at once. */
export async function everySo(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal,
  call: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await call();
    await pause(clock, milliseconds, signal);
  }
}
