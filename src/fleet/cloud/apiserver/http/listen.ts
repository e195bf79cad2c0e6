/**
 * The sockets: TLS by node:tls, which shows the client's certificate under Bun, with HTTP/1.1 of node:http on top. Everything idle or half-open has a deadline.
 */
import { createServer as createHttp, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTls, type Server as TlsServer, type TLSSocket } from "node:tls";
import type { Handlers } from "./handle.ts";

export interface TlsFiles {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** Who signs the certificates of clients. */
  readonly ca: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 for any. */
  readonly port: number;
  readonly tls: TlsFiles;
  readonly handlers: Handlers;
  readonly deadlines?: Partial<Deadlines>;
}

/** In milliseconds. */
export interface Deadlines {
  /** For the handshake, and then for the head of the first request. */
  readonly head: number;
  /** Between an answer and the head of the next request. */
  readonly idle: number;
  /** What is being answered when the server stops has so long. */
  readonly close: number;
}

export interface Listening extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** For a server certificate that is renewed. */
  renew(tls: TlsFiles): void;
}

/** Connections at once. */
const maxConnections = 8192;
const usual: Deadlines = { head: 15_000, idle: 180_000, close: 3_000 };

/** Resolves when it listens. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { host, port, tls, handlers } = options;
  const deadlines = { ...usual, ...options.deadlines };
  const http = createHttp({ keepAliveTimeout: deadlines.idle, maxHeaderSize: 32 << 10 });
  const open: Open = { http, deadlines, sockets: new Map(), busy: new Map(), closing: false };
  http.on("request", (request, response) => {
    follow(open, request.socket, response);
    void handlers.request(request, response);
  });
  http.on("upgrade", (request, socket, head) => {
    // From here on its deadlines are those of the stream.
    rest(open, request.socket);
    void handlers.upgrade(request, socket, head);
  });
  http.on("clientError", (_error, socket) => {
    if (socket.writable)
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  const server = createTls({
    ...secure(tls),
    handshakeTimeout: deadlines.head,
    noDelay: true,
    keepAlive: true,
  });
  server.maxConnections = maxConnections;
  server.on("secureConnection", (socket) => accept(socket, open));
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  return {
    host: address.address,
    port: address.port,
    renew: (files) => server.setSecureContext(secure(files)),
    [Symbol.asyncDispose]: async () => await close(server, open),
  };
}

function secure({ key, cert, ca }: TlsFiles) {
  // Whoever shows a certificate of ours is known by it; others may have a token.
  return {
    key,
    cert,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
  } as const;
}

interface Open {
  readonly http: HttpServer;
  readonly deadlines: Deadlines;
  /** Each with the time by which something must come. Bun's node:http has no such deadlines for connections that it is handed. */
  readonly sockets: Map<Socket, NodeJS.Timeout | undefined>;
  /** How many answers are under way on a connection. */
  readonly busy: Map<Socket, number>;
  closing: boolean;
}

function accept(socket: TLSSocket, open: Open): void {
  expectWithin(open, socket, open.deadlines.head);
  socket.once("close", () => {
    rest(open, socket);
    open.sockets.delete(socket);
  });
  socket.on("error", () => socket.destroy());
  open.http.emit("connection", socket);
}

/** The connection ends unless a request comes within the time. */
function expectWithin(open: Open, socket: Socket, milliseconds: number): void {
  rest(open, socket);
  open.sockets.set(
    socket,
    setTimeout(() => socket.destroy(), milliseconds),
  );
}

function rest({ sockets }: Open, socket: Socket): void {
  clearTimeout(sockets.get(socket));
  sockets.set(socket, undefined);
}

/** Keeps which connections are answering; one that has answered while the server closes goes. */
function follow(open: Open, socket: Socket, response: ServerResponse): void {
  const { busy } = open;
  busy.set(socket, (busy.get(socket) ?? 0) + 1);
  rest(open, socket);
  response.once("close", () => {
    const left = (busy.get(socket) ?? 1) - 1;
    if (left > 0) return void busy.set(socket, left);
    busy.delete(socket);
    if (open.closing) socket.end();
    else if (!socket.destroyed) expectWithin(open, socket, open.deadlines.idle);
  });
}

/** Takes no more, lets what is being answered end, then ends the rest. */
async function close(server: TlsServer, open: Open): Promise<void> {
  const { http, sockets, busy } = open;
  open.closing = true;
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  for (const socket of sockets.keys()) if (!busy.has(socket)) socket.end();
  const timer = setTimeout(() => {
    for (const socket of sockets.keys()) socket.destroy();
  }, open.deadlines.close);
  try {
    await closed;
  } finally {
    clearTimeout(timer);
    http.close();
  }
}
