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
const idleTime = 10_000;
const largestQuestion = 4096;

/** Errors: those of bind(2). */
export async function listen(address: string, handler: Handler): Promise<Disposable> {
  const datagrams = dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  datagrams.on("message", (message, { address: from, port }) => {
    void handler(message, { address: from, byStream: false }).then((answer) => {
      if (answer) datagrams.send(answer, port, from, () => {});
    });
  });
  await new Promise<void>((resolve, reject) => {
    datagrams.once("error", reject);
    datagrams.bind({ address, port: 53 }, resolve);
  });
  // What a send meets (a container that has gone) is no matter of ours.
  datagrams.on("error", () => {});
  const streams = net.createServer((socket) => serve(socket, handler));
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

function serve(socket: net.Socket, handler: Handler): void {
  let got = Buffer.alloc(0);
  socket.setTimeout(idleTime, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes: Buffer) => {
    got = Buffer.concat([got, bytes]);
    while (got.length >= 2) {
      const length = got.readUInt16BE(0);
      if (length > largestQuestion) return void socket.destroy();
      if (got.length < 2 + length) return;
      const message = got.subarray(2, 2 + length);
      got = got.subarray(2 + length);
      void handler(message, { address: socket.remoteAddress ?? "", byStream: true }).then((answer) => {
        if (answer && socket.writable) socket.write(framed(answer));
      });
    }
  });
}
