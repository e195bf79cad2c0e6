import { SampanError } from "../../../base/errors.ts";

/** How long something may take. After it the wait ends with `deadline_exceeded`. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks again until `done` gives something, first at once, then after pauses that grow from 1 to 20 ms. `what` completes "cannot …".
 * Errors: `deadline_exceeded`, `cancelled`, and whatever `done` throws.
 */
export async function until<T>(
  what: string,
  { timeoutMs, signal }: Patience,
  done: () => T | undefined,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, 20)) {
    const result = done();
    if (result !== undefined) return result;
    if (signal?.aborted === true) throw new SampanError("cancelled", `cannot ${what}: it was cancelled`);
    if (performance.now() >= end) {
      throw new SampanError("deadline_exceeded", `cannot ${what}: it is not done after ${timeoutMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
