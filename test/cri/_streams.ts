/** Clients of the streaming port: by SPDY as crictl and kubelets of any age, and by WebSocket. Each takes an address as the calls give it. */
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { WebSocket } from "ws";
import type { CommandStatus, CommandStreams, RemoteCommand } from "../../src/wire/channels/command.ts";
import { type Head, readBody, readHead } from "../../src/wire/channels/head.ts";
import { tunnelProtocol } from "../../src/wire/channels/protocols.ts";
import { openSpdyCommand } from "../../src/wire/channels/spdy-command.ts";
import { ForwardClient } from "../../src/wire/channels/spdy-forward.ts";

const never = new AbortController().signal;
export const newest = "v4.channel.k8s.io";

export function dial(url: string): Socket {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** What is answered to a request by hand; its socket stays open where it was upgraded. */
export async function ask(
  url: string,
  { method = "POST", headers = {} }: { method?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Head & { readonly socket: Socket; readonly body: string }> {
  const socket = dial(url);
  const lines = Object.entries({ Host: "x", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${new URL(url).pathname} HTTP/1.1\r\n${lines.join("")}\r\n`);
  const head = await readHead(socket, never);
  if (head.status === 101) return { ...head, socket, body: "" };
  const body = await readBody(socket, head, { signal: never });
  socket.destroy();
  return { ...head, socket, body };
}

function spdyHeaders(protocol: string): Record<string, string> {
  return { Connection: "Upgrade", Upgrade: "SPDY/3.1", "X-Stream-Protocol-Version": protocol };
}

export async function spdyCommand(
  url: string,
  streams: CommandStreams,
  protocol = newest,
): Promise<RemoteCommand> {
  const { status, body, socket } = await ask(url, { headers: spdyHeaders(protocol) });
  if (status !== 101) throw new Error(`${status}: ${body}`);
  return await openSpdyCommand(socket, { streams, protocol });
}

export async function spdyForward(url: string): Promise<ForwardClient> {
  const { status, body, socket } = await ask(url, { headers: spdyHeaders("portforward.k8s.io") });
  if (status !== 101) throw new Error(`${status}: ${body}`);
  return new ForwardClient(socket);
}

/** SPDY in the messages of a WebSocket, as kubectl and crictl do it. By hand: the protocol's name has a `/`, which no library offers. */
export async function tunnelForward(url: string): Promise<ForwardClient> {
  const headers = {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": tunnelProtocol,
  };
  const { status, body, socket, headers: answered } = await ask(url, { method: "GET", headers });
  if (status !== 101) throw new Error(`${status}: ${body}`);
  if (answered.get("sec-websocket-protocol") !== tunnelProtocol)
    throw new Error("another protocol was chosen");
  return new ForwardClient(messagesOf(socket));
}

/** Of messages below 64 KiB: the mask is all zeros. */
function messagesOf(socket: Socket): Duplex {
  let bytes = Buffer.alloc(0);
  const duplex = new Duplex({
    read: () => {},
    write(data: Buffer, _encoding, done) {
      const head = Buffer.from([0x82, 0x80 | 126, data.length >> 8, data.length & 0xff, 0, 0, 0, 0]);
      socket.write(Buffer.concat([head, data]), () => done());
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece]);
    for (;;) {
      const short = (bytes[1] ?? 0) < 126;
      const start = short ? 2 : 4;
      if (bytes.length < start) return;
      const end = start + (short ? (bytes[1] ?? 0) : bytes.readUInt16BE(2));
      if (bytes.length < end) return;
      if (bytes[0] === 0x82) duplex.push(Buffer.from(bytes.subarray(start, end)));
      bytes = bytes.subarray(end);
    }
  });
  socket.on("close", () => duplex.destroy());
  return duplex;
}

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: CommandStatus;
}

/** Gives it that input, ends it there, and hears it to the end. */
export async function spdyRun(
  url: string,
  streams: CommandStreams,
  { input, protocol }: { input?: string; protocol?: string } = {},
): Promise<Said> {
  const command = await spdyCommand(url, streams, protocol);
  if (input !== undefined) {
    await command.write(Buffer.from(input));
    await command.endInput();
  }
  const said = { stdout: "", stderr: "" };
  for await (const { stream, data } of command.output) said[stream] += Buffer.from(data).toString();
  const status = await command.status;
  command.close();
  return { ...said, status };
}

export interface Talk extends Disposable {
  readonly protocol: string;
  /** What has come, by channel. */
  readonly came: ReadonlyMap<number, string>;
  send(channel: number, data: string | Uint8Array): void;
  /** Resolves when the other end has closed it. */
  readonly closed: Promise<void>;
  /** Resolves when that text has come on the channel. */
  hear(channel: number, text: string): Promise<void>;
}

export async function webSocket(url: string, protocols: readonly string[]): Promise<Talk> {
  const socket = new WebSocket(url.replace("http", "ws"), [...protocols]);
  const came = new Map<number, string>();
  const listeners = new Set<() => void>();
  const closed = Promise.withResolvers<void>();
  socket.on("message", (data: Buffer) => {
    came.set(data[0] ?? 0, (came.get(data[0] ?? 0) ?? "") + data.subarray(1).toString("latin1"));
    for (const listener of listeners) listener();
  });
  socket.on("close", () => closed.resolve());
  await new Promise<void>((resolve, reject) => {
    socket.on("open", () => resolve());
    socket.on("error", reject);
  });
  return {
    protocol: socket.protocol,
    came,
    closed: closed.promise,
    send: (channel, data) => socket.send(Buffer.concat([Uint8Array.of(channel), Buffer.from(data)])),
    hear: async (channel, text) =>
      await new Promise((resolve) => {
        const look = () => {
          if (!came.get(channel)?.includes(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
      }),
    [Symbol.dispose]: () => socket.terminate(),
  };
}
