/** So many a second, and so many at once. Who comes too early waits, in the order of coming: nothing is thrown away, the other end is simply not read further. */
import type { Clock } from "../../../base/clock.ts";

export class Rate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #waiting: (() => void)[] = [];
  #tokens: number;
  #since: number;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#since = clock.now();
  }

  /** Calls at once when there is room, later when not. */
  pass(call: () => void): void {
    if (this.#waiting.length === 0 && this.#take()) call();
    else {
      this.#waiting.push(call);
      this.#arm();
    }
  }

  /** True, and one less, when there is room now. */
  #take(): boolean {
    if (this.#tokens < 1) {
      const now = this.#clock.now();
      const passed = Math.max(0, now - this.#since);
      this.#tokens = Math.min(this.#burst, this.#tokens + (passed * this.#perSecond) / 1000);
      this.#since = now;
    }
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #arm(): void {
    if (this.#cancel || this.#waiting.length === 0) return;
    const wait = Math.max(10, Math.ceil((1000 * (1 - this.#tokens)) / this.#perSecond));
    this.#cancel = this.#clock.after(wait, () => {
      this.#cancel = undefined;
      while (this.#waiting.length > 0 && this.#take()) this.#waiting.shift()?.();
      this.#arm();
    });
  }

  /** Who waits is forgotten: its client is gone. */
  close(): void {
    this.#cancel?.();
    this.#waiting.length = 0;
  }
}
