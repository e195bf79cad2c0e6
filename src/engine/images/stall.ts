/** How long a pull waits for its registry without a byte. What it does meanwhile for itself (unpacking, waiting for another pull) does not count. */
import type { Clock } from "../../base/clock.ts";

export class Stall implements Disposable {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #stop: AbortController;
  /** Questions that are open. */
  #open = 0;
  /** Milliseconds since the last byte, up to `#since`. */
  #waited = 0;
  #since = 0;
  #cancel: (() => void) | undefined;

  /** `limit`: milliseconds; 0 is never. */
  constructor(clock: Clock, limit: number, stop = new AbortController()) {
    this.#clock = clock;
    this.#limit = limit;
    this.#stop = stop;
  }

  /** Aborted when nothing came for so long. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** While `work` waits for the registry; what it gives in the end is a sign of life. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    using _ = this.waiting();
    const result = await work();
    this.moved();
    return result;
  }

  /** Time goes by until it is disposed of. */
  waiting(): Disposable {
    if (this.#open === 0) {
      this.#since = this.#clock.now();
      this.#arm();
    }
    this.#open += 1;
    return {
      [Symbol.dispose]: () => {
        this.#open -= 1;
        if (this.#open > 0) return;
        this.#waited += this.#clock.now() - this.#since;
        this.#disarm();
      },
    };
  }

  moved(): void {
    this.#waited = 0;
    this.#since = this.#clock.now();
  }

  [Symbol.dispose](): void {
    this.#disarm();
  }

  #arm(): void {
    if (this.#limit === 0) return;
    const left = this.#limit - this.#waited - (this.#clock.now() - this.#since);
    if (left <= 0) this.#stop.abort();
    // Not anew for each byte: when the time is over, it is looked how much of it counts.
    else this.#cancel = this.#clock.after(left, () => this.#arm());
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
