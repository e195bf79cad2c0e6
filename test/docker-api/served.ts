/** A table of routes, served on a unix socket of its own while a test runs. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createNet, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import type { Server } from "node:http";

export interface Served extends AsyncDisposable {
  readonly socket: string;
  readonly warnings: string[];
  get(path: string, options?: RequestInit): Promise<Response>;
  post(path: string, body?: unknown, options?: RequestInit): Promise<Response>;
  /** Resolves when nobody is connected. */
  settled(): Promise<void>;
  /** A bare connection. */
  dial(): Promise<Socket>;
}

/** `handed`: connections are accepted by another server, as with TLS, and handed over. */
export async function listening(
  make: (warn: (line: string) => void) => Server,
  { handed = false } = {},
): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-api-"));
  const socket = join(folder, "api.sock");
  const warnings: string[] = [];
  const server = make((line) => warnings.push(line));
  const front = handed
    ? createNet({ allowHalfOpen: true }, (peer) => server.emit("connection", peer))
    : server;
  front.listen(socket);
  await once(front, "listening");
  const get = (path: string, options: RequestInit = {}) =>
    fetch(`http://docker${path}`, { unix: socket, ...options } as RequestInit);
  return {
    socket,
    warnings,
    get,
    post: (path, body, options = {}) =>
      get(path, {
        method: "POST",
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
        ...options,
      }),
    async settled() {
      const open = () =>
        new Promise<number>((resolve, reject) =>
          front.getConnections((error, count) => (error ? reject(error) : resolve(count))),
        );
      while ((await open()) > 0) await new Promise((resolve) => setImmediate(resolve));
    },
    async dial() {
      const peer = connect({ path: socket, allowHalfOpen: true });
      await once(peer, "connect");
      return peer;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      front.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** All that comes until the other side ends. */
export async function readAll(peer: Socket): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of peer) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}
