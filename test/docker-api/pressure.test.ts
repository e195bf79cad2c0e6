/** Clients that read slowly, send too much, or send nonsense: they cost memory that is bounded, and nobody else anything. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import type { Socket } from "node:net";
import { json, rawStream } from "../../src/api/docker/answer.ts";
import { route, type Conversation } from "../../src/api/docker/route.ts";
import { serverOf } from "../../src/api/docker/server.ts";
import { SampanError } from "../../src/base/errors.ts";
import { listening, readAll, type Served } from "./served.ts";

setDefaultTimeout(30_000);
const MiB = 1 << 20;
const piece = new Uint8Array(MiB).fill(65);
/** More than any buffer between the two holds. */
const much = 24;

describe.each([
  ["its own connections", false],
  ["connections that are handed to it", true],
])("%s", (_name, handed) => {
  let served: Served;
  let stalled = Promise.withResolvers<number>();
  let swallowed = Promise.withResolvers<string>();
  let mayRead = Promise.withResolvers<void>();

  async function turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Writes `much`; tells how many pieces went out when the first is held back. */
  async function flood(write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    for (let sent = 0; sent < much; sent++) {
      let done = false;
      const writing = write(piece).then(() => (done = true));
      await turns(50);
      if (!done) stalled.resolve(sent);
      await writing;
    }
  }

  const routes = [
    route("GET", "/flood", () => ({
      kind: "stream",
      type: "application/x-tar",
      write: (out) => flood(out.write),
    })),
    route("POST", "/flood", () => ({ kind: "hijack", type: rawStream, talk: ({ write }) => flood(write) })),
    route("POST", "/count", () => ({
      kind: "hijack",
      type: rawStream,
      talk: async ({ input, write }: Conversation) => {
        await mayRead.promise;
        let size = 0;
        for await (const each of input) size += each.length;
        await write(Buffer.from(`${size} bytes`));
      },
    })),
    route("POST", "/refused", () => {
      throw new SampanError("failed_precondition", "no");
    }),
    route("POST", "/swallow", async ({ body }) => {
      let size = 0;
      try {
        for await (const each of body) size += each.length;
        swallowed.resolve(`${size} bytes`);
      } catch {
        swallowed.resolve(`cut after ${size} bytes`);
      }
      return json(size);
    }),
    route("GET", "/fine", () => json("fine")),
  ];

  beforeAll(async () => {
    served = await listening((warn) => serverOf(routes, { warn }), { handed });
  });
  afterAll(() => served[Symbol.asyncDispose]());

  const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

  async function asked(head: string): Promise<Socket> {
    const peer = await served.dial();
    peer.write(`${head}\r\n\r\n`);
    return peer;
  }

  test.each([
    ["an answer", "GET /flood HTTP/1.0\r\nHost: docker"],
    ["a hijacked connection", `POST /flood HTTP/1.1\r\nHost: docker\r\n${upgrade.trimEnd()}`],
  ])("%s waits for a client that reads slowly, and is whole in the end", async (_what, head) => {
    stalled = Promise.withResolvers();
    const peer = await asked(head);
    peer.pause();
    expect(await stalled.promise).toBeLessThan(8);
    const all = await readAll(peer);
    expect(all.length - all.indexOf("\r\n\r\n") - 4).toBe(much * MiB);
  });

  test("a client that sends more than is read is held back, and nothing of it is lost", async () => {
    mayRead = Promise.withResolvers();
    const peer = await asked(`POST /count HTTP/1.1\r\nHost: docker\r\n${upgrade.trimEnd()}`);
    await once(peer, "data");
    for (let sent = 0; sent < much; sent++) peer.write(piece);
    peer.end();
    await turns(500);
    expect(peer.writableLength).toBeGreaterThan((much / 2) * MiB);
    const reading = readAll(peer);
    mayRead.resolve();
    expect(await reading).toBe(`${much * MiB} bytes`);
  });

  test("a body that is refused is taken and dropped, and the connection serves the next request", async () => {
    const peer = await served.dial();
    const body = "x".repeat(2 * MiB);
    peer.write(`POST /refused HTTP/1.1\r\nHost: docker\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    peer.write("GET /fine HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");
    const all = await readAll(peer);
    expect(all).toContain('{"message":"no"}');
    expect(all).toEndWith('"fine"\n');
  });

  test.each([
    ["words", "hello there\r\n\r\n"],
    ["a head without an end", `GET /fine HTTP/1.1\r\nHost: docker\r\nX: ${"y".repeat(256 << 10)}\r\n\r\n`],
    [
      "an address that cannot be decoded",
      "GET /%ff%zz/json HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n",
    ],
    [
      "an upgrade to something else",
      "GET /fine HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ],
    [
      "a websocket without a key",
      "GET /fine HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
  ])("%s is answered, and the next client is served", async (_what, text) => {
    const peer = await served.dial();
    peer.on("error", () => {});
    peer.write(text);
    expect(await readAll(peer)).toStartWith("HTTP/1.1 ");
    expect(await (await served.get("/fine")).json()).toBe("fine");
  });

  test.each([
    ["with a length", "Content-Length: 1000\r\n\r\nhalf"],
    ["in pieces", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
  ])("an upload %s whose client vanishes is not taken for whole", async (_what, rest) => {
    swallowed = Promise.withResolvers();
    const peer = await served.dial();
    peer.write(`POST /swallow HTTP/1.1\r\nHost: docker\r\n${rest}`, () => peer.destroy());
    expect(await swallowed.promise).toMatch(/^cut after [04] bytes$/);
  });

  test("clients that vanish in the middle leave no connection", async () => {
    mayRead.resolve();
    // Its own, since others keep connections for their next request.
    await using alone = await listening((warn) => serverOf(routes, { warn }), { handed });
    for (let count = 0; count < 50; count++) {
      const peer = await alone.dial();
      peer.write(`POST /count HTTP/1.1\r\nHost: docker\r\n${upgrade}\r\n`);
      peer.destroy();
      const other = await alone.dial();
      other.write("POST /refused HTTP/1.1\r\nHost: docker\r\nContent-Length: 100\r\n\r\nhalf");
      other.destroy();
    }
    await alone.settled();
  });
});
