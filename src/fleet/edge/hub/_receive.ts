/** What the cloud says, on its way to those who take it: control messages answered, answers to their waiters, the rest to one handler a target, acknowledged when that has resolved. */
import { SampanError } from "../../../base/errors.ts";
import { acknowledge, isAcknowledged, needsAcknowledgement, reportFailure } from "../../link/ack.ts";
import { parseEnvelope, respond, type Envelope } from "../../link/envelope.ts";
import { routeDownstream, type DownstreamTarget } from "../../link/routing.ts";
import { openTurns } from "./_turns.ts";
import type { Waiters } from "./_waiters.ts";

export type Target = Exclude<DownstreamTarget, "control" | "waiter" | "drop">;
export type Handler = (message: Envelope) => void | Promise<void>;

export interface ReceiverOptions {
  readonly handlers: ReadonlyMap<Target, Handler>;
  readonly waiters: Waiters;
  readonly send: (message: Envelope) => boolean;
  readonly now: () => number;
  readonly log: (text: string) => void;
  /** More waits than may. The connection ends; what was not acknowledged comes again. */
  readonly overrun: () => void;
}

export interface Receiver {
  receive(data: Buffer): void;
  idle(): Promise<void>;
}

const limits = { count: 20_000, bytes: 64 << 20 } as const;
/** Milliseconds between two lines about the same trouble. */
const again = 60_000;

export function openReceiver(options: ReceiverOptions): Receiver {
  const { handlers, waiters, send, now, log, overrun } = options;
  const turns = openTurns(limits);
  const told = new Map<string, number>();

  /** What a peer does wrong it may do a thousand times a second. */
  function complain(about: string, text: string): void {
    const last = told.get(about);
    if (last !== undefined && Math.abs(now() - last) < again) return;
    told.set(about, now());
    log(text);
  }

  async function handle(target: Target, message: Envelope): Promise<void> {
    const handler = handlers.get(target);
    if (!handler) return complain(target, `no part of this edge takes messages for "${target}"`);
    await handler(message);
  }

  /** Never throws. */
  async function deliver(target: Target | "waiter", message: Envelope): Promise<void> {
    const acknowledged = isAcknowledged(message) && needsAcknowledgement(message) && message.id !== "";
    try {
      // An answer that is an object is kept before anybody acts by it, as any other object.
      if (target !== "waiter") await handle(target, message);
      else if (acknowledged) await handle("meta", message);
      if (target === "waiter") waiters.answer(message);
      if (acknowledged && (target !== "meta" || handlers.has("meta")))
        send(acknowledge(message, { now: now() }));
    } catch (error) {
      const { message: words } = SampanError.from(error);
      complain(`failed ${target}`, `cannot take message "${message.route.resource}": ${words}`);
      if (target === "waiter") waiters.answer(message);
      if (acknowledged) send(reportFailure(message, words.slice(0, 1000), { now: now() }));
    }
  }

  return {
    receive(data) {
      let message: Envelope;
      try {
        message = parseEnvelope(data);
      } catch (error) {
        return complain("unread", SampanError.from(error).message);
      }
      const target = routeDownstream(message);
      if (target === "drop")
        return complain("dropped", `nobody knows messages of group "${message.route.group}"`);
      if (target === "control") {
        const { source, group } = message.route;
        if (message.id !== "") send(respond(message, { source, group }, "ack", { now: now() }));
        return;
      }
      if (!turns.take(turnOf(target, message), data.byteLength, () => deliver(target, message))) overrun();
    },
    idle: () => turns.idle(),
  };
}

/** Twins are one matter: memberships, devices' twins and answers stay in order. All else is in order for one object. */
function turnOf(target: Target | "waiter", { route, parent }: Envelope): string {
  if (target === "twin") return "twin";
  if (target === "waiter") return route.group === "user" ? `answer ${parent}` : `meta ${route.resource}`;
  return `${target} ${route.resource}`;
}
