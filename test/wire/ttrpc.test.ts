/** ttrpc between our client and our server, and against what no client would send. */
import { afterEach, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../src/base/errors.ts";
import { openTtrpcClient } from "../../src/wire/ttrpc/client.ts";
import { dataLimit, encodeFrame, type Frame, frameReader, types } from "../../src/wire/ttrpc/frames.ts";
import { type Journal, type ServeOptions, serveTtrpc, unary } from "../../src/wire/ttrpc/server.ts";
import { KeyValueSchema, RequestSchema, ResponseSchema } from "../../src/wire/ttrpc/ttrpc_pb.ts";

const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0).toReversed()) each();
});

const services = {
  "test.Echo": {
    Echo: unary(KeyValueSchema, KeyValueSchema, async ({ key, value }) =>
      Promise.resolve({ key: value, value: key }),
    ),
    Fail: unary(EmptySchema, EmptySchema, () =>
      Promise.reject(new SampanError("not_found", "there is none")),
    ),
    Wait: unary(EmptySchema, EmptySchema, async (_, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      throw SampanError.from(signal.reason);
    }),
  },
};

async function serving(options: Omit<ServeOptions, "services"> = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-ttrpc-"));
  const path = join(folder, "socket");
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    serveTtrpc(socket, { services, ...options });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return path;
}

const echo = { service: "test.Echo", method: "Echo", input: KeyValueSchema, output: KeyValueSchema } as const;
const bare = { service: "test.Echo", input: EmptySchema, output: EmptySchema, request: {} } as const;

test("a call is answered, and several at a time each with its own answer", async () => {
  using client = await openTtrpcClient(await serving());
  const answers = await Promise.all(
    ["a", "b", "c"].map((key) => client.call({ ...echo, request: { key, value: "v" } })),
  );
  expect(answers.map(({ value }) => value)).toEqual(["a", "b", "c"]);
});

test("errors come as they were thrown", async () => {
  using client = await openTtrpcClient(await serving());
  const codeOf = async (method: string, timeout?: number) =>
    client.call({ ...bare, method, ...(timeout && { timeout }) }).catch((error: SampanError) => error.code);
  expect(await codeOf("Fail")).toBe("not_found");
  expect(await codeOf("Nothing")).toBe("unimplemented");
  expect(await codeOf("Wait", 50)).toBe("deadline_exceeded");
  const none = await openTtrpcClient("/no/such/socket").catch((error: SampanError) => error.code);
  expect(none).toBe("unavailable");
});

/** Writes bytes, and gives as many answers as are wanted. */
async function exchange(path: string, bytes: Uint8Array, wanted: number) {
  const socket = connect(path);
  undo.push(() => socket.destroy());
  const read = frameReader();
  const frames: Frame[] = [];
  socket.write(bytes);
  for await (const chunk of socket as AsyncIterable<Uint8Array>) {
    frames.push(...read(chunk));
    if (frames.length >= wanted) break;
  }
  return frames.map(({ stream, data }) => ({
    stream,
    code: fromBinary(ResponseSchema, data ?? new Uint8Array(0)).status?.code,
  }));
}

const request = (method: string) => {
  const payload = toBinary(KeyValueSchema, create(KeyValueSchema, { key: "k", value: "v" }));
  return toBinary(RequestSchema, create(RequestSchema, { service: "test.Echo", method, payload }));
};
const frame = (stream: number, data: Uint8Array, flags = 1) =>
  encodeFrame({ stream, type: types.request, flags, data });

test("what no method can answer is refused, and the connection goes on", async () => {
  const path = await serving();
  const long = new Uint8Array(10 + dataLimit + 1);
  new DataView(long.buffer).setUint32(0, dataLimit + 1);
  new DataView(long.buffer).setUint32(4, 5);
  long[8] = types.request;
  const sent = [
    frame(2, request("Echo")),
    frame(3, request("Echo"), 2),
    long,
    frame(7, Uint8Array.of(255, 255)),
    frame(9, request("Echo")),
  ];
  expect(await exchange(path, Buffer.concat(sent), 5)).toEqual([
    { stream: 2, code: 3 },
    { stream: 3, code: 12 },
    { stream: 5, code: 8 },
    { stream: 7, code: 2 },
    { stream: 9, code: 0 },
  ]);
});

test("more calls at a time than are allowed are refused", async () => {
  const path = await serving({ calls: 2 });
  const sent = [1, 3, 5].map((stream) => frame(stream, request("Wait")));
  expect(await exchange(path, Buffer.concat(sent), 1)).toEqual([{ stream: 5, code: 8 }]);
});

test("calls that an earlier server left are made again, or answered that nobody knows", async () => {
  const ended: number[] = [];
  const journal: Journal = {
    begin: () => undefined,
    end: (stream) => void ended.push(stream),
    left: [
      [1, request("Echo")],
      [3, request("Fail")],
    ],
    again: (method) => method === "Echo",
  };
  const answers = await exchange(await serving({ journal }), frame(5, request("Echo")), 3);
  expect(answers.toSorted((a, b) => a.stream - b.stream)).toEqual([
    { stream: 1, code: 0 },
    { stream: 3, code: 10 },
    { stream: 5, code: 0 },
  ]);
  expect(ended.toSorted((a, b) => a - b)).toEqual([1, 3, 5]);
});

test("a call that cannot be written down is refused, and the connection goes on", async () => {
  const full = new SampanError("resource_exhausted", "no space left on device");
  const journal: Journal = {
    begin: (stream) => {
      if (stream === 1) throw full;
    },
    end: () => undefined,
    left: [],
    again: () => false,
  };
  const sent = Buffer.concat([1, 3].map((stream) => frame(stream, request("Echo"))));
  expect(await exchange(await serving({ journal }), sent, 2)).toEqual([
    { stream: 1, code: 8 },
    { stream: 3, code: 0 },
  ]);
});

test("frames come out the same, however the bytes are cut", () => {
  const frames = [1, 3, 5].map((stream) => frame(stream, new Uint8Array(stream * 7).fill(stream)));
  const bytes = Buffer.concat(frames);
  for (let size = 1; size < 30; size++) {
    const read = frameReader();
    const out: Frame[] = [];
    for (let at = 0; at < bytes.length; at += size) out.push(...read(bytes.subarray(at, at + size)));
    expect(out.map(({ stream, data }) => [stream, data?.length])).toEqual([
      [1, 7],
      [3, 21],
      [5, 35],
    ]);
    expect(read.partial()).toBe(false);
  }
});
