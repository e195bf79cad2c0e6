/** gRPC on a unix socket, with clients of today and with what grpc-go wrote before 1.57. */
import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DeviceManagerService,
  MapperRegisterRequestSchema,
  MapperRegisterResponseSchema,
} from "../../src/wire/dmi/dmi_pb.ts";
import { openGrpcClient } from "../../src/wire/grpc/client.ts";
import { encodeHeaders } from "../../src/wire/grpc/headers.ts";
import { openGrpcServer } from "../../src/wire/grpc/server.ts";

async function world() {
  const folder = mkdtempSync(join(tmpdir(), "sampan-grpc-"));
  const path = join(folder, "dmi.sock");
  const said: string[] = [];
  const server = await openGrpcServer({
    path,
    log: (text) => said.push(text),
    messageLimit: 1 << 20,
    routes: (router) =>
      router.service(DeviceManagerService, {
        mapperRegister: ({ mapper }) => ({ deviceList: [{ name: `of ${mapper?.name}` }] }),
      }),
  });
  return {
    path,
    folder,
    said,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function frame(type: number, bits: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = bits;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0)]);

interface Answer {
  readonly data: Buffer;
  readonly reset: boolean;
}

/** Reads frames of one stream until it has ended. */
function answerOf(socket: Socket, stream: number): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let pending = Buffer.alloc(0);
  const data: Buffer[] = [];
  const take = (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 9) {
      const length = pending.readUIntBE(0, 3);
      if (pending.length < 9 + length) return;
      const [type, bits, on] = [pending[3], pending[4] ?? 0, pending.readUInt32BE(5)];
      const payload = pending.subarray(9, 9 + length);
      pending = pending.subarray(9 + length);
      if (type === 4 && !(bits & 1)) socket.write(frame(4, 1, 0));
      if (on !== stream) continue;
      if (type === 0) data.push(payload);
      if (type === 3) resolve({ data: Buffer.concat(data), reset: true });
      if ((type === 0 || type === 1) && bits & 1) resolve({ data: Buffer.concat(data), reset: false });
    }
  };
  socket.on("data", take);
  socket.on("close", () => resolve({ data: Buffer.concat(data), reset: true }));
  return promise.finally(() => socket.off("data", take));
}

const call = Buffer.from(
  toBinary(
    MapperRegisterRequestSchema,
    create(MapperRegisterRequestSchema, { withData: true, mapper: { name: "m" } }),
  ),
);
const body = Buffer.concat([Buffer.of(0, 0, 0, 0, call.length), call]);

/** The header block of one call with an entry for `:authority` that later blocks refer to (RFC 7541, section 6.2.1). */
function firstBlock(authority: string): Buffer {
  const literal = (index: number, value: string) =>
    Buffer.concat([Buffer.of(0x40 | index, value.length), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.of(0x83, 0x86),
    literal(1, authority),
    literal(4, "/v1beta1.DeviceManagerService/MapperRegister"),
    literal(31, "application/grpc"),
    encodeHeaders([{ name: "te", value: "trailers", neverIndex: false }]),
  ]);
}

/** The newest entry has index 62: content-type, then :path, then :authority. */
const secondBlock = Buffer.concat([
  Buffer.of(0x83, 0x86, 0x80 | 64, 0x80 | 63, 0x80 | 62),
  encodeHeaders([{ name: "te", value: "trailers", neverIndex: true }]),
]);

function registered(answer: Answer): string | undefined {
  return fromBinary(MapperRegisterResponseSchema, answer.data.subarray(5)).deviceList[0]?.name;
}

describe("a client of today", () => {
  test("is answered, again and again on one connection", async () => {
    await using here = await world();
    using client = openGrpcClient(here.path);
    const manager = createClient(DeviceManagerService, client.transport);
    for (const name of ["a", "b", "c"]) {
      const { deviceList } = await manager.mapperRegister({ mapper: { name } });
      expect(deviceList.map((each) => each.name)).toEqual([`of ${name}`]);
    }
  });

  test("hears that a method is not there", async () => {
    await using here = await world();
    using client = openGrpcClient(here.path);
    const manager = createClient(DeviceManagerService, client.transport);
    const refusal = await manager.reportDeviceStatus({}).catch((error: unknown) => error);
    expect(ConnectError.from(refusal).code).toBe(Code.Unimplemented);
  });

  test("is refused a message over the limit, and goes on", async () => {
    await using here = await world();
    using client = openGrpcClient(here.path);
    const manager = createClient(DeviceManagerService, client.transport);
    const refusal = await manager
      .mapperRegister({ mapper: { name: "x".repeat(2 << 20) } })
      .catch((error: unknown) => error);
    expect(ConnectError.from(refusal).code).toBe(Code.ResourceExhausted);
    expect((await manager.mapperRegister({ mapper: { name: "d" } })).deviceList).toHaveLength(1);
  });
});

describe("a client that sends the socket's path as authority", () => {
  test.each(["/etc/kubeedge/dmi.sock", "unix:///run/x.sock", "localhost", "%2Frun%2Fx.sock"])(
    "is answered: %s",
    async (authority) => {
      await using here = await world();
      const socket = connect(here.path);
      socket.write(preface);
      for (const [stream, block] of [
        [1, firstBlock(authority)],
        [3, secondBlock],
      ] as const) {
        const answer = answerOf(socket, stream);
        socket.write(Buffer.concat([frame(1, 4, stream, block), frame(0, 1, stream, body)]));
        expect(registered(await answer)).toBe("of m");
      }
      socket.destroy();
    },
  );

  test("may send its headers in pieces, with padding and a priority", async () => {
    await using here = await world();
    const socket = connect(here.path);
    const block = firstBlock("/x.sock");
    const first = Buffer.concat([
      Buffer.of(3),
      Buffer.alloc(4),
      Buffer.of(15),
      block.subarray(0, 10),
      Buffer.alloc(3),
    ]);
    const whole = Buffer.concat([
      preface,
      frame(1, 0x28, 1, first),
      frame(9, 0, 1, block.subarray(10, 20)),
      frame(9, 4, 1, block.subarray(20)),
      frame(0, 1, 1, body),
    ]);
    const answer = answerOf(socket, 1);
    for (const byte of whole) socket.write(Buffer.of(byte));
    expect(registered(await answer)).toBe("of m");
    socket.destroy();
  });
});

describe("a client that sends nonsense", () => {
  const long = Buffer.alloc(16_000, 0x61);
  const hostile: Readonly<Record<string, Buffer>> = {
    "no HTTP/2": Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "an index that is not there": Buffer.concat([preface, frame(1, 5, 1, Buffer.of(0xff, 0xff, 0x7f))]),
    "a string that ends too early": Buffer.concat([preface, frame(1, 5, 1, Buffer.of(0x41, 0x7f, 0x41))]),
    "padding longer than the frame": Buffer.concat([preface, frame(1, 0xc, 1, Buffer.of(200, 1))]),
    "a continuation of nothing": Buffer.concat([preface, frame(9, 4, 1, Buffer.of(0x83))]),
    "another frame within the headers": Buffer.concat([
      preface,
      frame(1, 0, 1, Buffer.of(0x83)),
      frame(0, 1, 1),
    ]),
    "a frame of headers that is too large": Buffer.concat([preface, frame(1, 4, 1, Buffer.alloc(20_000))]),
    "continuations without end": Buffer.concat([
      preface,
      frame(1, 0, 1, long),
      ...Array.from({ length: 8 }, () => frame(9, 0, 1, long)),
    ]),
    "empty continuations without end": Buffer.concat([
      preface,
      frame(1, 0, 1),
      ...Array.from({ length: 100 }, () => frame(9, 0, 1)),
    ]),
    "headers that unpack to far more": Buffer.concat([
      preface,
      frame(
        1,
        5,
        1,
        Buffer.concat([
          Buffer.of(0x40, 1, 0x61, 0x7f, 0xa1, 0x1d),
          Buffer.alloc(3872, 0x62),
          Buffer.alloc(12_000, 0xbe),
        ]),
      ),
    ]),
  };

  test.each(Object.entries(hostile))("is cut off, and others are served: %s", async (_, bytes) => {
    await using here = await world();
    const socket = connect(here.path);
    socket.on("error", () => {});
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.resume();
    socket.write(bytes);
    await ended;
    using client = openGrpcClient(here.path);
    const { deviceList } = await createClient(DeviceManagerService, client.transport).mapperRegister({});
    expect(deviceList).toHaveLength(1);
  });
});

test("a path that is none ends its stream, and the next call on the connection is answered", async () => {
  await using here = await world();
  const socket = connect(here.path);
  const fields = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "http://[/x"],
    ["content-type", "application/grpc"],
  ].map(([name = "", value = ""]) => ({ name, value, neverIndex: false }));
  const refused = answerOf(socket, 1);
  socket.write(Buffer.concat([preface, frame(1, 5, 1, encodeHeaders(fields))]));
  await refused;
  const answer = answerOf(socket, 3);
  socket.write(Buffer.concat([frame(1, 4, 3, firstBlock("x")), frame(0, 1, 3, body)]));
  expect(registered(await answer)).toBe("of m");
  socket.destroy();
});

describe("the socket", () => {
  test("is the owner's and the group's alone", async () => {
    await using here = await world();
    expect(statSync(here.path).mode & 0o777).toBe(0o660);
  });

  test("that another server holds is not taken", async () => {
    await using here = await world();
    const refusal = await openGrpcServer({ path: here.path, routes: () => {}, log: () => {} }).catch(String);
    expect(refusal).toContain("another process does");
  });

  test("in whose place another file stands is not taken", async () => {
    await using here = await world();
    const path = join(here.folder, "file");
    writeFileSync(path, "kept");
    const refusal = await openGrpcServer({ path, routes: () => {}, log: () => {} }).catch(String);
    expect(refusal).toContain("it is no socket");
  });

  test("that nobody listens on is replaced", async () => {
    await using here = await world();
    const path = join(here.folder, "left.sock");
    const left = Bun.spawnSync([
      process.execPath,
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`,
    ]);
    expect(left.signalCode).toBe("SIGKILL");
    expect(statSync(path).isSocket()).toBe(true);
    await using server = await openGrpcServer({ path, routes: () => {}, log: () => {} });
    expect(server.path).toBe(path);
  });
});
