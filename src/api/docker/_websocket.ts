/** A websocket as a conversation. The library is loaded with the first. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { Input } from "./_input.ts";
import { wentAway } from "./_channel.ts";
import type { Conversation } from "./route.ts";

/** Bytes of one message, and of those that wait on either side. */
const largest = 1 << 20;
const mostWaiting = 16 << 20;
const tooBig = 1009;

export async function openWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<Conversation & { close(): void }> {
  const { WebSocketServer } = await import("ws");
  const server = new WebSocketServer({ noServer: true, maxPayload: largest, perMessageDeflate: false });
  const peer = await new Promise<WebSocket>((resolve, reject) => {
    socket.once("close", () => reject(wentAway()));
    server.handleUpgrade(request, socket, head, resolve);
  });
  return converse(peer);
}

function converse(peer: WebSocket): Conversation & { close(): void } {
  const gone = new AbortController();
  const input = new Input({ pause: () => {}, resume: () => {} });
  peer.on("message", (message: Buffer | string) => {
    input.push(Buffer.from(message as Buffer));
    if (input.size > mostWaiting) peer.close(tooBig);
  });
  peer.on("error", () => gone.abort());
  peer.on("close", () => {
    input.end();
    gone.abort();
  });
  return {
    input,
    signal: gone.signal,
    async write(bytes) {
      if (gone.signal.aborted) throw wentAway();
      if (peer.bufferedAmount > mostWaiting) {
        peer.terminate();
        throw wentAway();
      }
      await new Promise<void>((resolve, reject) =>
        peer.send(bytes, { binary: true }, (error) => (error ? reject(wentAway(error)) : resolve())),
      );
    },
    close: () => peer.close(),
  };
}
