/** A container's log at a place that kubelet has named: its form, its rotation by renaming, and whose it is. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "bun:test";
import { readLogs } from "../../src/engine/containers/logs.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { needing } from "../needs.ts";
import { needs, Stage } from "./_stage.ts";

const { test } = needing(needs);

let stage: Stage;
let pod: string;

beforeAll(async () => {
  stage = await Stage.open();
  pod = await stage.pod();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** A folder as kubelet makes one, and the log in it. */
function place(name: string): { readonly folder: string; readonly logPath: string } {
  const folder = join(stage.world.folder, "pods", name);
  mkdirSync(folder, { recursive: true });
  return { folder, logPath: join(folder, "0.log") };
}

async function run(name: string, command: string): Promise<string> {
  const { logPath } = place(name);
  const id = await stage.start(pod, { command, extras: { logPath } });
  await waitContainer(stage.world.engine, id, "not-running");
  return logPath;
}

const record = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [PF] /;

/** Stream, tag and text of each record. */
function recordsOf(path: string): string[] {
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  for (const line of lines) expect(line).toMatch(record);
  return lines.map((line) => line.slice(line.indexOf(" ") + 1));
}

async function read(id: string, follow = false): Promise<string[]> {
  const found: string[] = [];
  const signal = new AbortController().signal;
  for await (const { text } of readLogs(stage.world.engine, id, {
    stdout: true,
    stderr: true,
    follow,
    signal,
  }))
    found.push(Buffer.from(text).toString());
  return found;
}

test("the log lies where it was asked for, has the CRI's records, and is for root and its group", async () => {
  const path = await run("form", "echo out; echo err >&2; printf begun");
  expect(recordsOf(path).toSorted()).toEqual(["stderr F err", "stdout F out", "stdout P begun"]);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(existsSync(join(stage.world.folder, "data", "containers", "log"))).toBe(false);
});

test("a line of more than 16 KiB is cut into pieces, of which the last is whole", async () => {
  const path = await run("long", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo next");
  const records = recordsOf(path);
  expect(records.map((each) => each.slice(0, 8))).toEqual(["stdout P", "stdout P", "stdout F", "stdout F"]);
  const text = records.slice(0, 3).map((each) => each.slice(9));
  expect(text.map(({ length }) => length)).toEqual([16384, 16384, 40_000 - 2 * 16384]);
  expect(records[3]).toBe("stdout F next");
});

test("it grows without end: whoever asked for it rotates it", async () => {
  const path = await run("size", "head -c 400000 /dev/zero | tr '\\0' '\\n'");
  expect(statSync(path).size).toBeGreaterThan(10 << 20);
  expect(readdirSync(join(path, ".."))).toEqual(["0.log"]);
});

test("what is said while its file is renamed and opened anew is lost nowhere and stands nowhere twice", async () => {
  const { folder, logPath } = place("rotation");
  const command = "i=0; until [ -e /stop ]; do i=$((i+1)); echo $i; done; echo total $i";
  const id = await stage.start(pod, { command, extras: { logPath } });
  for (let number = 0; number < 20; number++) {
    renameSync(logPath, join(folder, `0.log.${number}`));
    await stage.reopen(id);
    expect(existsSync(logPath)).toBe(true);
  }
  await stage.execSync(id, "touch /stop");
  await waitContainer(stage.world.engine, id, "not-running");
  const names = [...Array.from({ length: 20 }, (_, number) => `0.log.${number}`), "0.log"];
  const said = names.flatMap((name) => recordsOf(join(folder, name))).map((each) => each.slice(9));
  const lines = said.slice(0, -1).map(Number);
  expect(said.at(-1)).toBe(`total ${lines.length}`);
  expect(lines.every((line, index) => line === index + 1)).toBe(true);
});

test("an unfinished line goes on in the new file", async () => {
  const { folder, logPath } = place("unfinished");
  const command = "printf 'begun '; touch /begun; until [ -e /go ]; do sleep 0.01; done; echo ended";
  const id = await stage.start(pod, { command, extras: { logPath } });
  await stage.execSync(id, "until [ -e /begun ]; do sleep 0.01; done");
  renameSync(logPath, join(folder, "old"));
  await stage.reopen(id);
  await stage.execSync(id, "touch /go");
  await waitContainer(stage.world.engine, id, "not-running");
  expect(recordsOf(join(folder, "old"))).toEqual([]);
  expect(recordsOf(logPath)).toEqual(["stdout F begun ended"]);
});

test("a file that cannot be opened is told of, and the log goes on in the one that it has", async () => {
  const { folder, logPath } = place("refused");
  const command = "until [ -e /go ]; do sleep 0.01; done; echo here";
  const id = await stage.start(pod, { command, extras: { logPath } });
  renameSync(logPath, join(folder, "old"));
  const elsewhere = join(stage.world.folder, "elsewhere");
  symlinkSync(elsewhere, logPath);
  const error = await stage.reopen(id).catch((reason: unknown) => reason);
  expect(String(error)).toContain("too many levels of symbolic links");
  await stage.execSync(id, "touch /go");
  await waitContainer(stage.world.engine, id, "not-running");
  expect(existsSync(elsewhere)).toBe(false);
  expect(recordsOf(join(folder, "old"))).toEqual(["stdout F here"]);
});

test("a container whose log's folder has vanished runs on, and writes again when it is back", async () => {
  const { folder, logPath } = place("vanished");
  const command = "while read line; do echo $line; done < /fifo";
  const id = await stage.start(pod, { command: `mkfifo /fifo; ${command}`, extras: { logPath } });
  rmSync(folder, { recursive: true });
  const error = await stage.reopen(id).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "failed_precondition" });
  expect(String(error)).toContain("no such file or directory");
  expect(stage.world.engine.containers.get(id).state).toBe("running");
  mkdirSync(folder);
  await stage.reopen(id);
  await stage.execSync(id, "until [ -e /fifo ]; do sleep 0.01; done; echo again > /fifo");
  await waitContainer(stage.world.engine, id, "not-running");
  expect(recordsOf(logPath)).toEqual(["stdout F again"]);
});

test("a FIFO in the place of the file holds nobody", async () => {
  const { logPath } = place("fifo");
  const id = await stage.start(pod, {
    command: "until [ -e /go ]; do sleep 0.01; done; echo x",
    extras: { logPath },
  });
  rmSync(logPath);
  expect(Bun.spawnSync(["mkfifo", logPath]).exitCode).toBe(0);
  const error = await stage.reopen(id).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "failed_precondition" });
  await stage.execSync(id, "touch /go");
  expect(await waitContainer(stage.world.engine, id, "not-running")).toMatchObject({ statusCode: 0 });
});

test("a device in the place of the file is not opened", async () => {
  const { logPath } = place("device");
  const id = await stage.start(pod, {
    command: "until [ -e /go ]; do sleep 0.01; done; echo x",
    extras: { logPath },
  });
  rmSync(logPath);
  expect(Bun.spawnSync(["mknod", logPath, "c", "1", "3"]).exitCode).toBe(0);
  const error = await stage.reopen(id).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "failed_precondition" });
  expect(String(error)).toContain("invalid argument");
  await stage.execSync(id, "touch /go");
  expect(await waitContainer(stage.world.engine, id, "not-running")).toMatchObject({ statusCode: 0 });
});

test("the engine's own readers follow it over a rotation", async () => {
  const { folder, logPath } = place("read");
  const command = "echo one; until [ -e /go ]; do sleep 0.01; done; echo two";
  const id = await stage.start(pod, { command, extras: { logPath } });
  const following = read(id, true);
  const first = new AbortController();
  const query = { stdout: true, stderr: true, follow: true, signal: first.signal };
  for await (const { text } of readLogs(stage.world.engine, id, query)) {
    expect(Buffer.from(text).toString()).toBe("one\n");
    first.abort();
  }
  renameSync(logPath, join(folder, "0.log.20260102-030405"));
  await stage.reopen(id);
  await stage.execSync(id, "touch /go");
  expect((await following).at(-1)).toBe("two\n");
  expect(await read(id)).toEqual(["two\n"]);
});

test("a log is opened anew also by an engine that has found its container again", async () => {
  const { folder, logPath } = place("again");
  const id = await stage.start(pod, {
    command: "until [ -e /go ]; do sleep 0.01; done; echo x",
    extras: { logPath },
  });
  await stage.again();
  renameSync(logPath, join(folder, "old"));
  await stage.reopen(id);
  await stage.execSync(id, "touch /go");
  await waitContainer(stage.world.engine, id, "not-running");
  expect(recordsOf(logPath)).toEqual(["stdout F x"]);
});

test("a container that is removed leaves its log where it is", async () => {
  const { logPath } = place("removed");
  const id = await stage.start(pod, { command: "echo x; exec sleep 1000", extras: { logPath } });
  await stopContainer(stage.world.engine, id, { timeout: 0 });
  await removeContainer(stage.world.engine, id, { force: true, volumes: true });
  expect(recordsOf(logPath)).toEqual(["stdout F x"]);
});

test("a container without a log has none to open", async () => {
  const id = await stage.start(pod, {
    command: "exec sleep 1000",
    body: { HostConfig: { NetworkMode: `pod:${pod}`, LogConfig: { Type: "none", Config: {} } } },
  });
  expect(await stage.reopen(id)).toBeUndefined();
});
