/** The HTTP face as a whole: sockets, handlers and what they share. */
import type { BodyBudget } from "./body.ts";
import { createHandlers } from "./handle.ts";
import type { Parts } from "./exchange.ts";
import { Limits } from "./limits.ts";
import { type Deadlines, listen, type Listening, type TlsFiles } from "./listen.ts";
import { Metrics } from "./metrics.ts";

export interface HttpOptions {
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  readonly tls: TlsFiles;
  readonly parts: Parts;
  readonly limits?: Limits;
  readonly deadlines?: Partial<Deadlines>;
  /** A client that takes nothing of an answer for so long is given up, in milliseconds. */
  readonly stuckAfter?: number;
  readonly answers?: BodyBudget;
  readonly events?: BodyBudget;
}

export type HttpServer = Listening;

/** All bodies that are being read at once, in bytes. */
const bodyBudget = 64 << 20;
/** All large answers that wait for their clients, in bytes. */
const answerBudget = 256 << 20;
/** All events that wait for their watchers, in bytes; each takes several times as much until it has gone through TLS. */
const eventBudget = 32 << 20;

/** Resolves when it listens. Closing ends its watches at once, and gives other requests a short while. */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, tls, parts, limits = new Limits(), deadlines = {}, stuckAfter = 30_000 } = options;
  const stopping = new AbortController();
  const handlers = createHandlers({
    parts,
    limits,
    metrics: new Metrics(),
    bodies: { used: 0, limit: bodyBudget },
    answers: options.answers ?? { used: 0, limit: answerBudget },
    events: options.events ?? { used: 0, limit: eventBudget },
    stopping: stopping.signal,
    stuckAfter,
  });
  const listening = await listen({ host, port, tls, handlers, deadlines });
  return {
    ...listening,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await listening[Symbol.asyncDispose]();
    },
  };
}
