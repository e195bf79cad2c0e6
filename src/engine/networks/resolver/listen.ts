/** The sockets of the resolver: UDP and TCP, port 53 of each bridge's address. */
import dgram from "node:dgram";
import net from "node:net";
import { framed } from "./forward.ts";

/** Gives the answer to a message from an address; undefined: say nothing. */
export type Handler = (
  message: Uint8Array,
  from: { readonly address: string; readonly byStream: boolean },
) => Promise<Uint8Array | undefined>;

const mostConnections = 64;
/** Of one container, so that it takes no others' place. */
const mostOfOne = 8;
/** Questions of one connection that are not answered yet, and bytes of answers that it has not taken: beyond either nothing more of it is read. */
const mostOpen = 32;
const mostUntaken = 64 << 10;
const idleTime = 10_000;
const largestQuestion = 4096;

/** Whatever a message does to its handler, the others are served on. */
async function answered(
  handler: Handler,
  message: Uint8Array,
  from: Parameters<Handler>[1],
): Promise<Uint8Array | undefined> {
  try {
    return await handler(message, from);
  } catch {
    return undefined;
  }
}

/** Errors: those of bind(2). */
export async function listen(address: string, handler: Handler): Promise<Disposable> {
  const datagrams = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  datagrams.on("message", (message, { address: from, port }) => {
    void answered(handler, message, { address: from, byStream: false }).then((answer) => {
      if (answer) datagrams.send(answer, port, from, () => {});
    });
  });
  await new Promise<void>((resolve, reject) => {
    datagrams.once("error", reject);
    datagrams.bind({ address, port: 53 }, resolve);
  });
  // What a send meets (a container that has gone) is no matter of ours.
  datagrams.on("error", () => {});
  const streams = net.createServer(serverOf(handler));
  streams.maxConnections = mostConnections;
  try {
    await new Promise<void>((resolve, reject) => {
      streams.once("error", reject);
      streams.listen({ host: address, port: 53 }, resolve);
    });
  } catch (error) {
    datagrams.close();
    throw error;
  }
  streams.on("error", () => {});
  return {
    [Symbol.dispose]() {
      datagrams.close();
      streams.close();
    },
  };
}

/** What serves the connections of a server; for tests without port 53 too. */
export function serverOf(handler: Handler): (socket: net.Socket) => void {
  const connections = new Map<string, number>();
  return (socket) => {
    const from = socket.remoteAddress ?? "";
    const now = connections.get(from) ?? 0;
    if (now >= mostOfOne) return void socket.destroy();
    connections.set(from, now + 1);
    socket.once("close", () => {
      const left = (connections.get(from) ?? 1) - 1;
      if (left > 0) connections.set(from, left);
      else connections.delete(from);
    });
    serve(socket, handler);
  };
}

function serve(socket: net.Socket, handler: Handler): void {
  let got = Buffer.alloc(0);
  let open = 0;
  socket.setTimeout(idleTime, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes: Buffer) => {
    got = Buffer.concat([got, bytes]);
    take();
  });
  socket.on("drain", take);

  /** As many questions as may be open; the rest waits with the client. */
  function take(): void {
    while (got.length >= 2) {
      if (open >= mostOpen || socket.writableLength > mostUntaken) return void socket.pause();
      const length = got.readUInt16BE(0);
      if (length > largestQuestion) return void socket.destroy();
      if (got.length < 2 + length) break;
      const message = got.subarray(2, 2 + length);
      got = got.subarray(2 + length);
      void answer(message);
    }
    socket.resume();
  }

  async function answer(message: Uint8Array): Promise<void> {
    open++;
    const found = await handler(message, { address: socket.remoteAddress ?? "", byStream: true }).catch(
      () => undefined,
    );
    open--;
    if (found && socket.writable) socket.write(framed(found));
    if (socket.isPaused()) take();
  }
}
