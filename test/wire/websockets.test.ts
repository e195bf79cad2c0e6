/** The server of WebSockets for thousands of peers, with the library's client as its counterpart, and with peers that keep to nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { issue, makeAuthority, makeKeyPair } from "../../src/fleet/cloud/apiserver/auth/pki/issue.ts";
import { frameOf, opcodes } from "../../src/wire/websockets/frames.ts";
import type { Peer } from "../../src/wire/websockets/peer.ts";
import { type Serving, serveWebSockets, type Visitor } from "../../src/wire/websockets/serve.ts";
import { until, within } from "../fleet/until.ts";

const validity = { from: Date.now() - 60_000, until: Date.now() + 3_600_000 };

/** An authority, and who can get certificates of it. */
async function authority() {
  const pair = await makeKeyPair();
  const ca = await makeAuthority("authority", pair, validity);
  const of = async (commonName: string, usage: "client" | "server") => {
    const { key, publicKey } = await makeKeyPair();
    const names = { dns: [], ip: ["127.0.0.1"] };
    const wanted = { subject: { commonName }, publicKey, validity, usages: [usage], names };
    return { key, cert: await issue({ certificate: ca, key: pair.key }, wanted) };
  };
  return { ca, of };
}

const largest = 40 << 20;
let serving: Serving;
let client: ConnectionOptions;
let stranger: ConnectionOptions;
/** What the server saw since the test began. */
let messages: Buffer[] = [];
let peers: Peer[] = [];
let visitors: Visitor[] = [];
let ended = 0;
let refused: string | undefined;
let gate: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  const [ours, theirs] = [await authority(), await authority()];
  client = { ca: ours.ca, ...(await ours.of("peer", "client")) };
  stranger = { ca: ours.ca, ...(await theirs.of("peer", "client")) };
  serving = serveWebSockets({
    host: "127.0.0.1",
    port: 0,
    tls: { ca: ours.ca, ...(await ours.of("server", "server")) },
    largest,
    most: 20,
    patience: 1_500,
    close: 300,
    admit: async (visitor) => {
      visitors.push(visitor);
      await gate;
      if (refused !== undefined) return { status: 403, reason: refused };
      return {
        headers: { "x-said": "yes" },
        open: (peer) => {
          peers.push(peer);
          return { message: (data) => void messages.push(data), closed: () => void (ended += 1) };
        },
      };
    },
    otherwise: { status: 404, reason: "nothing but WebSockets" },
  });
});
afterAll(async () => await serving[Symbol.asyncDispose]());
beforeEach(() => {
  [messages, peers, visitors, ended, refused, gate] = [[], [], [], 0, undefined, Promise.resolve()];
});

async function open(options: ConnectionOptions = client): Promise<WebSocket> {
  const socket = new WebSocket(`wss://127.0.0.1:${serving.port}/a`, options as object);
  const opened = Promise.withResolvers<void>();
  socket.on("open", () => opened.resolve());
  socket.on("error", (error) => opened.reject(error));
  await within(opened.promise, () => "the answer of the server");
  return socket;
}

async function closeOf(socket: WebSocket): Promise<string> {
  const closed = Promise.withResolvers<string>();
  socket.on("close", (code, reason) => closed.resolve(`${code} ${String(reason)}`));
  return await within(closed.promise, () => "the end of the connection");
}

const asking = (...more: readonly string[]) =>
  [
    "GET / HTTP/1.1",
    "Host: a",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    ...more,
    "",
    "",
  ].join("\r\n");

/** A connection that says just this. Everything that comes, and when it ended. */
async function raw(said: string | Uint8Array | undefined, options: ConnectionOptions = client) {
  const socket: TLSSocket = connect({
    host: "127.0.0.1",
    port: serving.port,
    ...options,
    rejectUnauthorized: false,
  });
  let came = "";
  const closed = Promise.withResolvers<void>();
  socket.on("data", (data: Buffer) => (came += data.toString("latin1")));
  socket.on("close", () => closed.resolve());
  socket.on("error", () => socket.destroy());
  await within(
    new Promise<void>((resolve) => void socket.once("secureConnect", () => resolve())),
    () => "TLS",
  );
  if (said !== undefined) socket.write(said);
  return {
    socket,
    came: () => came,
    closed: async () => await within(closed.promise, () => "the end of the connection"),
  };
}

/** As clients send it: masked, here with zeros. */
function masked(opcode: number, data: string): Buffer {
  const frame = frameOf(opcode, data);
  const head = frame.length - Buffer.byteLength(data);
  frame[1] = (frame[1] ?? 0) | 0x80;
  return Buffer.concat([frame.subarray(0, head), Buffer.alloc(4), frame.subarray(head)]);
}

describe("messages", () => {
  test("go both ways, whole and in order, with the headers that were wanted", async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${serving.port}/a?b`, client as object);
    const said = Promise.withResolvers<unknown>();
    socket.on("upgrade", ({ headers }) => said.resolve(headers["x-said"]));
    await within(new Promise<void>((resolve) => void socket.on("open", () => resolve())), () => "an answer");
    expect(await said.promise).toBe("yes");
    const got: string[] = [];
    socket.on("message", (data: Buffer) => void got.push(data.toString()));
    const texts = ["a", "", "é".repeat(100), "x".repeat(126), "y".repeat(70_000)];
    for (const text of texts) socket.send(text);
    await until(() => messages.length === texts.length);
    expect(messages.map(String)).toEqual(texts);
    for (const text of texts) peers[0]?.send(text);
    await until(() => got.length === texts.length);
    expect(got).toEqual(texts);
    expect(visitors[0]).toMatchObject({ asking: { path: "/a?b" }, subject: "CN=peer", fault: undefined });
    socket.close(1000);
    expect(await closeOf(socket)).toBe("1000 ");
    await until(() => ended === 1);
    expect(peers[0]).toMatchObject({ isOpen: false, isGone: true });
  });

  test("of many megabytes wait for the network, and are counted meanwhile", async () => {
    const socket = await open();
    const got: number[] = [];
    socket.on("message", (data: Buffer) => void got.push(data.length));
    socket.pause();
    const large = "z".repeat(8 << 20);
    for (let count = 0; count < 4; count++) peers[0]?.send(large);
    expect(peers[0]?.bufferedAmount).toBeGreaterThan(16 << 20);
    socket.resume();
    await until(() => got.length === 4);
    expect(got).toEqual([large.length, large.length, large.length, large.length]);
    await until(() => peers[0]?.bufferedAmount === 0);
    socket.send(large);
    await until(() => messages[0]?.length === large.length);
    socket.terminate();
    await until(() => ended === 1);
  });

  test("wait while the owner has paused, those that came already too", async () => {
    const { socket, came } = await raw(asking());
    await until(() => came().includes("101"));
    const [peer] = peers;
    peer?.pause();
    socket.write(Buffer.concat(["a", "b", "c"].map((text) => masked(opcodes.text, text))));
    await Bun.sleep(100);
    expect(messages).toEqual([]);
    peer?.resume();
    await until(() => messages.length === 3);
    expect(messages.map(String)).toEqual(["a", "b", "c"]);
    socket.destroy();
    await until(() => ended === 1);
  });

  test("that come with the request, and before it is clear whether it may come in, are not lost", async () => {
    const opened = Promise.withResolvers<void>();
    gate = opened.promise;
    const early = Buffer.concat([Buffer.from(asking()), masked(opcodes.text, "early")]);
    const { socket, came } = await raw(early);
    await until(() => visitors.length === 1);
    socket.write(masked(opcodes.text, "still early"));
    await Bun.sleep(50);
    expect(came()).toBe("");
    opened.resolve();
    await until(() => messages.length === 2);
    socket.write(masked(opcodes.text, "late"));
    await until(() => messages.length === 3);
    expect(messages.map(String)).toEqual(["early", "still early", "late"]);
    socket.destroy();
    await until(() => ended === 1);
  });
});

test("pings are answered, and what is asked of the peer is answered by it", async () => {
  const socket = await open();
  const pong = Promise.withResolvers<string>();
  socket.on("pong", (data) => pong.resolve(String(data)));
  socket.ping("are you there");
  expect(await within(pong.promise, () => "a pong")).toBe("are you there");
  const pinged = Promise.withResolvers<void>();
  socket.on("ping", () => pinged.resolve());
  const before = peers[0]?.bytesRead ?? 0;
  peers[0]?.ping();
  await within(pinged.promise, () => "a ping");
  await until(() => (peers[0]?.bytesRead ?? 0) > before);
  socket.terminate();
  await until(() => ended === 1);
});

test("a flood of pings of who reads nothing takes no memory", async () => {
  const { socket, came } = await raw(asking());
  await until(() => came().includes("101"));
  socket.pause();
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => masked(opcodes.ping, "p".repeat(100))));
  for (let count = 0; count < 20; count++) socket.write(pings);
  await until(() => (peers[0]?.bytesRead ?? 0) > 15 * pings.length);
  expect(peers[0]?.bufferedAmount).toBeLessThan(200 << 10);
  socket.destroy();
  await until(() => ended === 1);
});

describe("the end", () => {
  test("is told with its reason, and waits for the peer's answer", async () => {
    const socket = await open();
    peers[0]?.close(1008, "for a reason");
    expect(await closeOf(socket)).toBe("1008 for a reason");
    await until(() => ended === 1);
  });

  test("comes by itself for a peer that does not answer it", async () => {
    const { came, closed } = await raw(asking());
    await until(() => came().includes("101"));
    peers[0]?.close(1001, "away");
    await closed();
    await until(() => ended === 1);
  }, 20_000);

  test("of a peer that breaks the protocol says why", async () => {
    const { socket, came, closed } = await raw(asking());
    await until(() => came().includes("101"));
    socket.write(frameOf(opcodes.text, "without a mask"));
    await closed();
    expect(came()).toContain("without a mask");
    await until(() => ended === 1);
    expect(messages).toEqual([]);
  });

  test("of a message over the limit is its code", async () => {
    const socket = await open();
    const closed = closeOf(socket);
    socket.on("error", () => {});
    socket.send(Buffer.alloc(largest + 1));
    expect(await closed).toStartWith("1009");
    await until(() => ended === 1);
  });
});

describe("is not let in", () => {
  test("who is refused, with the reason", async () => {
    refused = "not you";
    const { came, closed } = await raw(asking());
    await closed();
    expect(came()).toStartWith("HTTP/1.1 403 Forbidden\r\n");
    expect(came()).toEndWith("\r\n\r\nnot you\n");
    expect(peers).toEqual([]);
  });

  test.each([
    ["who does not ask for a WebSocket", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "404"],
    ["what is no HTTP", "\u0000\u0001\r\n\r\n", "400"],
    ["who has no key", asking().replace(/Sec-WebSocket-Key.*\r\n/, ""), "400"],
    ["a head without an end", `GET / HTTP/1.1\r\nA: ${"a".repeat(40_000)}`, "431"],
  ])("%s", async (_what, said, status) => {
    const { came, closed } = await raw(said);
    await closed();
    expect(came()).toStartWith(`HTTP/1.1 ${status} `);
    expect(visitors).toEqual([]);
  });

  test("who says nothing, or half of it", async () => {
    const [silent, half] = [await raw(undefined), await raw("GET / HTTP/1.1\r\nHost")];
    await Promise.all([silent.closed(), half.closed()]);
    expect([silent.came(), half.came()]).toEqual(["", ""]);
  });

  test("one too many", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, async () => await open()));
    const { closed } = await raw(undefined).catch(() => ({ closed: async () => {} }));
    await closed();
    for (const socket of all) socket.terminate();
    await until(() => ended === 20);
    const socket = await open();
    socket.terminate();
    await until(() => ended === 21);
  });
});

test("a certificate of somebody else's, and none, are no certificates", async () => {
  (await raw(asking(), stranger)).socket.end();
  (await raw(asking(), {})).socket.end();
  await until(() => visitors.length === 2);
  expect(visitors.map(({ subject }) => subject)).toEqual([undefined, undefined]);
  expect(visitors[0]?.fault).toBeTruthy();
  await until(() => ended === 2);
});

test.each([
  ["that is taken", () => serving.port, "127.0.0.1", "the address is taken"],
  ["of another machine", () => 0, "192.0.2.77", "this machine has no such address"],
])("an address %s is told", (_what, port, host, words) => {
  const tls = { key: client.key as string, cert: client.cert as string, ca: client.ca as string };
  const wanted = { host, port: port(), tls, largest, most: 1, patience: 1_000, close: 0 };
  const never = async () => ({ status: 503, reason: "" });
  const open = () => serveWebSockets({ ...wanted, admit: never, otherwise: { status: 404, reason: "" } });
  expect(open).toThrow(words);
});

test("when the server stops, peers have a moment to end", async () => {
  const pair = await authority();
  const other = serveWebSockets({
    host: "127.0.0.1",
    port: 0,
    tls: { ca: pair.ca, ...(await pair.of("server", "server")) },
    largest,
    most: 10,
    patience: 5_000,
    close: 200,
    admit: async () => ({ open: () => ({ message: () => {}, closed: () => void (ended += 1) }) }),
    otherwise: { status: 404, reason: "" },
  });
  const socket = new WebSocket(`wss://127.0.0.1:${other.port}/`, {
    ca: pair.ca,
    ...(await pair.of("peer", "client")),
  } as object);
  await within(new Promise<void>((resolve) => void socket.on("open", () => resolve())), () => "an answer");
  const closed = closeOf(socket);
  await within(Promise.resolve(other[Symbol.asyncDispose]()), () => "the server to stop");
  await closed;
  expect(ended).toBe(1);
  const again = await connectTo(other.port).catch(() => "refused");
  expect(again).toBe("refused");
});

async function connectTo(port: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
}
