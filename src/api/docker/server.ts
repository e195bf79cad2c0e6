/** Docker's Engine API over HTTP: a server that does not listen yet. It gives every request to its route, and every answer the headers that clients look for. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { version } from "../../base/version.ts";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import { BodyReader } from "./_body.ts";
import { responseChannel, socketChannel, type Channel } from "./_channel.ts";
import { matcher, type Match } from "./_match.ts";
import { send } from "./_send.ts";
import { openWebSocket } from "./_websocket.ts";
import { errorAnswer, isOurs, messageOf } from "./errors.ts";
import { Query } from "./query.ts";
import { dockerRoutes, type ApiOptions } from "./routes.ts";
import type { Answer, Call, Headers, Method, Route } from "./route.ts";
import { newestVersion, splitVersion } from "./versions.ts";

export type { ApiOptions } from "./routes.ts";

/** What goes with every answer. */
const headers: Headers = {
  "Api-Version": newestVersion,
  "Docker-Experimental": "false",
  Ostype: "linux",
  Server: `Sampan/${version} (linux)`,
};

/** `http` with the routes of an engine. Listening, its socket and TLS are the daemon's. */
export function dockerApi(engine: LiveEngine, options: ApiOptions): Server {
  return serverOf(dockerRoutes(engine, options), options);
}

interface Parts {
  readonly match: Match;
  readonly reader: BodyReader;
  readonly warn: (line: string) => void;
}

/** Any table of routes as a server; for tests of one group too. */
export function serverOf(routes: readonly Route[], { warn }: Pick<ApiOptions, "warn">): Server {
  const parts: Parts = { match: matcher(routes), reader: new BodyReader(), warn };
  const server = createServer((request, response) => {
    void serve(parts, request, responseChannel(request, response));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    socket.on("error", () => {});
    if (/^websocket$/i.test(request.headers.upgrade ?? ""))
      void serveWebSocket(parts, request, { socket, first });
    else void serve(parts, request, socketChannel(request, socket, first));
  });
  server.on("clientError", (_error: Error, socket: Duplex) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  });
  // An archive may take hours to come; a head may not.
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  // Longer than clients keep a connection: one that is closed under a request that may not be sent twice fails it.
  server.keepAliveTimeout = 120_000;
  server.timeout = 0;
  return server;
}

/** Never rejects. */
async function serve(parts: Parts, request: IncomingMessage, channel: Channel): Promise<void> {
  const bare = request.method === "HEAD";
  try {
    const answer = await answerOf(parts, request, channel);
    if (answer.kind === "websocket") throw notUpgraded(request);
    await send(channel, answer, { headers, bare });
  } catch (error) {
    if (channel.gone.aborted) return channel.cut();
    if (isOurs(error)) parts.warn(`${request.method} ${request.url}: ${messageOf(error)}`);
    if (channel.begun) return channel.cut();
    await send(channel, errorAnswer(error) as Extract<Answer, { kind: "json" }>, { headers, bare }).catch(
      () => channel.cut(),
    );
  }
}

async function serveWebSocket(
  parts: Parts,
  request: IncomingMessage,
  { socket, first }: { socket: Duplex; first: Buffer },
): Promise<void> {
  const gone = new AbortController();
  socket.on("close", () => gone.abort());
  let opened = false;
  try {
    const answer = await answerOf(parts, request, { gone: gone.signal, body: nothing });
    if (answer.kind !== "websocket")
      return await send(socketChannel(request, socket, first), answer, { headers, bare: false });
    const peer = await openWebSocket(request, socket, first);
    opened = true;
    try {
      await answer.talk(peer);
    } finally {
      peer.close();
    }
  } catch (error) {
    if (isOurs(error)) parts.warn(`${request.method} ${request.url}: ${messageOf(error)}`);
    if (opened || gone.signal.aborted || socket.destroyed) return;
    const answer = errorAnswer(error) as Extract<Answer, { kind: "json" }>;
    await send(socketChannel(request, socket, first), answer, { headers, bare: false }).catch(() =>
      socket.destroy(),
    );
  }
}

/** A websocket's request has no body. */
const nothing: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {},
};

function notUpgraded(request: IncomingMessage): SampanError {
  return new SampanError(
    "invalid_argument",
    `cannot serve ${request.url}: it is a plain request, wanted one that upgrades to websocket`,
  );
}

/** The route's answer. Rejects with what it throws. */
async function answerOf(
  parts: Parts,
  request: IncomingMessage,
  { gone: signal, body }: Pick<Channel, "gone" | "body">,
): Promise<Answer> {
  // A page in a browser of this machine, which could reach a port on its loopback address.
  if (request.headers.origin !== undefined)
    throw new SampanError("permission_denied", "requests of web pages are not served");
  const url = request.url ?? "/";
  const [target = "/"] = url.split("?", 1);
  const { path, version: minor } = splitVersion(target);
  const found = parts.match(request.method ?? "", path);
  if (!found) throw new SampanError("not_found", "page not found");
  const call: Call = {
    method: request.method as Method,
    path,
    version: minor,
    param: (name) => decoded(found.params.get(name) ?? ""),
    query: new Query(url.slice(target.length + 1)),
    headers: request.headers,
    signal,
    body,
    json: async (parse) =>
      parse(
        await parts.reader.json(body, {
          type: request.headers["content-type"],
          length: request.headers["content-length"],
        }),
      ),
  };
  return found.route.handle(call);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new SampanError("invalid_argument", `cannot read the path: ${part} is not encoded as one`, {
      cause: error,
    });
  }
}
