/**
 * A registry that lies as it is told: a server on a loopback port that answers by a function, and can reset a connection in the middle, stall,
 * announce what it does not send, or lead elsewhere. Connections are written by hand, since a well-made server refuses to do all that.
 */
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { TestImage } from "../images/image.ts";

export interface MockRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Names are lower-case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** How many requests with this method and path came before. */
  readonly earlier: number;
}

export interface MockAnswer {
  /** 200 without it. */
  readonly status?: number;
  /** Content-Length is the body's unless it is given here. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** After so many bytes of the body the connection is reset. */
  readonly cutAfter?: number;
  /** After so many bytes of the body nothing comes any more. */
  readonly stallAfter?: number;
  /** Not even a head. */
  readonly silent?: boolean;
}

export type Behaviour = (request: MockRequest) => MockAnswer;

export interface MockRegistry extends Disposable {
  /** `127.0.0.1:34567`. */
  readonly host: string;
  readonly url: string;
  readonly requests: readonly MockRequest[];
}

export interface MockOptions {
  /** PEM texts. */
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    /** With these a client has to show a certificate of that authority. */
    readonly ca?: string;
    readonly requestCert?: boolean;
    readonly rejectUnauthorized?: boolean;
  };
  /** Resets connections while they send: after so many bytes of a request's body, as often as told. */
  readonly cutUploads?: { readonly after: number; times: number };
}

export async function startMock(behaviour: Behaviour, options: MockOptions = {}): Promise<MockRegistry> {
  const requests: MockRequest[] = [];
  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    readRequest(socket, options, (part) => {
      const earlier = requests.filter(
        ({ method, path }) => method === part.method && path === part.path,
      ).length;
      const request = { ...part, earlier };
      requests.push(request);
      answer(socket, request, behaviour(request));
    });
  };
  const server: Server = options.tls ? createTlsServer(options.tls, serve) : createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `${options.tls ? "https" : "http"}://${host}`,
    requests,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

type Part = Omit<MockRequest, "earlier">;

function readRequest(socket: Socket, options: MockOptions, done: (request: Part) => void): void {
  let bytes = Buffer.alloc(0);
  let finished = false;
  socket.on("data", (data: Buffer) => {
    if (finished) return;
    bytes = Buffer.concat([bytes, data]);
    // What a server without TLS says to a client that begins with it (a handshake record), as Go's does.
    if (bytes[0] === 0x16) return void socket.end("HTTP/1.0 400 Bad Request\r\n\r\n");
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = parseHead(bytes.toString("latin1", 0, end));
    const body = bytes.subarray(end + 4);
    const cut = options.cutUploads;
    if (cut && cut.times > 0 && body.length > cut.after) {
      cut.times--;
      finished = true;
      socket.resetAndDestroy();
    } else if (body.length >= Number(head.headers["content-length"] ?? 0)) {
      finished = true;
      done({ ...head, body: new Uint8Array(body) });
    }
  });
}

function parseHead(text: string): Omit<Part, "body"> {
  const [first = "", ...lines] = text.split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { method, path, headers: Object.fromEntries(headers) };
}

function answer(socket: Socket, request: MockRequest, given: MockAnswer): void {
  if (given.silent) return;
  const body = typeof given.body === "string" ? Buffer.from(given.body) : Buffer.from(given.body ?? "");
  const headers = { "Content-Length": String(body.length), Connection: "close", ...given.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${given.status ?? 200} Mock\r\n${lines.join("")}\r\n`);
  if (request.method === "HEAD") return void socket.end();
  const limit = given.cutAfter ?? given.stallAfter;
  if (limit === undefined) return void socket.end(body);
  const part = body.subarray(0, limit);
  // The reset follows what was sent: bytes that the kernel still holds would be lost with it.
  if (given.cutAfter === undefined) socket.write(part);
  else socket.end(part);
}

/** An honest registry with one image, at every repository, under every tag; with ranges. */
export function servingImage(image: TestImage): Behaviour {
  const all = [image.manifest, image.config, ...image.layers];
  return ({ path, headers }) => {
    if (path === "/v2/") return {};
    const [, kind, reference = ""] = /\/(manifests|blobs)\/([^/?]+)$/.exec(path) ?? [];
    const part =
      all.find(({ descriptor }) => descriptor.digest === reference) ??
      (kind === "manifests" && !reference.includes(":") ? image.manifest : undefined);
    if (!part)
      return { status: 404, body: JSON.stringify({ errors: [{ code: "UNKNOWN", message: "not here" }] }) };
    const { digest, mediaType, size } = part.descriptor;
    const common = { "Docker-Content-Digest": digest, "Content-Type": mediaType };
    const start = Number(/^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1] ?? 0);
    if (start === 0) return { headers: common, body: part.bytes };
    if (start >= size) return { status: 416, headers: { "Content-Range": `bytes */${size}` } };
    const range = { "Content-Range": `bytes ${start}-${size - 1}/${size}` };
    return { status: 206, headers: { ...common, ...range }, body: part.bytes.slice(start) };
  };
}

/** `behaviour` for those whose Authorization header is `wanted`; the others get the challenge. */
export function guarded(wanted: string, challenge: string, behaviour: Behaviour): Behaviour {
  return (request) =>
    request.headers["authorization"] === wanted
      ? behaviour(request)
      : { status: 401, headers: { "WWW-Authenticate": challenge } };
}
