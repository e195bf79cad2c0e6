/** What was asked for and is waited for: each is handed out under a secret word, once, for a minute. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";

const lifetime = 60_000;
/** Waiting ones. As Kubernetes' own server has it. */
const most = 1000;

interface Waiting<Value> {
  readonly value: Value;
  readonly until: number;
}

export class Tickets<Value> {
  readonly #clock: Clock;
  /** The oldest first, as they were put in. */
  readonly #waiting = new Map<string, Waiting<Value>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Its word: 43 letters, digits, `-` and `_`, which nobody guesses. Errors: `resource_exhausted` when too many wait. */
  add(value: Value): string {
    this.#forget();
    if (this.#waiting.size >= most)
      throw new SampanError(
        "resource_exhausted",
        `cannot prepare a stream: maximum number of in-flight requests exceeded: ${most} wait for their client`,
      );
    const word = randomBytes(32).toString("base64url");
    this.#waiting.set(word, { value, until: this.#clock.now() + lifetime });
    return word;
  }

  /** Undefined for one that was never there, has been taken, or is too old. */
  take(word: string): Value | undefined {
    this.#forget();
    const found = this.#waiting.get(word);
    this.#waiting.delete(word);
    return found?.value;
  }

  #forget(): void {
    const now = this.#clock.now();
    for (const [word, { until }] of this.#waiting) {
      if (until > now) return;
      this.#waiting.delete(word);
    }
  }
}
