/**
 * What is to be looked at: each key once, however often it was put in; a key that comes while it is being looked at is looked at once more, afterwards. What fails comes back later and
 * later.
 */
import type { Clock } from "../../../base/clock.ts";

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
  private readonly running = new Set<AbortController>();
  private readonly busy = new Set<string>();
  /** Came while they were being looked at. */
  private readonly once = new Set<string>();
  private wake = Promise.withResolvers<void>();

  constructor(options: QueueOptions) {
    this.options = options;
    options.signal.addEventListener("abort", () => this.close(), { once: true });
  }

  add(key: string): void {
    if (this.busy.has(key)) {
      this.once.add(key);
      return;
    }
    this.waiting.add(key);
    this.rouse();
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

  /** Works until the signal aborts, on so many keys together; never on one key twice at once. */
  async run(workers = 1): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.work()));
  }

  private async work(): Promise<void> {
    const { signal } = this.options;
    while (!signal.aborted) {
      const key = this.waiting.values().next().value;
      if (key === undefined) {
        await this.wake.promise;
        continue;
      }
      this.waiting.delete(key);
      this.busy.add(key);
      await this.look(key);
      this.busy.delete(key);
      if (this.once.delete(key)) this.add(key);
    }
  }

  private async look(key: string): Promise<void> {
    const { signal, clock, work, onError } = this.options;
    // Not AbortSignal.any: a signal that lives as long as the process would hear of each look ever made.
    const limit = new AbortController();
    this.running.add(limit);
    const cancel = clock.after(deadline, () => limit.abort());
    try {
      const again = await work(key, limit.signal);
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
      this.running.delete(limit);
    }
  }

  private close(): void {
    for (const { cancel } of this.later.values()) cancel();
    this.later.clear();
    this.waiting.clear();
    for (const limit of this.running) limit.abort();
    this.rouse();
  }

  private rouse(): void {
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }
}
