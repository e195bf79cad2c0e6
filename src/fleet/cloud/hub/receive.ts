/** What an edge sent: read, held against who it is, and handed to who takes it. */
import { SampanError } from "../../../base/errors.ts";
import {
  type Envelope,
  envelopeLimits,
  type EnvelopeLimits,
  formatEnvelope,
  parseEnvelope,
  respond,
} from "../../link/envelope.ts";
import { requireOwnNode } from "../../link/resources.ts";
import { routeUpstream } from "../../link/routing.ts";
import type { Handler } from "./hub.ts";
import { bounds, type Session } from "./session.ts";

/** The part of the hub that messages go to. */
export interface Receiver {
  readonly handlers: ReadonlyMap<string, Handler>;
  acknowledged(session: Session, id: string): void;
  end(session: Session, reason: string, code?: number): void;
}

export interface Received {
  readonly data: Buffer;
  readonly now: number;
  readonly log: (text: string) => void;
}

/** Milliseconds between two lines of the log about one edge's faults. */
const pauseOfTelling = 10_000;
const policy = 1008;

/**
 * What is read of an edge: no object of the API has more than 3 MiB, and what travels within a text some more. 32 MiB of the smallest values would be seconds of work and a gibibyte of memory, while
 * all others wait.
 */
export const upstreamLimits: EnvelopeLimits = { ...envelopeLimits, bytes: 8 << 20, values: 200_000 };

export function receive(receiver: Receiver, session: Session, received: Received): void {
  if (session.ended !== undefined) return;
  const { data, now } = received;
  session.count(data.byteLength, now);
  try {
    const message = parseEnvelope(data, upstreamLimits);
    requireOwnNode(message, session.node);
    take(receiver, session, { message, ...received });
  } catch (error) {
    fault(receiver, session, { error, ...received });
  }
}

function take(
  receiver: Receiver,
  session: Session,
  { message, log, now }: Received & { readonly message: Envelope },
): void {
  const target = routeUpstream(message);
  if (target === "keepalive" || session.answered(message)) return;
  if (target === "acknowledgement") return receiver.acknowledged(session, message.parent ?? "");
  if (target === "control") {
    session.send(formatEnvelope(respond(message, {}, "ack")));
    return;
  }
  // It is sent again when its time is over.
  if (target === "failure")
    return tell(session, { log, now, text: `it could not keep ${JSON.stringify(message.route.resource)}` });
  const handler = receiver.handlers.get(target);
  if (handler) handle(session, handler, { message, log, now });
}

function handle(
  session: Session,
  handler: Handler,
  { message, log, now }: { readonly message: Envelope } & Omit<Received, "data">,
): void {
  const failed = (error: unknown) =>
    tell(session, { log, now, text: `${message.route.resource}: ${SampanError.from(error).message}` });
  try {
    const working = handler(session, message);
    if (!working) return;
    session.working += 1;
    session.restrain();
    working.catch(failed).finally(() => {
      session.working -= 1;
      session.restrain();
    });
  } catch (error) {
    failed(error);
  }
}

function fault(
  receiver: Receiver,
  session: Session,
  { error, log, now }: Received & { readonly error: unknown },
): void {
  session.faults += 1;
  tell(session, { log, now, text: SampanError.from(error).message });
  if (session.faults >= bounds.faults)
    receiver.end(session, "too many of its messages cannot be read", policy);
}

function tell(
  session: Session,
  { log, now, text }: Omit<Received, "data"> & { readonly text: string },
): void {
  if (session.told !== undefined && now - session.told < pauseOfTelling) return;
  session.told = now;
  log(`node "${session.node}": ${text}`);
}
