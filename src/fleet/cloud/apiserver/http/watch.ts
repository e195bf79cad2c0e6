/** A watch over HTTP: one JSON event a line, as long as the client reads. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
import type { ServerResponse } from "node:http";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { RegistryWatchEvent } from "../registry.ts";
import { statusOf } from "./answer.ts";
import type { BodyBudget } from "./body.ts";
import { renderingOf, type ResourceExchange } from "./resource-exchange.ts";
import { watchOptions } from "./query.ts";
import { metadataOf, tableOf, type Rendering } from "./table.ts";

/** Where the request names no time the watch ends between one and two times this, in seconds, so that clients do not come back all at once. */
const usualSeconds = 1800;

export async function serveWatch(exchange: ResourceExchange): Promise<void> {
  const rendering = renderingOf(exchange);
  if (rendering.form.syntax === "yaml")
    throw new KubeError("NotAcceptable", "only the following media types are accepted: application/json");
  const { parts, resource, context, info, place, response, stuckAfter, events: waiting } = exchange;
  const options = watchOptions(info.query, place.namespace);
  const seconds = options.timeoutSeconds ?? usualSeconds * (1 + Math.random());
  const ends = new AbortController();
  const timer = setTimeout(() => ends.abort(), Math.min(seconds * 1000, 2 ** 31 - 1));
  const signal = AbortSignal.any([exchange.signal, exchange.stopping, ends.signal]);
  try {
    const events = parts.registry.watch(resource, { ...options, signal }, { ...context, signal });
    await stream(events, { response, rendering, signal, stuckAfter, waiting });
  } finally {
    clearTimeout(timer);
    ends.abort();
  }
}

interface Line {
  readonly response: ServerResponse;
  readonly rendering: Rendering;
  readonly signal: AbortSignal;
  readonly stuckAfter: number;
  readonly waiting: BodyBudget;
}

async function stream(events: AsyncIterable<RegistryWatchEvent>, line: Line): Promise<void> {
  const { response, signal } = line;
  const iterator = events[Symbol.asyncIterator]();
  const first = iterator.next();
  await refusedAtOnce(first);
  response.writeHead(200, { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" });
  response.flushHeaders();
  const encode = encoderFor(line.rendering);
  try {
    for (
      let next = await first;
      !next.done && !signal.aborted && !response.destroyed;
      next = await iterator.next()
    )
      await write(line, encode(next.value));
  } catch (error) {
    if (!signal.aborted) await write(line, eventOf("ERROR", statusOf(error)));
  } finally {
    await iterator.return?.();
  }
  if (!response.destroyed) response.end();
}

/** What a registry refuses before it waits (a bad selector) is told by the status of the answer. A revision that is gone is told by an event, as clients know it. */
async function refusedAtOnce(first: Promise<unknown>): Promise<void> {
  const turn = new Promise<void>((resolve) => void setImmediate(resolve));
  const known = first.then(
    () => undefined,
    (error: unknown) => error,
  );
  const refusal = await Promise.race([known, turn]);
  if (refusal instanceof KubeError && refusal.reason !== "Expired") throw refusal;
}

/** Waits for a client that is slower than its events; one that stands still is given up, and so is one too many of the slow: it can watch on from where it was. */
async function write(line: Line, bytes: Uint8Array): Promise<void> {
  const { response, signal, waiting } = line;
  if (response.destroyed || writeWhole(response, bytes) || signal.aborted) return;
  if (waiting.used > 0 && waiting.used + bytes.length > waiting.limit) {
    response.destroy();
    return;
  }
  waiting.used += bytes.length;
  try {
    await drained(line);
  } finally {
    waiting.used -= bytes.length;
  }
}

async function drained({ response, signal, stuckAfter }: Line): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      response.off("drain", done).off("close", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(() => {
      response.destroy();
      done();
    }, stuckAfter);
    response.on("drain", done).on("close", done);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Head, body and end of a chunk as one record of TLS and one call of the system, which is what an event costs most by. */
function writeWhole(response: ServerResponse, bytes: Uint8Array): boolean {
  const { socket } = response;
  socket?.cork();
  const goesOn = response.write(bytes);
  socket?.uncork();
  return goesOn;
}

type Encode = (event: RegistryWatchEvent) => Uint8Array;

function encoderFor(rendering: Rendering): Encode {
  const { as } = rendering.form;
  if (as === undefined) return ({ type, encodable }) => wrapped(type, encodable.json());
  if (as !== "Table")
    return ({ type, encodable }) => eventOf(type, metadataOf(encodable.object, rendering.form));
  let withColumns = true;
  return ({ type, encodable }) => {
    const event = eventOf(type, eventTable(type, encodable.object, { ...rendering, withColumns }));
    withColumns = false;
    return event;
  };
}

/** A bookmark has no row, only how far it is. */
function eventTable(
  type: RegistryWatchEvent["type"],
  object: KubeObject,
  rendering: Rendering & { readonly withColumns: boolean },
): object {
  const { resourceVersion = "" } = object.metadata;
  return tableOf(type === "BOOKMARK" ? [] : [object], { resourceVersion }, rendering);
}

const eventOf = (type: string, object: object) => Buffer.from(`${JSON.stringify({ type, object })}\n`);

const heads = new Map<string, Buffer>();
const tail = Buffer.from("}\n");

/** The event around bytes that all watchers share. */
function wrapped(type: string, json: Uint8Array): Uint8Array {
  const head = heads.get(type) ?? Buffer.from(`{"type":"${type}","object":`);
  heads.set(type, head);
  return Buffer.concat([head, json, tail]);
}
