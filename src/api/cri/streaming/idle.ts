/** Ends what nothing has moved on for long, as kubelets do (--streaming-connection-idle-timeout). */
import type { Clock } from "../../../base/clock.ts";

/** Milliseconds. */
export const idleLimit = 4 * 60 * 60 * 1000;

export class IdleWatch implements Disposable {
  readonly #clock: Clock;
  readonly #end: () => void;
  #last: number;
  #cancel: () => void;

  constructor(clock: Clock, end: () => void) {
    this.#clock = clock;
    this.#end = end;
    this.#last = clock.now();
    this.#cancel = clock.after(idleLimit, this.#look);
  }

  /** Something moved. */
  readonly touch = (): void => {
    this.#last = this.#clock.now();
  };

  /** The same pieces; each is a move. */
  async *over<Piece>(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece, void, undefined> {
    for await (const piece of pieces) {
      this.touch();
      yield piece;
    }
  }

  readonly #look = (): void => {
    const left = this.#last + idleLimit - this.#clock.now();
    if (left <= 0) this.#end();
    else this.#cancel = this.#clock.after(left, this.#look);
  };

  [Symbol.dispose](): void {
    this.#cancel();
  }
}
