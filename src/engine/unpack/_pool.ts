/** A few helper processes: started when needed, kept for a while, ended when idle. */
import { SampanError } from "../../base/errors.ts";
import { Helper } from "./_helper.ts";

const idleFor = 10_000;

interface Waiter {
  readonly take: (helper: Helper) => void;
  readonly refuse: (error: SampanError) => void;
}

export class HelperPool {
  readonly #command: readonly string[];
  readonly #size: number;
  readonly #all = new Set<Helper>();
  readonly #idle: Helper[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #timers = new Map<Helper, ReturnType<typeof setTimeout>>();
  #closed = false;

  constructor(command: readonly string[], size: number) {
    this.#command = command;
    this.#size = size;
  }

  /** A helper that is free; waits for one when all are busy. */
  async acquire(signal?: AbortSignal): Promise<Helper> {
    if (signal?.aborted) throw cancelled();
    if (this.#closed) throw closedError();
    const idle = this.#takeIdle();
    if (idle) return idle;
    if (this.#all.size < this.#size) return this.#started();
    return this.#wait(signal);
  }

  /** A helper that has nothing to do at the moment, if there is one. */
  acquireIdle(): Helper | undefined {
    return this.#closed ? undefined : this.#takeIdle();
  }

  /** Gives one back, or drops one that has died. */
  release(helper: Helper): void {
    const next = this.#waiting.shift();
    if (this.#closed) return void helper.close();
    if (!helper.isUsable) {
      this.#all.delete(helper);
      return next?.take(this.#started());
    }
    if (next) return next.take(helper);
    this.#idle.push(helper);
    const timer = setTimeout(() => this.#retire(helper), idleFor);
    timer.unref();
    this.#timers.set(helper, timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(closedError());
    for (const timer of this.#timers.values()) clearTimeout(timer);
    // An idle one has nothing to end in order, and its own way out takes longer than the engine's.
    await Promise.all([...this.#all].map((helper) => helper.kill(closedError())));
    this.#all.clear();
  }

  #started(): Helper {
    const helper = new Helper(this.#command);
    this.#all.add(helper);
    return helper;
  }

  #takeIdle(): Helper | undefined {
    for (let helper = this.#idle.pop(); helper; helper = this.#idle.pop()) {
      clearTimeout(this.#timers.get(helper));
      this.#timers.delete(helper);
      if (helper.isUsable) return helper;
      this.#all.delete(helper);
    }
    return undefined;
  }

  #retire(helper: Helper): void {
    this.#timers.delete(helper);
    const index = this.#idle.indexOf(helper);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    this.#all.delete(helper);
    void helper.close();
  }

  #wait(signal?: AbortSignal): Promise<Helper> {
    const { promise, resolve, reject } = Promise.withResolvers<Helper>();
    const waiter: Waiter = { take: resolve, refuse: reject };
    this.#waiting.push(waiter);
    const abort = () => {
      const index = this.#waiting.indexOf(waiter);
      if (index >= 0) this.#waiting.splice(index, 1);
      reject(cancelled());
    };
    signal?.addEventListener("abort", abort, { once: true });
    return promise.finally(() => signal?.removeEventListener("abort", abort));
  }
}

const cancelled = () => new SampanError("cancelled", "cannot unpack a layer: cancelled");
const closedError = () => new SampanError("cancelled", "the helper processes for layers were ended");
