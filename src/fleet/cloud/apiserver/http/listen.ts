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
}

export interface Listening extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** For a server certificate that is renewed. */
  renew(tls: TlsFiles): void;
}

/** Connections at once; each idle one is closed after a while. */
const maxConnections = 8192;
const headersWithin = 15_000;
const requestWithin = 60_000;
const idleFor = 180_000;
/** What is being answered when the server stops has so long, in milliseconds. */
const graceful = 3_000;

/** Resolves when it listens. */
export async function listen({ host, port, tls, handlers }: ListenOptions): Promise<Listening> {
  const http = createHttp({ keepAliveTimeout: idleFor, maxHeaderSize: 32 << 10 });
  http.headersTimeout = headersWithin;
  http.requestTimeout = requestWithin;
  const open: Open = { http, sockets: new Set(), busy: new Map(), closing: false };
  http.on("request", (request, response) => {
    follow(open, request.socket, response);
    void handlers.request(request, response);
  });
  http.on("upgrade", (request, socket, head) => void handlers.upgrade(request, socket, head));
  http.on("clientError", (_error, socket) => {
    if (socket.writable)
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else socket.destroy();
  });
  const server = createTls({
    ...secure(tls),
    handshakeTimeout: headersWithin,
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
  readonly sockets: Set<TLSSocket>;
  /** How many answers are under way on a connection. */
  readonly busy: Map<Socket, number>;
  closing: boolean;
}

function accept(socket: TLSSocket, { http, sockets }: Open): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
  socket.on("error", () => socket.destroy());
  http.emit("connection", socket);
}

/** Keeps which connections are answering; one that has answered while the server closes goes. */
function follow(open: Open, socket: Socket, response: ServerResponse): void {
  const { busy } = open;
  busy.set(socket, (busy.get(socket) ?? 0) + 1);
  response.once("close", () => {
    const left = (busy.get(socket) ?? 1) - 1;
    if (left > 0) busy.set(socket, left);
    else busy.delete(socket);
    if (left <= 0 && open.closing) socket.end();
  });
}

/** Takes no more, lets what is being answered end, then ends the rest. */
async function close(server: TlsServer, open: Open): Promise<void> {
  const { http, sockets, busy } = open;
  open.closing = true;
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  for (const socket of sockets) if (!busy.has(socket)) socket.end();
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceful);
  try {
    await closed;
  } finally {
    clearTimeout(timer);
    http.close();
  }
}
