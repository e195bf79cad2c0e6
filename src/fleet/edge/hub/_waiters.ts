/** Those who wait for an answer, by the id of what they asked. */
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { Envelope } from "../../link/envelope.ts";

export interface Waiting {
  readonly id: string;
  readonly about: string;
  /** Milliseconds. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

export interface Waiters {
  wait(waiting: Waiting): Promise<Envelope>;
  /** False when nobody waits for it. */
  answer(message: Envelope): boolean;
  /** All are told that they wait in vain. */
  fail(error: SampanError): void;
}

interface Waiter {
  readonly resolve: (message: Envelope) => void;
  readonly reject: (error: unknown) => void;
}

export function openWaiters(clock: Clock, most: number): Waiters {
  const waiters = new Map<string, Waiter>();
  return {
    async wait({ id, about, deadline, signal }) {
      if (waiters.size >= most)
        throw new SampanError(
          "resource_exhausted",
          `cannot ask for ${about}: ${most} questions wait already`,
        );
      const { promise, resolve, reject } = Promise.withResolvers<Envelope>();
      const cancel = clock.after(deadline, () =>
        reject(
          new SampanError("deadline_exceeded", `cannot ask for ${about}: no answer within ${deadline} ms`),
        ),
      );
      const abort = () => reject(new SampanError("cancelled", `cannot ask for ${about}: it was called off`));
      signal.addEventListener("abort", abort, { once: true });
      waiters.set(id, { resolve, reject });
      try {
        return await promise;
      } finally {
        cancel();
        signal.removeEventListener("abort", abort);
        waiters.delete(id);
      }
    },
    answer(message) {
      const waiter = message.parent === undefined ? undefined : waiters.get(message.parent);
      waiter?.resolve(message);
      return waiter !== undefined;
    },
    fail(error) {
      for (const { reject } of waiters.values()) reject(error);
    },
  };
}
