/** The kubelet's port on the loopback interface. Every user of the machine reaches it, so it wants a secret that only root can read, unless it was opened on purpose. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { SampanError } from "../../../base/errors.ts";
import { formatHead } from "../../../wire/channels/head.ts";
import { type Kubelet, statusOf } from "./kubelet.ts";

export interface KubeletPortOptions {
  readonly kubelet: Kubelet;
  readonly log: (text: string) => void;
  /** 10350; 0 for any. */
  readonly port?: number;
  /** Answers whoever asks, as KubeEdge does. */
  readonly open?: boolean;
}

export interface KubeletPort extends AsyncDisposable {
  readonly port: number;
  /** For `Authorization: Bearer`. */
  readonly secret: string;
}

const usualPort = 10_350;
const mostConnections = 256;

/** Resolves when it listens. Errors: `unavailable` when the port is taken. */
export async function openKubeletPort(options: KubeletPortOptions): Promise<KubeletPort> {
  const { kubelet, log, port = usualPort, open = false } = options;
  const secret = randomBytes(32).toString("base64url");
  const may = ({ headers, url }: IncomingMessage) =>
    open || url === "/healthz" || same(headers.authorization, `Bearer ${secret}`);
  const stopping = new AbortController();
  const sockets = new Set<Duplex>();
  const server = createServer({ requestTimeout: 30_000, maxHeaderSize: 32 << 10 });
  server.maxConnections = mostConnections;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (may(request))
      void answer(kubelet, request, response, stopping.signal).catch(() => response.destroy());
    else response.writeHead(401, { "Content-Type": "text/plain" }).end("Unauthorized");
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    if (!may(request)) return refuse(socket, 401, "Unauthorized");
    const { method = "", url: target = "", headers } = request;
    kubelet.upgrade({ method, target, headers, socket, head }, stopping.signal).catch((error: unknown) => {
      refuse(socket, statusOf(error), SampanError.from(error).message);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new SampanError("unavailable", `cannot listen on 127.0.0.1:${port}: it is taken`, { cause: error }),
      ),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  server.on("error", (error) => log(`the kubelet's port: ${error.message}`));
  return {
    port: (server.address() as AddressInfo).port,
    secret,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function same(given: string | undefined, wanted: string): boolean {
  const bytes = Buffer.from(given ?? "");
  return bytes.length === wanted.length && timingSafeEqual(bytes, Buffer.from(wanted));
}

async function answer(
  kubelet: Kubelet,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.on("error", () => {});
  const { method = "", url: target = "" } = request;
  const signal = AbortSignal.any([gone.signal, stopping]);
  const { status, type, body } = await kubelet.answer({ method, target }, signal);
  response.writeHead(status, { "Content-Type": type });
  response.flushHeaders();
  for await (const piece of body) {
    if (signal.aborted) break;
    if (!response.write(piece)) await drained(response, signal);
  }
  response.end();
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    response.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function refuse(socket: Duplex, status: number, words: string): void {
  if (socket.destroyed || !socket.writable) return;
  const body = Buffer.from(words);
  const head = formatHead(status, "Refused", {
    Connection: "close",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(body.length),
  });
  socket.end(Buffer.concat([Buffer.from(head), body]));
}
