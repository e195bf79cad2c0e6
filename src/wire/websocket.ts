/** A WebSocket as messages with back-pressure both ways. The library is loaded with the first. */
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { broken, Inbox } from "./byte-stream.ts";
import type { UpgradeRequest } from "./channels/upgrade.ts";

export interface MessagePipe {
  /** Each piece is a message. Ends when the peer closes; throws `unavailable` when it breaks off. */
  readonly messages: AsyncIterable<Uint8Array>;
  /** The subprotocol that was chosen; empty for none. */
  readonly protocol: string;
  /** Resolves when it is on its way. Errors: `unavailable`. */
  send(data: Uint8Array, options?: { readonly text?: boolean }): Promise<void>;
  ping(): void;
  /** Resolves when it is over. */
  readonly closed: Promise<void>;
  /** With the closing handshake, for which the peer has a short while. */
  close(code?: number, reason?: string): void;
  terminate(): void;
}

export interface PipeOptions {
  /** Of one message. */
  readonly largest: number;
  /** Bytes that wait for the reader before nothing more is read. */
  readonly mark?: number;
  /** Any message, also a pong, was seen. */
  readonly onSign?: () => void;
}

const defaultMark = 256 << 10;
/** Messages that wait: the smallest cost far more than their bytes. */
const mostMessages = 1024;
/** What a library that was told to pause may still hand on, beyond the mark. */
const surplus = 4 << 20;
const lingering = 5_000;

/** Accepts with the first of `protocols` that the client knows. Its offer has been looked at before; without one in common the client goes on without. */
export async function acceptWebSocket(
  request: UpgradeRequest,
  protocols: readonly string[],
  options: PipeOptions & { readonly headers?: Readonly<Record<string, string>> },
): Promise<MessagePipe> {
  const { WebSocketServer } = await import("ws");
  const protocol = chosen(request, protocols);
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: options.largest,
    perMessageDeflate: false,
    skipUTF8Validation: true,
  });
  server.on("headers", (lines) => {
    if (protocol !== "") lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    for (const [name, value] of Object.entries(options.headers ?? {})) lines.push(`${name}: ${value}`);
  });
  const peer = await new Promise<WebSocket>((resolve, reject) => {
    request.socket.once("close", () => reject(broken("the client went away")));
    server.handleUpgrade(
      { ...requestOf(request) } as IncomingMessage,
      request.socket,
      Buffer.from(request.head),
      resolve,
    );
  });
  return { ...pipeOf(peer, options), protocol };
}

/** Empty for none. */
function chosen({ headers }: UpgradeRequest, protocols: readonly string[]): string {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  return protocols.find((each) => offered.includes(each)) ?? "";
}

/** What the library reads of a request. Not the protocols: that of kubectl's tunnel has a `/`, with which no token may be written and the library refuses it. */
function requestOf(request: UpgradeRequest): Partial<IncomingMessage> {
  const headers = { ...request.headers };
  delete headers["sec-websocket-protocol"];
  return { method: "GET", url: "/", headers };
}

/** The messages of one that is open. */
export function pipeOf(peer: WebSocket, options: PipeOptions): MessagePipe {
  const mark = options.mark ?? defaultMark;
  const over = Promise.withResolvers<void>();
  let paused = false;
  /** Who waits for a message to be on its way when the connection ends. */
  const writing = new Set<() => void>();
  const inbox = new Inbox(mark, () => {
    if (!paused || inbox.size >= mark / 2 || inbox.count >= mostMessages / 2) return;
    paused = false;
    peer.resume();
  });
  peer.on("message", (data: RawData) => {
    options.onSign?.();
    inbox.push(bytesOf(data));
    if (inbox.size > mark + options.largest + surplus) return peer.terminate();
    const isFull = inbox.size >= mark || inbox.count >= mostMessages;
    if (!isFull || paused || !inbox.open) return;
    paused = true;
    peer.pause();
  });
  peer.on("pong", () => options.onSign?.());
  peer.on("ping", () => options.onSign?.());
  peer.on("error", (error) => inbox.fail(broken("the connection broke", error)));
  peer.on("close", (code: number) => {
    if (code === 1006) inbox.fail(broken("the peer went away"));
    inbox.end();
    for (const reject of writing) reject();
    over.resolve();
  });
  return {
    messages: inbox,
    protocol: peer.protocol,
    closed: over.promise,
    send: async (data, { text = false } = {}) => {
      if (peer.readyState !== peer.OPEN) throw broken("cannot write: the connection is closed");
      await new Promise<void>((resolve, reject) => {
        const gone = () => reject(broken("the peer went away"));
        writing.add(gone);
        peer.send(data, { binary: !text }, (error) => {
          writing.delete(gone);
          if (error) reject(broken("cannot write: the connection broke", error));
          else resolve();
        });
      });
    },
    ping: () => {
      if (peer.readyState === peer.OPEN) peer.ping("ping you");
    },
    close: (code = 1000, reason = "") => {
      if (peer.readyState !== peer.OPEN) return peer.terminate();
      peer.close(code, reason);
      inbox.close();
      // The answer to the handshake must be read, whatever waits before it.
      peer.resume();
      const timer = setTimeout(() => peer.terminate(), lingering);
      void over.promise.then(() => clearTimeout(timer));
    },
    terminate: () => peer.terminate(),
  };
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : Buffer.from(data as Buffer);
}

/** A stream of bytes whose pieces are messages. */
export function duplexOf(pipe: MessagePipe): Duplex {
  const messages = pipe.messages[Symbol.asyncIterator]();
  const duplex = new Duplex({
    read() {
      messages.next().then(
        ({ done, value }) => void duplex.push(done ? null : value),
        (error: unknown) => duplex.destroy(error as Error),
      );
    },
    write(data: Buffer, _encoding, done) {
      pipe.send(data).then(() => done(), done);
    },
    final(done) {
      pipe.close();
      done();
    },
    destroy(error, done) {
      pipe.terminate();
      done(error);
    },
  });
  return duplex;
}
