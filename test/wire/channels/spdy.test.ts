import { describe, expect, test } from "bun:test";
import { SampanError } from "../../../src/base/errors.ts";
import { controlFrame, dataHead, words } from "../../../src/wire/spdy/frames.ts";
import { dictionary, HeaderPacker, HeaderUnpacker } from "../../../src/wire/spdy/headers.ts";
import { SpdySession } from "../../../src/wire/spdy/session.ts";
import type { SpdyStream } from "../../../src/wire/spdy/stream.ts";
import { socketPair, textOf } from "./_pair.ts";

/** What a promise is refused with. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "none",
    (error: unknown) => (error instanceof SampanError ? error.code : String(error)),
  );
}

describe("header blocks", () => {
  test("begin with the dictionary that every SPDY peer knows", async () => {
    expect(dictionary.length).toBe(1423);
    using packer = new HeaderPacker();
    // RFC 1950: the dictionary's Adler-32 stands behind the two bytes of the head.
    const block = await packer.pack({ a: "b" });
    expect(block.subarray(2, 6).toString("hex")).toBe("e3c6a7c2");
  });

  test("share one compression, block after block", async () => {
    using packer = new HeaderPacker();
    using unpacker = new HeaderUnpacker();
    const headers = { streamtype: "error", port: "80" };
    for (let round = 0; round < 3; round++)
      expect(await unpacker.unpack(await packer.pack(headers))).toEqual(headers);
  });

  test("that swell a thousandfold are refused before they are unpacked", async () => {
    using packer = new HeaderPacker();
    using unpacker = new HeaderUnpacker();
    const bomb = await packer.pack({ a: "x".repeat(20_000_000) });
    expect(bomb.length).toBeLessThan(64 << 10);
    expect(await codeOf(unpacker.unpack(bomb))).toBe("resource_exhausted");
  });

  test.each([
    ["no zlib", Buffer.from("hello there")],
    ["nothing", Buffer.alloc(0)],
  ])("of %s are refused", async (_what, block) => {
    using unpacker = new HeaderUnpacker();
    expect(await codeOf(unpacker.unpack(block))).toBe("invalid_argument");
  });
});

describe("a session", () => {
  test("carries streams both ways, each half with its own end", async () => {
    await using pair = await socketPair();
    const server = new SpdySession(pair.far, {
      side: "server",
      onStream: (stream) =>
        void (async () => {
          await stream.reply();
          const text = await textOf(stream.input);
          await stream.write(Buffer.from(`${stream.headers["streamtype"]}: ${text.length}`));
          await stream.end();
        })(),
    });
    const client = new SpdySession(pair.near, { side: "client" });
    const streams = await Promise.all(["a", "b"].map((name) => client.open({ streamType: name })));
    await Promise.all(streams.map(({ replied }) => replied));
    const answers = streams.map(({ input }) => textOf(input));
    await streams[0]!.write(Buffer.alloc(300_000, "x"));
    for (const stream of streams) await stream.end();
    expect(await Promise.all(answers)).toEqual(["a: 300000", "b: 0"]);
    await client.end();
    await Promise.all([server.closed, client.closed]);
  });

  test("tells the other end of a reset, and goes on", async () => {
    await using pair = await socketPair();
    const begun: SpdyStream[] = [];
    using server = disposable(
      new SpdySession(pair.far, {
        side: "server",
        onStream: (stream) => {
          begun.push(stream);
          stream.reset("refusedStream");
        },
      }),
    );
    using client = disposable(new SpdySession(pair.near, { side: "client" }));
    for (let round = 0; round < 2; round++) {
      const stream = await client.session.open({});
      expect(await codeOf(stream.replied)).toBe("unavailable");
      expect(await codeOf(textOf(stream.input))).toBe("unavailable");
      expect(await codeOf(stream.write(Buffer.from("x")))).toBe("unavailable");
    }
    expect(begun.length).toBe(2);
    expect(server.session).toBeDefined();
  });

  test("refuses streams beyond the bound, and keeps the others", async () => {
    await using pair = await socketPair();
    using _server = disposable(
      new SpdySession(pair.far, {
        side: "server",
        mostStreams: 1,
        onStream: (stream) => void stream.reply(),
      }),
    );
    using client = disposable(new SpdySession(pair.near, { side: "client" }));
    const first = await client.session.open({});
    const second = await client.session.open({});
    await first.replied;
    expect(await codeOf(second.replied)).toBe("unavailable");
    await first.write(Buffer.from("still there"));
  });

  test("holds the writer while the reader takes nothing, and what waits stays bounded", async () => {
    await using pair = await socketPair();
    const begun = Promise.withResolvers<SpdyStream>();
    using _server = disposable(
      new SpdySession(pair.far, { side: "server", onStream: (stream) => begun.resolve(stream) }),
    );
    using client = disposable(new SpdySession(pair.near, { side: "client" }));
    const stream = await client.session.open({});
    const total = 64 << 20;
    const state = { written: 0 };
    const piece = Buffer.alloc(1 << 20);
    const writing = (async () => {
      for (; state.written < total; state.written += piece.length) await stream.write(piece);
      await stream.end();
    })();
    const { input } = await begun.promise;
    // Until the connection is full: then nothing moves by itself.
    for (let before = -1; before !== state.written; before = state.written)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(state.written).toBeLessThan(total);
    expect(input.size).toBeLessThan(1 << 20);
    let size = 0;
    for await (const data of input) size += data.byteLength;
    await writing;
    expect(size).toBe(total);
  });

  test("with windows lets one stream pass another that is not read", async () => {
    await using pair = await socketPair();
    const begun: SpdyStream[] = [];
    using _server = disposable(
      new SpdySession(pair.far, {
        side: "server",
        onStream: (stream) => {
          begun.push(stream);
          void stream.reply();
        },
      }),
    );
    using client = disposable(new SpdySession(pair.near, { side: "client", windows: true }));
    const stuck = await client.session.open({});
    const quick = await client.session.open({});
    await Promise.all([stuck.replied, quick.replied]);
    // Both sides have said their windows before the answers above.
    const writing = stuck.write(Buffer.alloc(32 << 20)).catch(() => {});
    await quick.write(Buffer.alloc(1000, "x"));
    await quick.end();
    expect((await textOf(begun[1]!.input)).length).toBe(1000);
    expect(begun[0]!.input.size).toBeLessThanOrEqual(256 << 10);
    client.session.destroy();
    await writing;
  });

  test("writes nothing on a stream before its reply, which peers would drop", async () => {
    await using pair = await socketPair();
    using _server = disposable(
      new SpdySession(pair.far, {
        side: "server",
        onStream: (stream) => {
          void stream.reply();
          void stream.write(Buffer.from("x")).then(async () => await stream.end());
        },
      }),
    );
    using packer = new HeaderPacker();
    const block = Buffer.concat([words(1, 0), Buffer.alloc(2), await packer.pack({})]);
    pair.near.write(controlFrame("synStream", block));
    let came = Buffer.alloc(0);
    const end = Buffer.from(dataHead(1, 0, true));
    pair.near.on("data", (data: Buffer) => (came = Buffer.concat([came, data])));
    while (!came.includes(end)) await new Promise((resolve) => setImmediate(resolve));
    // A SYN_REPLY first, then the data, then its end.
    expect(came.readUInt16BE(2)).toBe(2);
    const reply = 8 + came.readUIntBE(5, 3);
    expect(came.subarray(reply)).toEqual(Buffer.concat([dataHead(1, 1, false), Buffer.from("x"), end]));
  });

  test("answers pings of the peer, and not those that would be its own", async () => {
    await using pair = await socketPair();
    using _server = disposable(new SpdySession(pair.far, { side: "server" }));
    pair.near.write(controlFrame("ping", words(2)));
    pair.near.write(controlFrame("ping", words(7)));
    const [answer] = await onceData(pair.near);
    expect(answer).toEqual(controlFrame("ping", words(7)));
  });

  test("after GOAWAY begins nothing more", async () => {
    await using pair = await socketPair();
    using client = disposable(new SpdySession(pair.near, { side: "client" }));
    pair.far.write(Buffer.concat([controlFrame("goAway", words(0, 0)), controlFrame("ping", words(2))]));
    // The answer to the ping shows that what came before it was read.
    await onceData(pair.far);
    expect(await codeOf(client.session.open({}))).toBe("unavailable");
  });

  test.each([
    ["of another version", Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])],
    ["longer than any control frame", Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])],
    ["that ends within its number", controlFrame("ping", Buffer.alloc(2))],
    ["of settings that are not there", controlFrame("settings", words(1000))],
    ["that begins a stream of the server's", controlFrame("synStream", Buffer.alloc(10))],
    ["without headers", controlFrame("synStream", Buffer.concat([words(1, 0), Buffer.alloc(2)]))],
  ])("ends at a frame %s", async (_what, frame) => {
    await using pair = await socketPair();
    const session = new SpdySession(pair.far, { side: "server" });
    pair.near.write(frame);
    await session.closed;
    expect(pair.far.destroyed).toBe(true);
  });

  test("takes no notice of data for streams that were never begun", async () => {
    await using pair = await socketPair();
    using _server = disposable(new SpdySession(pair.far, { side: "server" }));
    pair.near.write(
      Buffer.concat([dataHead(9, 5, true), Buffer.from("hello"), controlFrame("ping", words(1))]),
    );
    expect((await onceData(pair.near))[0]).toEqual(controlFrame("ping", words(1)));
  });

  test("breaks its streams when the connection is cut within a frame", async () => {
    await using pair = await socketPair();
    const begun = Promise.withResolvers<SpdyStream>();
    const server = new SpdySession(pair.far, { side: "server", onStream: begun.resolve });
    using packer = new HeaderPacker();
    const block = Buffer.concat([words(1, 0), Buffer.alloc(2), await packer.pack({})]);
    pair.near.end(
      Buffer.concat([controlFrame("synStream", block), dataHead(1, 1000, true), Buffer.from("x")]),
    );
    const stream = await begun.promise;
    expect(await codeOf(textOf(stream.input))).toBe("unavailable");
    await server.closed;
  });
});

function disposable(session: SpdySession) {
  return { session, [Symbol.dispose]: () => session.destroy() };
}

async function onceData(socket: import("node:net").Socket): Promise<[Buffer]> {
  return await new Promise((resolve) => socket.once("data", (data: Buffer) => resolve([data])));
}
