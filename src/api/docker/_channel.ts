/** Where an answer goes: a response of node:http, or the bare connection of a request that asked to upgrade it. */
import { once } from "node:events";
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex, Writable } from "node:stream";
import { invalid, SampanError } from "../../base/errors.ts";
import { mostJson } from "./_body.ts";
import { Input } from "./_input.ts";
import type { Conversation, Headers } from "./route.ts";

export interface Channel {
  /** What the request sent along. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
  readonly begun: boolean;
  head(status: number, headers: Headers): void;
  write(bytes: Uint8Array | string): Promise<void>;
  /** Whole: the client sees that nothing is missing. */
  end(): void;
  /** Not whole. */
  cut(): void;
  /** The head of a hijacked connection, and the connection. */
  hijack(type: string, headers: Headers): Conversation;
}

export function responseChannel(request: IncomingMessage, response: ServerResponse): Channel {
  const gone = new AbortController();
  response.on("error", () => gone.abort());
  response.on("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return {
    body: bodyOf(request),
    gone: gone.signal,
    get begun() {
      return response.headersSent;
    },
    head: (status, headers) => {
      response.writeHead(status, headers);
      response.flushHeaders();
    },
    write: (bytes) => push(response, bytes, gone.signal),
    end: () => {
      response.end();
      if (!request.complete) drain(request);
    },
    cut: () => void response.destroy(),
    hijack(type, headers) {
      // As before there was the upgrade: nothing but bytes until the end of the connection.
      response.shouldKeepAlive = false;
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { ...headers, "Content-Type": type, Connection: "close" });
      response.flushHeaders();
      return {
        input: this.body,
        write: (bytes) => push(response, bytes, gone.signal),
        signal: gone.signal,
      };
    },
  };
}

/** Milliseconds that a client has to take the last bytes and close its side. */
const lingering = 5_000;

/** `first`: what came with the head of the request. */
export function socketChannel(request: IncomingMessage, socket: Duplex, first: Uint8Array): Channel {
  const gone = new AbortController();
  const input = new Input({ pause: () => socket.pause(), resume: () => socket.resume() });
  if (first.length > 0) input.push(first);
  socket.on("data", (piece: Uint8Array) => input.push(piece));
  socket.on("end", () => input.end());
  socket.on("error", () => gone.abort());
  socket.on("close", () => {
    input.end();
    gone.abort();
  });
  let begun = false;
  const head = (line: string, headers: Headers) => {
    begun = true;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.write(`${[line, ...lines].join("\r\n")}\r\n\r\n`);
  };
  return {
    // Where connections are handed to the server (TLS), it leaves the body of such a request on them.
    body: request.complete ? bodyOn(input, request.headers) : bodyOf(request),
    gone: gone.signal,
    get begun() {
      return begun;
    },
    head: (status, headers) =>
      head(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, { ...headers, Connection: "close" }),
    write: (bytes) => push(socket, bytes, gone.signal),
    end: () => leave(socket, input),
    cut: () => void socket.destroy(),
    hijack(type, headers) {
      head("HTTP/1.1 101 UPGRADED", {
        ...headers,
        "Content-Type": type,
        Connection: "Upgrade",
        Upgrade: "tcp",
      });
      return { input, write: (bytes) => push(socket, bytes, gone.signal), signal: gone.signal };
    },
  };
}

/** Closing with bytes unread would take from the client what it has not read yet. */
function leave(socket: Duplex, input: Input): void {
  const isOver = input.ended;
  // Flushed, and the other side said its last: nothing is waited for.
  socket.end(() => isOver && socket.destroy());
  if (isOver) return;
  input.drop();
  const timer = setTimeout(() => socket.destroy(), lingering);
  timer.unref();
  socket.once("end", () => socket.destroy());
  socket.once("close", () => clearTimeout(timer));
}

async function push(stream: Writable, bytes: Uint8Array | string, gone: AbortSignal): Promise<void> {
  if (gone.aborted || stream.destroyed) throw wentAway();
  if (stream.write(bytes)) return;
  try {
    await once(stream, "drain", { signal: gone });
  } catch (error) {
    throw wentAway(error);
  }
}

export function wentAway(cause?: unknown): SampanError {
  return new SampanError("cancelled", "the client has gone", { cause });
}

/** Taken at once, so that whoever hijacks the connection finds what comes after it. */
function bodyOn(input: Input, headers: IncomingMessage["headers"]): AsyncIterable<Uint8Array> {
  const size = Number(headers["content-length"] ?? 0);
  const isKnown = headers["transfer-encoding"] === undefined && Number.isSafeInteger(size);
  const body = isKnown && size <= mostJson ? input.take(size) : refuseBody();
  body.catch(() => {});
  return {
    async *[Symbol.asyncIterator]() {
      const bytes = await body;
      if (bytes.length > 0) yield bytes;
    },
  };
}

async function refuseBody(): Promise<Uint8Array> {
  throw invalid(
    `cannot read the body of a request that upgrades: wanted its length in Content-Length, at most ${mostJson} bytes`,
  );
}

/** Leaves the connection as it is when its reader stops before the end, so that the reader's reason still gets through. */
function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () =>
      request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>,
  };
}

/** Bytes of a body that are thrown away after a refusal. */
const mostDrained = 64 << 20;

/** Many clients look for an answer only when they could send all of their body. */
function drain(request: IncomingMessage): void {
  let size = 0;
  request.on("error", () => {});
  request.on("data", (piece: Uint8Array) => {
    size += piece.length;
    if (size > mostDrained) request.destroy();
  });
  request.resume();
}
