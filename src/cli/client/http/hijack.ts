/**
 * A connection that is taken over after its request: attach and exec. The request asks for an upgrade; an answer of 101 or 200 leaves a byte stream in both
 * directions, and each side can be ended alone. Written on the socket itself, because no HTTP client lets a stream be ended in one direction only.
 */
import { SampanError } from "../../../base/errors.ts";
import type { Address } from "./address.ts";
import { type Connection, overDuplex } from "./connection.ts";
import { refusal, unreachable } from "./failure.ts";
import { connectUnix } from "./unix-connection.ts";

export interface Hijacked {
  /** `end()` ends what we send; reading goes on. */
  readonly stream: Connection;
  /** Frames with a header each, as answers say by their content type; undefined when the daemon is too old to say. */
  readonly multiplexed: boolean | undefined;
}

export interface HijackRequest {
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Bytes that a head, or an error's body, may have. */
const longest = 64 * 1024;

export async function hijack(address: Address, request: HijackRequest): Promise<Hijacked> {
  const stream = await connect(address, request.signal);
  try {
    await stream.write(Buffer.from(head(address, request)));
    const { status, headers, rest } = await readHead(stream);
    if (status !== 101 && status !== 200) throw refusal(status, await readBody(stream, headers, rest));
    if (rest.length > 0) stream.putBack(rest);
    const type = headers.get("content-type");
    return {
      stream,
      multiplexed: type === "application/vnd.docker.multiplexed-stream" ? true : raw(type),
    };
  } catch (error) {
    stream.destroy();
    throw unreachable(address, error);
  }
}

function raw(type: string | undefined): false | undefined {
  // The raw type came with API 1.42 for terminals; before, it was said of both.
  return type === undefined ? undefined : type === "application/vnd.docker.raw-stream" ? undefined : false;
}

async function connect(address: Address, signal: AbortSignal | undefined): Promise<Connection> {
  signal?.throwIfAborted();
  try {
    const connection =
      address.unix === undefined ? await connectNetwork(address, signal) : await connectUnix(address.unix);
    const stop = () => connection.destroy(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
    return connection;
  } catch (error) {
    throw unreachable(address, error);
  }
}

async function connectNetwork(
  { tls, host, port }: Address,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  const at = { host: host.replace(/^\[|\]$/g, ""), port, allowHalfOpen: true };
  const socket = tls
    ? (await import("node:tls")).connect({
        ...at,
        rejectUnauthorized: tls.verify,
        // An address is no name that could be asked for.
        ...(/^[\d.]+$|:/.test(at.host) ? {} : { servername: at.host }),
        ...(tls.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls.key === undefined ? {} : { key: tls.key }),
      })
    : (await import("node:net")).connect(at);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => socket.destroy(signal?.reason as Error);
  signal?.addEventListener("abort", stop, { once: true });
  socket.once("error", reject);
  socket.once(tls ? "secureConnect" : "connect", () => resolve());
  try {
    await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  socket.off("error", reject);
  return overDuplex(socket);
}

function head(address: Address, { path, body }: HijackRequest): string {
  const text = body === undefined ? "" : JSON.stringify(body);
  const lines = [
    `POST ${address.base}${path} HTTP/1.1`,
    `Host: ${address.unix === undefined ? `${address.host}:${address.port}` : "localhost"}`,
    "Connection: Upgrade",
    "Upgrade: tcp",
    ...(body === undefined ? [] : ["Content-Type: application/json"]),
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${text}`;
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** What came with it of the bytes behind it. */
  readonly rest: Buffer;
}

async function readHead(stream: Connection): Promise<Head> {
  let read = Buffer.alloc(0);
  for (;;) {
    const end = read.indexOf("\r\n\r\n");
    if (end >= 0) return parseHead(read.subarray(0, end).toString("latin1"), read.subarray(end + 4));
    if (read.length > longest) throw new SampanError("unavailable", "the daemon's answer has no end");
    const more = await stream.read();
    if (!more) throw new SampanError("unavailable", "the daemon closed the connection without an answer");
    read = Buffer.concat([read, more]);
  }
}

function parseHead(text: string, rest: Buffer): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (!status) throw new SampanError("unavailable", "what answers is no HTTP server");
  const headers = lines.map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()] as const;
  });
  return { status, headers: new Map(headers), rest };
}

async function readBody(
  stream: Connection,
  headers: ReadonlyMap<string, string>,
  rest: Buffer,
): Promise<string> {
  const length = headers.get("content-length");
  const wanted = Math.min(length === undefined ? longest : Number(length) || 0, longest);
  const chunked = headers.get("transfer-encoding") === "chunked";
  let read = rest;
  while (read.length < wanted && !(chunked && read.includes("\r\n0\r\n\r\n"))) {
    const more = await stream.read();
    if (!more) break;
    read = Buffer.concat([read, more]);
  }
  const text = read.toString();
  return chunked ? text.replace(/^[0-9a-f]+\r\n/i, "").replace(/\r\n0\r\n[\s\S]*$/, "") : text;
}
