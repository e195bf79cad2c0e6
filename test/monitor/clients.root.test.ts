/** What a monitor's clients can do to it, and the disk to its log: nothing that the process would notice. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { mountAt, unmount } from "./_tmpfs.ts";
import { attachTo } from "../../src/runtime/monitor/attach.ts";
import { dial, frame } from "../../src/runtime/monitor/dial.ts";
import { answers, streams } from "../../src/runtime/monitor/protocol.ts";
import { nativeRuntime } from "../../src/runtime/native/runtime.ts";
import { needing } from "../needs.ts";
import { Bench, failing, linesOf, monitorPids, until } from "./_bench.ts";

const { test } = needing({ root: true, programs: ["busybox"] });

let bench: Bench;
beforeAll(() => {
  bench = new Bench({ make: (root) => nativeRuntime({ root, warn: () => undefined, patience: 1500 }) });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.destroyed) resolve();
    socket.once("close", () => resolve());
    socket.resume();
  });

test("requests that are none end their connection and nothing else", async () => {
  const task = await bench.start({ script: "cat", stdio: { stdin: "open" } });
  const wrong = [
    [99, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
    [2, 1, 0, 0, 0xff, 0xff, 0xff, 0xff],
    [5, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  ];
  for (const bytes of wrong) {
    const socket = await dial(task.folder);
    socket.write(Uint8Array.from(bytes));
    await ended(socket);
  }
  // Half a request, and half a body.
  for (const bytes of [[3], [3, 0, 0, 0, 0, 0, 1, 0, 65, 10]]) {
    const socket = await dial(task.folder);
    await new Promise<void>((resolve) => void socket.write(Uint8Array.from(bytes), () => resolve()));
    socket.end();
    await ended(socket);
  }
  await using connection = await task.connect();
  expect(connection.pid).toBe(task.pid);
  const attached = await connection.attach({ stdin: true, stdout: false, stderr: false });
  await attached.write(new TextEncoder().encode("still\n"));
  await attached.closeStdin();
  expect(await connection.exited).toMatchObject({ code: 0 });
  expect(task.log().at(-1)).toBe("stdout F still");
});

test("a request that comes byte by byte is one", async () => {
  const task = await bench.start({ args: ["sleep", "1000"] });
  const socket = await dial(task.folder);
  const answer = new Promise<Buffer>((resolve) => socket.once("data", resolve));
  for (const byte of [1, 0, 0, 0, 0, 0, 0, 0])
    await new Promise<void>((resolve) => void socket.write(Uint8Array.of(byte), () => resolve()));
  expect((await answer).readInt32BE(8)).toBe(task.pid);
  socket.destroy();
  await bench.runtime.kill(task.id, 9);
  await task.ended();
});

test("32 clients are served, a 33rd is turned away, and room that becomes free is given again", async () => {
  const task = await bench.start({ args: ["sleep", "1000"] });
  const connections = [];
  for (let i = 0; i < 32; i++) connections.push(await task.connect());
  expect(await failing(task.connect())).toMatchObject({ code: "resource_exhausted" });
  const attach = connections[0]?.attach({ stdin: false, stdout: true, stderr: true });
  expect(await failing(attach ?? Promise.resolve())).toMatchObject({ code: "resource_exhausted" });
  // One that asks nothing keeps the others waiting for no longer than a client may be idle with what it has.
  const silent = await dial(task.folder);
  expect(await failing(task.connect())).toMatchObject({ code: "resource_exhausted" });
  await ended(silent);
  await connections[7]?.[Symbol.asyncDispose]();
  await until("there is room again", async () => {
    const connection = await task.connect().catch(() => undefined);
    await connection?.[Symbol.asyncDispose]();
    return connection !== undefined;
  });
  const [first] = connections;
  await first?.signal(9);
  expect(
    await Promise.all(connections.filter((_, i) => i !== 7).map(async (each) => (await each.exited).code)),
  ).toEqual(Array.from({ length: 31 }, () => 137));
});

test("clients that went with input that nobody reads keep nobody out", async () => {
  const task = await bench.start({ args: ["sleep", "1000"], stdio: { stdin: "open" } });
  const pipe = Buffer.alloc(64 << 10);
  for (let i = 0; i < 33; i++) {
    await using attached = await attachTo(task.folder, { stdin: true, stdout: false, stderr: false });
    // The first fills what the kernel holds for the process.
    await attached.write(i === 0 ? pipe : Uint8Array.of(i));
  }
  await using connection = await task.connect();
  expect(await connection.signal(9)).toBe(true);
  expect(await connection.exited).toMatchObject({ code: 137 });
});

test("a monitor of 32 clients that take nothing and send what nobody reads takes less than 320 KiB", async () => {
  await using patient = new Bench({ make: (root) => nativeRuntime({ root, warn: () => undefined }) });
  const task = await patient.start({ args: ["yes"], stdio: { stdin: "open" } });
  const sockets = await Promise.all(Array.from({ length: 32 }, () => dial(task.folder)));
  const input = frame("input", 0, Buffer.alloc(64 << 10));
  for (const socket of sockets) {
    socket.pause();
    socket.write(frame("attach", streams.input | streams.output | streams.none));
    socket.write(input);
  }
  const readByMonitor = () => /rchar: \d+/.exec(readFileSync(`/proc/${task.monitorPid()}/io`, "latin1"))?.[0];
  for (let before = ""; before !== readByMonitor(); await Bun.sleep(1000)) before = readByMonitor() ?? "";
  expect(privateMemory(task.monitorPid())).toBeGreaterThan(100);
  expect(privateMemory(task.monitorPid())).toBeLessThan(320);
  for (const socket of sockets) socket.destroy();
  await patient.runtime.kill(task.id, 9);
  await task.ended();
});

test("what is answered while output waits comes between whole frames", async () => {
  await using patient = new Bench({ make: (root) => nativeRuntime({ root, warn: () => undefined }) });
  const script = "read start; yes 0123456789 | head -c 1100000; read end";
  const task = await patient.start({ script, stdio: { stdin: "open" }, log: false });
  const sockets = await Promise.all(Array.from({ length: 5 }, () => dial(task.folder)));
  const heard = sockets.map(async (socket) => {
    const pieces: Buffer[] = [];
    socket.on("data", (piece: Buffer) => void pieces.push(piece));
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return framesOf(Buffer.concat(pieces));
  });
  for (const [i, socket] of sockets.entries()) {
    socket.write(frame("attach", streams.output | streams.none));
    socket.pause();
    for (let n = 0; n < 10 * i; n++) socket.write(frame("status"));
  }
  const [first] = sockets;
  first?.write(frame("input", 0, Buffer.from("\n")));
  // One byte of a frame, a question, the rest: wherever the kernel cuts.
  for (let n = 0; n < 20; n++)
    for (const socket of sockets) {
      socket.resume();
      socket.write(frame("status"));
      socket.pause();
    }
  for (const socket of sockets) socket.resume();
  first?.write(frame("input", 0, Buffer.from("\n")));
  expect((await task.ended()).code).toBe(0);
  const wanted = "0123456789\n".repeat(100_000);
  for (const [i, frames] of (await Promise.all(heard)).entries()) {
    const text = frames
      .filter(({ kind }) => kind === 1)
      .map(({ body }) => body.toString("latin1"))
      .join("");
    expect(text === wanted).toBe(true);
    expect(frames.filter(({ kind }) => kind === answers.status)).toHaveLength(10 * i + 20);
  }
});

function framesOf(bytes: Buffer): { kind: number; body: Buffer }[] {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    frames.push({ kind: bytes.readUInt8(at), body: bytes.subarray(at + 8, end) });
    at = end;
  }
  return frames;
}

/** In KiB. */
function privateMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
}

test("a full disk stops no process; what is missing is counted and told when there is room", async () => {
  const folder = join(bench.dir, "small");
  mkdirSync(folder);
  mountAt(folder, "size=256k");
  try {
    const path = join(folder, "log");
    const task = await bench.start({
      script: "seq 100000; sleep 0.1; echo full >&2; read line; echo after; exit 2",
      stdio: { stdin: "open" },
      log: { path, maxSize: 200_000, maxFiles: 2 },
    });
    await using connection = await task.connect();
    const attached = await connection.attach({ stdin: true, stdout: true, stderr: true });
    let seen = "";
    for await (const chunk of attached.output) {
      seen = `${seen}${Buffer.from(chunk).toString("latin1")}`.slice(-20);
      if (!seen.includes("full")) continue;
      rmSync(`${path}.1`);
      await attached.write(new TextEncoder().encode("go\n"));
      break;
    }
    expect(await connection.exited).toMatchObject({ code: 2 });
    const lines = linesOf(path);
    for (const line of lines)
      expect(line).toMatch(
        /^\S{30} std(?:out F (?:\d+|after)|err F (?:full|\[sampan: \d+ bytes are missing here, .*\]))$/,
      );
    expect(lines.some((line) => line.includes("bytes are missing here"))).toBe(true);
    expect(lines.at(-1)?.slice(31)).toBe("stdout F after");
  } finally {
    // It has the log open until it has told how its process ended.
    await until("the monitor has ended", () => monitorPids(folder).length === 0);
    unmount(folder);
  }
});

test("a log that cannot be opened fails the create and leaves nothing", async () => {
  const made = bench.create({ log: { path: "/no/such/folder/log" } });
  expect(await failing(made)).toMatchObject({
    code: "not_found",
    message: expect.stringContaining("/no/such/folder/log"),
  });
});
