/** Containers that are made in a process that lives on: hooks run where and when they do on the command line, and that process goes on meanwhile. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { closeFd, lockFile, openFile } from "../../src/kernel/libc.ts";
import { O } from "../../src/kernel/linux.ts";
import { nativeRuntime } from "../../src/runtime/native/runtime.ts";
import type { OciHook } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Bench, failing, isGone, until } from "./_bench.ts";

const { test } = needing({ root: true, programs: ["busybox"] });

const warnings: string[] = [];
let bench: Bench;
beforeAll(() => {
  bench = new Bench({ make: (root) => nativeRuntime({ root, warn: (text) => void warnings.push(text) }) });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const hook = (script: string): OciHook => ({
  path: "/bin/sh",
  args: ["sh", "-c", script],
  env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
});

test("each runs in its turn, with the state, those of the host in the bundle's folder", async () => {
  const trace = join(bench.dir, "trace");
  const note = (word: string): OciHook => hook(`echo ${word} $(pwd) $(tr , '\\n' | grep status) >> ${trace}`);
  const task = await bench.create({
    args: ["true"],
    config: (config) => {
      config.hooks = {
        createRuntime: [note("createRuntime")],
        poststart: [note("poststart")],
        poststop: [note("poststop")],
      };
    },
  });
  const lines = () => readFileSync(trace, "utf8").trim().split("\n");
  expect(lines()).toEqual([`createRuntime ${join(bench.dir, task.id)} "status":"creating"`]);
  await task.start();
  expect(lines()[1]).toMatch(/^poststart \S+ "status":"running"}$/);
  await task.ended();
  await bench.runtime.delete(task.id, { force: false });
  expect(lines()[2]).toMatch(/^poststop \S+ .*"status":"stopped"/);
});

test("one that fails says what it printed, and nothing of the container is left", async () => {
  const config = { createRuntime: [hook("echo out of luck; exit 3")] };
  const error = await failing(bench.create({ args: ["true"], config: (made) => void (made.hooks = config) }));
  expect(error).toMatchObject({
    message: expect.stringMatching(/createRuntime hook #0.*exit status 3.*out of luck/s),
  });
  expect(await bench.runtime.state(bench.ids.at(-1) ?? "")).toBeUndefined();
  const late = await bench.create({ config: (made) => void (made.hooks = { poststop: [hook("exit 4")] }) });
  await bench.runtime.delete(late.id, { force: true });
  expect(warnings.some((text) => text.includes("poststop hook #0"))).toBe(true);
});

test("a hook that takes its time holds its container, not the process", async () => {
  const config = { createRuntime: [hook("sleep 0.3")] };
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const task = await bench.create({ config: (made) => void (made.hooks = config) });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(20);
  await bench.runtime.delete(task.id, { force: true });
});

test("a create that is given up ends the hook that it waits for", async () => {
  const controller = new AbortController();
  const file = join(bench.dir, "hook-pid");
  const id = `sampan-monitor-${process.pid}-given-up`;
  const bundle = join(bench.dir, id);
  const monitor = bench.monitor(join(bundle, "monitor"), {});
  const config = { createRuntime: [hook(`echo $$ > ${file}; exec sleep 1000`)] };
  bench.bundle(bundle, id, { config: (made) => void (made.hooks = config) });
  bench.ids.push(id);
  const made = failing(bench.runtime.create({ id, bundle, monitor }, controller.signal));
  const pid = await untilText(file);
  controller.abort();
  expect(await made).toMatchObject({ code: "cancelled" });
  await until("the hook has ended", () => isGone(Number(pid)));
});

test("verbs that come at once take their turns, and the process goes on", async () => {
  const { runtime } = bench;
  const task = await bench.start({ args: ["sleep", "1000"] });
  const folder = join(bench.dir, "state", task.id);
  // Another process that has the container's lock, as the command line would.
  const lock = openFile(join(folder, "lock"), O.RDWR);
  lockFile(lock, true);
  let turns = 0;
  const verbs = [
    runtime.pause(task.id),
    runtime.update(task.id, { pids: { limit: 50 } }),
    runtime.pause(task.id),
  ];
  await until("time has passed for others", () => ++turns > 20);
  closeFd(lock);
  const ended = await Promise.allSettled(verbs);
  expect(ended.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "fulfilled", "rejected"]);
  expect((await runtime.state(task.id))?.status).toBe("paused");
  await Promise.all([runtime.delete(task.id, { force: true }), failing(runtime.start(task.id))]);
  expect(await runtime.state(task.id)).toBeUndefined();
});

async function untilText(path: string): Promise<string> {
  await until(`${path} is written`, () => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
  return readFileSync(path, "utf8").trim();
}
