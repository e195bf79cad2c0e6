/** Monitors that cannot open their logs anew: those of an older version, which close the connection that brings what they do not know. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { answers, exitName, requests, socketName } from "../../src/runtime/monitor/protocol.ts";
import { openMonitors } from "../../src/runtime/monitor/open.ts";

const monitors = openMonitors();
let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sampan-monitor-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function frame(kind: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head[0] = kind;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** Answers who asks how it is; `reopen` is told of the other request. */
async function standIn(reopen: (socket: Socket) => void): Promise<AsyncDisposable> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const status = Buffer.alloc(8);
      status.writeInt32BE(4711);
      if (bytes[0] === requests.status) socket.write(frame(answers.status, status));
      else reopen(socket);
    });
  });
  await new Promise<void>((resolve) => void server.listen(join(folder, socketName), resolve));
  return {
    [Symbol.asyncDispose]: async () =>
      await new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

async function failure(): Promise<unknown> {
  return await monitors.reopenLog(folder).catch((error: unknown) => error);
}

test("one of an older version is told of as such, and other connections to it stay", async () => {
  await using _ = await standIn((socket) => void socket.end());
  await using connection = await monitors.connect(folder);
  let gone = false;
  connection.exited.catch(() => void (gone = true));
  expect(await failure()).toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining("older version"),
  });
  expect([connection.pid, gone]).toEqual([4711, false]);
});

test("one whose process has ended meanwhile is told of as such", async () => {
  await using _ = await standIn((socket) => {
    writeFileSync(join(folder, exitName), '{"code":0,"at":1}\n');
    socket.end();
  });
  expect(await failure()).toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining("its process has ended"),
  });
});

test("why its file cannot be opened is told in the system's words", async () => {
  const body = Buffer.alloc(4);
  body.writeInt32BE(-28);
  await using _ = await standIn((socket) => void socket.write(frame(answers.done, body)));
  expect(await failure()).toMatchObject({
    code: "failed_precondition",
    message: expect.stringContaining("no space left on device"),
  });
});

test("one that hangs is waited for as long as the signal says", async () => {
  const stop = new AbortController();
  await using _ = await standIn(() => stop.abort());
  const error = await monitors.reopenLog(folder, stop.signal).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
});

test("where there is none nobody listens", async () => {
  expect(await failure()).toMatchObject({ code: "not_found" });
});
