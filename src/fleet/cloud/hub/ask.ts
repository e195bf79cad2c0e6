/** A question to an edge, and the message that answers it. */
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import { type Envelope, formatEnvelope } from "../../link/envelope.ts";
import type { AskOptions } from "./hub.ts";
import type { Session } from "./session.ts";

const usualDeadline = 60_000;

/** Errors: `unavailable` when the session ends, `deadline_exceeded`, `cancelled`. */
export async function ask(
  session: Session,
  message: Envelope,
  { signal, clock, deadline = usualDeadline }: AskOptions & { readonly clock: Clock },
): Promise<Envelope> {
  const { promise, resolve, reject } = Promise.withResolvers<Envelope>();
  const fail = (code: "deadline_exceeded" | "cancelled" | "unavailable", why: string) =>
    reject(new SampanError(code, `cannot ask node "${session.node}": ${why}`));
  session.wait(message.id, { resolve, reject });
  const cancel = clock.after(deadline, () => fail("deadline_exceeded", `no answer within ${deadline} ms`));
  const aborted = () => fail("cancelled", "it was given up");
  signal.addEventListener("abort", aborted, { once: true });
  try {
    if (!session.send(formatEnvelope(message))) fail("unavailable", "it does not take what it is sent");
    return await promise;
  } finally {
    cancel();
    signal.removeEventListener("abort", aborted);
    session.forgetAsk(message.id);
  }
}
