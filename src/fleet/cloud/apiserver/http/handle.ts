/** From a request to its answer: what is asked, who asks, whether they may, room for it, then the verb. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { KubeError, type Status } from "../../../../spec/kubernetes/kube.ts";
import { anonymous } from "../auth/auth.ts";
import { addWarning, sendStatus, statusOf } from "./answer.ts";
import type { Exchange, Shared } from "./exchange.ts";
import type { Lane } from "./limits.ts";
import { serveObjects } from "./objects.ts";
import { Documents } from "./openapi.ts";
import { serveNothing, servePath } from "./paths.ts";
import { upgradePodStream } from "./pod-stream.ts";
import { requestInfo, type RequestInfo } from "./request-info.ts";
import { findResource } from "./resource-exchange.ts";
import { identify, permit } from "./who.ts";

export interface Handlers {
  /** Answers every request; never rejects. */
  readonly request: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** The same for a connection that wants to be upgraded. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;
}

export function createHandlers(shared: Shared): Handlers {
  const documents = new Documents(shared.parts.openApi, shared.parts.resources);
  return {
    request: async (request, response) => await answerRequest(shared, documents, { request, response }),
    upgrade: async (request, socket, head) => await answerUpgrade(shared, { request, socket, head }),
  };
}

interface Plain {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function answerRequest(
  shared: Shared,
  documents: Documents,
  { request, response }: Plain,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  // A broken connection is known by its close.
  response.on("error", () => {});
  request.on("error", () => {});
  response.setHeader("Audit-Id", auditId(request));
  response.setHeader("Cache-Control", "no-cache, private");
  let exchange = begun(shared, { request, response, signal: gone.signal });
  try {
    const info = requestInfo(request.method ?? "", request.url ?? "");
    exchange = { ...exchange, info };
    const user = await identify(request, shared.parts);
    exchange = { ...exchange, user, context: { ...exchange.context, user } };
    permit(info, user, shared.parts.authorizer);
    using _place = shared.limits.enter(laneOf(info), user.name);
    await route(exchange, documents);
  } catch (error) {
    await refuse(exchange, error);
  } finally {
    count(exchange);
  }
}

/** An exchange of which nothing is known yet. */
function begun(shared: Shared, { request, response, signal }: Plain & { signal: AbortSignal }): Exchange {
  const method = request.method ?? "";
  const info: RequestInfo = { verb: method.toLowerCase(), method, path: "", query: new URLSearchParams() };
  const agent = request.headers["user-agent"]?.split("/", 1)[0];
  const warned = new Set<string>();
  const warn = (text: string) => {
    if (warned.has(text) || warned.size >= 32) return;
    warned.add(text);
    addWarning(response, text);
  };
  const context = { user: anonymous, warn, signal, ...(agent === undefined ? {} : { userAgent: agent }) };
  return { ...shared, request, response, info, user: anonymous, context, signal };
}

function auditId(request: IncomingMessage): string {
  const given = String(request.headers["audit-id"] ?? "");
  return /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
}

const writes = new Set(["create", "update", "patch", "delete", "deletecollection", "post", "put"]);

function laneOf({ verb, resource, query }: RequestInfo): Lane {
  const sub = resource?.subresource ?? "";
  const follows = sub === "log" && query.has("follow");
  if (verb === "watch" || follows || ["exec", "attach", "portforward"].includes(sub)) return "long";
  return writes.has(verb) ? "writes" : "reads";
}

async function route(exchange: Exchange, documents: Documents): Promise<void> {
  const found = findResource(exchange);
  if (found) return await serveObjects(found);
  if (!exchange.info.resource && (await servePath(exchange, documents))) return;
  await serveNothing(exchange);
}

async function refuse(exchange: Exchange, error: unknown): Promise<void> {
  const { parts, info, signal, response } = exchange;
  if (signal.aborted) return void response.destroy();
  const status = statusOf(error);
  if (status.code === 500) parts.log(`cannot answer ${info.method} ${info.path}: ${status.message ?? ""}`);
  try {
    await sendStatus(exchange, status);
  } catch (failure) {
    parts.log(`cannot answer ${info.method} ${info.path}: ${String(failure)}`);
    response.destroy();
  }
}

const verbsCounted = new Set([
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
]);

/** Counted for a client that went away before it was answered; no standard has a code for it, but proxies' logs have this one. */
const goneCode = 499;

/** What is counted comes from bounded sets, whatever is asked. */
function count({ metrics, info, response, parts }: Exchange): void {
  const { group, version, resource } = info.resource ?? {};
  const known = resource !== undefined && parts.resources.find(group ?? "", version ?? "", resource);
  const verb = verbsCounted.has(info.verb) ? info.verb : "other";
  metrics.count(
    verb.toUpperCase(),
    known ? known.plural : "",
    response.headersSent ? response.statusCode : goneCode,
  );
}

async function answerUpgrade(
  shared: Shared,
  { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
): Promise<void> {
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  socket.on("error", () => {});
  try {
    const info = requestInfo(request.method ?? "", request.url ?? "");
    const user = await identify(request, shared.parts);
    permit(info, user, shared.parts.authorizer);
    using _place = shared.limits.enter("long", user.name);
    const context = { user, warn: () => {}, signal: gone.signal };
    // An upgrade has no response: what a stream sends goes to the socket.
    const response = undefined as unknown as ServerResponse;
    const found = findResource({ ...shared, request, response, info, user, context, signal: gone.signal });
    if (!found) throw new KubeError("NotFound", "the server could not find the requested resource", {});
    await upgradePodStream(found, { socket, head });
  } catch (error) {
    refuseUpgrade(socket, statusOf(error));
  }
}

function refuseUpgrade(socket: Duplex, status: Status): void {
  if (socket.destroyed || !socket.writable) return;
  const body = Buffer.from(JSON.stringify(status));
  const head = [
    `HTTP/1.1 ${status.code} ${status.reason ?? "Error"}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  socket.end(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]));
}
