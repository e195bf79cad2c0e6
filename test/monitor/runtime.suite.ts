/** What every runtime does with the monitors of its processes: one suite, black box over the contract of src/runtime/runtime.ts. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  Bench,
  controlGroups,
  descriptors,
  failing,
  isGone,
  linesOf,
  monitors,
  outputOf,
  parentOf,
  text,
  until,
  type BenchOptions,
  type Task,
} from "./_bench.ts";

/** How long a client may take no byte in these tests, in milliseconds. */
export const patience = 300;

/** What a runtime may do in another way, or not at all. */
type Difference = "processes" | "update" | "missing program" | "size of an exec" | "memory";

export interface Subject extends BenchOptions {
  /** How many execs one after the other have to leave nothing. */
  readonly execs: number;
  /** Each with its reason; what a test says of the others is then left out. */
  readonly differs?: Partial<Readonly<Record<Difference, string>>>;
}

export function runtimeSuite({ make, execs, differs = {} }: Subject): void {
  const same = (difference: Difference) => differs[difference] === undefined;
  let bench: Bench;
  beforeAll(() => {
    bench = new Bench({ make });
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
  });

  const attachAll = async (task: Task, stdin = false) => {
    await using connection = await task.connect();
    return await connection.attach({ stdin, stdout: true, stderr: true });
  };

  test("a process's exit status, streams and log are its monitor's, in order", async () => {
    const task = await bench.create({ script: "echo one; echo two >&2; echo three; exit 3" });
    const attached = await attachAll(task);
    await task.start();
    expect(await outputOf(attached)).toEqual({ stdout: "one\nthree\n", stderr: "two\n" });
    const exit = await task.ended();
    expect(exit).toEqual({ code: 3, at: exit.at });
    expect(Math.abs(Date.now() - exit.at)).toBeLessThan(60_000);
    expect(task.log().toSorted()).toEqual(["stderr F two", "stdout F one", "stdout F three"]);
    expect(linesOf(join(task.folder, "log"))[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z std/);
    await until(
      "the monitor has taken its socket away",
      () => !existsSync(join(task.folder, "monitor.sock")),
    );
  });

  test("a process that a signal ended has it in its status", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    await using connection = await task.connect();
    expect(connection.pid).toBe(task.pid);
    expect(await connection.signal(9)).toBe(true);
    expect(await connection.exited).toMatchObject({ code: 137, signal: 9 });
    expect(await connection.signal(9)).toBe(false);
    expect(await failing(task.connect())).toMatchObject({ code: "not_found" });
    expect(monitors.exit(task.folder)).toMatchObject({ code: 137, signal: 9 });
  });

  test("standard input: none is empty, open ends when told, once with its client", async () => {
    const none = await bench.start({ script: "cat; echo end" });
    await none.ended();
    expect(none.log()).toEqual(["stdout F end"]);

    const open = await bench.start({ script: "cat", stdio: { stdin: "open" } });
    const first = await attachAll(open, true);
    await first.write(text("first\n"));
    await until("it was read", () => open.log().includes("stdout F first"));
    await first[Symbol.asyncDispose]();
    const second = await attachAll(open, true);
    await second.write(text("second"));
    await second.closeStdin();
    expect(await outputOf(second)).toEqual({ stdout: "second", stderr: "" });
    await open.ended();
    expect(open.log()).toEqual(["stdout F first", "stdout P second"]);

    const once = await bench.start({ script: "cat; echo over", stdio: { stdin: "once" } });
    const watching = await attachAll(once);
    await watching[Symbol.asyncDispose]();
    const giving = await attachAll(once, true);
    await giving.write(text("given\n"));
    await giving[Symbol.asyncDispose]();
    await once.ended();
    expect(once.log()).toEqual(["stdout F given", "stdout F over"]);
  });

  test("input of many MiB comes through whole, to a process that is slow to read", async () => {
    const task = await bench.start({ script: "sleep 0.2; wc -c", stdio: { stdin: "open" } });
    const attached = await attachAll(task, true);
    const block = new Uint8Array(1 << 20).fill(65);
    for (let i = 0; i < 8; i++) await attached.write(block);
    await attached.closeStdin();
    expect((await outputOf(attached)).stdout.trim()).toBe(String(8 << 20));
    await task.ended();
  });

  test("a terminal has the size that it was given, and later ones", async () => {
    const task = await bench.create({
      script: "stty size; read line; echo got $line; stty size",
      stdio: { terminal: true, stdin: "open", size: { rows: 33, columns: 77 } },
    });
    await using connection = await task.connect();
    const attached = await attachAll(task, true);
    await task.start();
    await until("it has said its size", () => task.log().length > 0);
    await connection.resize({ rows: 50, columns: 120 });
    await attached.write(text("hello\n"));
    const { stdout } = await outputOf(attached);
    expect(stdout).toBe("33 77\r\nhello\r\ngot hello\r\n50 120\r\n");
    expect((await task.ended()).code).toBe(0);
    expect(task.log()).toEqual([
      "stdout F 33 77\r",
      "stdout F hello\r",
      "stdout F got hello\r",
      "stdout F 50 120\r",
    ]);
  });

  test("only a terminal has a size", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    await using connection = await task.connect();
    expect(await failing(connection.resize({ rows: 5, columns: 5 }))).toMatchObject({
      code: "failed_precondition",
    });
    await connection.signal(9);
    await connection.exited;
  });

  test("several who are attached get the same, and only the streams that they asked for", async () => {
    const task = await bench.create({ script: "seq 20000; echo oops >&2" });
    await using connection = await task.connect();
    const both = await connection.attach({ stdin: false, stdout: true, stderr: true });
    const errors = await connection.attach({ stdin: false, stdout: false, stderr: true });
    const out = await connection.attach({ stdin: false, stdout: true, stderr: false });
    await task.start();
    const [all, onlyErrors, onlyOut] = await Promise.all([both, errors, out].map(outputOf));
    const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join("");
    expect(all).toEqual({ stdout: numbers, stderr: "oops\n" });
    expect(onlyErrors).toEqual({ stdout: "", stderr: "oops\n" });
    expect(onlyOut).toEqual({ stdout: numbers, stderr: "" });
    await connection.exited;
  });

  test("20 MiB are in the log whole and in order, over its rotations", async () => {
    const maxSize = 8 << 20;
    const task = await bench.start({ script: "seq 1000000 3600000", log: { maxSize, maxFiles: 100 } });
    expect((await task.ended()).code).toBe(0);
    const names = readdirSync(task.folder).filter((name) => name.startsWith("log"));
    expect(names.length).toBeGreaterThan(10);
    const number = (name: string) => Number(name.split(".")[1] ?? 0);
    let next = 1_000_000;
    for (const name of names.toSorted((a, b) => number(b) - number(a))) {
      const path = join(task.folder, name);
      expect(statSync(path).size).toBeLessThanOrEqual(maxSize);
      for (const line of linesOf(path))
        if (line.slice(31) === `stdout F ${next}`) next++;
        else throw new Error(`${name} has ${line} where ${next} was expected`);
    }
    expect(next).toBe(3_600_001);
  }, 30_000);

  test("the oldest files of a log go when there are more than it may have", async () => {
    const task = await bench.start({ script: "seq 100000", log: { maxSize: 100_000, maxFiles: 3 } });
    await task.ended();
    const names = readdirSync(task.folder).filter((name) => name.startsWith("log"));
    expect(names.toSorted()).toEqual(["log", "log.1", "log.2"]);
    expect(linesOf(join(task.folder, "log")).at(-1)?.slice(31)).toBe("stdout F 100000");
    const one = await bench.start({ script: "seq 100000", log: { maxSize: 100_000, maxFiles: 1 } });
    await one.ended();
    expect(readdirSync(one.folder).filter((name) => name.startsWith("log"))).toEqual(["log"]);
    expect(one.log().at(-1)).toBe("stdout F 100000");
  });

  test("a line of more than 16 KiB comes in pieces that are marked", async () => {
    const task = await bench.start({
      script: "head -c 40000 /dev/zero; echo; head -c 16384 /dev/zero; echo",
    });
    await task.ended();
    expect(task.log().map((line) => [line.slice(0, 8), line.length - 9])).toEqual([
      ["stdout P", 16384],
      ["stdout P", 16384],
      ["stdout F", 40000 - 2 * 16384],
      ["stdout F", 16384],
    ]);
  });

  test("a log that was moved away is opened anew when asked, and nothing of it is lost", async () => {
    const task = await bench.start({ script: "i=0; while :; do i=$((i+1)); echo $i; done" });
    const path = join(task.folder, "log");
    for (let number = 0; number < 5; number++) {
      renameSync(path, `${path}.${number}`);
      await monitors.reopenLog(task.folder);
    }
    await using connection = await task.connect();
    await connection.signal(9);
    await task.ended();
    const lines = [0, 1, 2, 3, 4].flatMap((number) => linesOf(`${path}.${number}`)).concat(linesOf(path));
    const texts = lines.map((line) => line.slice(31));
    expect(texts.every((text, index) => text === `stdout F ${index + 1}`)).toBe(true);
  });

  test("who takes nothing is let go after a time, and holds nobody for ever", async () => {
    const task = await bench.create({ script: "seq 1000000" });
    const idle = await attachAll(task);
    await task.start();
    expect((await task.ended()).code).toBe(0);
    expect(task.log().at(-1)).toBe("stdout F 1000000");
    const { stdout } = await outputOf({ ...idle, output: idle.output.pipeThrough(wholeFrames()) });
    expect(stdout.length).toBeLessThan(6_000_000);
  });

  test("who is slow but takes something slows the process down and misses nothing", async () => {
    const task = await bench.create({ script: "seq 200000" });
    const attached = await attachAll(task);
    await task.start();
    const slow = attached.output.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        async transform(chunk, controller) {
          await Bun.sleep(5);
          controller.enqueue(chunk);
        },
      }),
    );
    const { stdout } = await outputOf({ ...attached, output: slow });
    expect(stdout.endsWith("\n200000\n")).toBe(true);
    expect(stdout.split("\n").length).toBe(200_001);
    await task.ended();
  });

  test("a further process has a status, streams and input of its own", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    const further = await bench.exec(task, {
      script: "cat; echo done >&2; exit 7",
      stdio: { stdin: "open", hold: true },
    });
    const attached = await attachAll(further, true);
    await attached.write(text("to exec\n"));
    await attached.closeStdin();
    expect(await outputOf(attached)).toEqual({ stdout: "to exec\n", stderr: "done\n" });
    expect((await further.ended()).code).toBe(7);
    const terminal = await bench.exec(task, {
      script: same("size of an exec") ? "stty size" : "test -t 0 && echo terminal",
      stdio: { terminal: true, size: { rows: 20, columns: 30 }, hold: true },
    });
    const said = (await outputOf(await attachAll(terminal))).stdout;
    expect(said).toBe(same("size of an exec") ? "20 30\r\n" : "terminal\r\n");
    await bench.runtime.kill(task.id, 9);
    expect(await task.ended()).toMatchObject({ code: 137 });
  });

  test("what was held is for the first who attaches, also when the process has ended", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    const further = await bench.exec(task, { script: "echo early; exit 4", stdio: { hold: true } });
    await until("it has ended", () => isGone(further.pid));
    expect(await outputOf(await attachAll(further))).toEqual({ stdout: "early\n", stderr: "" });
    expect((await further.ended()).code).toBe(4);
    const unheard = await bench.exec(task, { script: "echo nobody; exit 5", stdio: { hold: true } });
    expect((await unheard.ended()).code).toBe(5);
    await bench.runtime.kill(task.id, 9);
    await task.ended();
  });

  test("a process that leaves another behind with its streams is over all the same", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    const further = await bench.exec(task, { script: "sleep 1000 & echo left" });
    expect((await further.ended()).code).toBe(0);
    expect(further.log()).toEqual(["stdout F left"]);
    await bench.runtime.kill(task.id, 9);
    await task.ended();
  });

  test("a program that is not there fails the create, and leaves neither monitor nor state", async () => {
    const before = descriptors();
    const make = same("missing program") ? "create" : "start";
    const error: unknown = await bench[make]({ args: ["/no/such/program"] }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "not_found", message: expect.stringContaining("/no/such/program") });
    const id = bench.ids.at(-1) ?? "";
    if (make === "start") await bench.runtime.delete(id, { force: true });
    expect(await bench.runtime.state(id)).toBeUndefined();
    expect(existsSync(join(bench.dir, id, "monitor", "monitor.sock"))).toBe(false);
    expect(controlGroups(id)).toEqual([]);
    await until("its descriptors are closed", () => descriptors() <= before);
  });

  test("creates at the same time do not mix, and nothing of the caller reaches a process", async () => {
    const cwd = process.cwd();
    const mask = process.umask();
    const scripts = Array.from({ length: 6 }, (_, i) => `echo ${i}; ls /proc/self/fd; exit ${i}`);
    const beside = scripts.map(async () => {
      const child = Bun.spawn(["ls", "-l", "/proc/self/fd"], { stdin: "ignore" });
      return await new Response(child.stdout).text();
    });
    const tasks = await Promise.all(scripts.map((script) => bench.start({ script })));
    const codes = await Promise.all(tasks.map(async (task) => (await task.ended()).code));
    expect(codes).toEqual([0, 1, 2, 3, 4, 5]);
    // 3 is the folder that ls reads.
    for (const [i, task] of tasks.entries())
      expect(task.log()).toEqual([i, 0, 1, 2, 3].map((word) => `stdout F ${word}`));
    for (const list of await Promise.all(beside)) expect(list.trim().split("\n").length).toBe(5);
    expect([process.cwd(), process.umask()]).toEqual([cwd, mask]);
  });

  test("a folder has one monitor at a time, and the next as soon as that has told of its end", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    const bundle = join(bench.dir, task.id);
    const stdio = { terminal: false, stdin: "none" } as const;
    const again = { id: `${task.id}-again`, bundle, monitor: { folder: task.folder, stdio } };
    expect(await failing(bench.runtime.create(again))).toMatchObject({ code: "already_exists" });
    await using connection = await task.connect();
    await connection.signal(9);
    await connection.exited;
    await bench.runtime.delete(task.id, { force: false });
    bench.ids.push(again.id);
    const { pid } = await bench.runtime.create(again);
    expect(monitors.exit(task.folder)).toBeUndefined();
    await using next = await task.connect();
    expect(next.pid).toBe(pid);
    await next.signal(9);
    expect(await next.exited).toMatchObject({ code: 137 });
  });

  test("a create that is cancelled leaves nothing", async () => {
    const controller = new AbortController();
    const bundle = join(bench.dir, "cancelled");
    const folder = join(bundle, "monitor");
    const id = `sampan-monitor-${process.pid}-cancelled`;
    const monitor = bench.monitor(folder, {});
    bench.bundle(bundle, id, { args: ["true"] });
    bench.ids.push(id);
    const made = bench.runtime
      .create({ id, bundle, monitor }, controller.signal)
      .catch((error: unknown) => error);
    controller.abort();
    expect(await made).toMatchObject({ code: "cancelled" });
    expect(await bench.runtime.state(id)).toBeUndefined();
    expect(await failing(monitors.connect(folder))).toMatchObject({ code: "not_found" });
  });

  test("states are the kernel's: created, running, paused, running, stopped, gone", async () => {
    const { runtime } = bench;
    const task = await bench.create({ args: ["sleep", "1000"] });
    const status = async () => (await runtime.state(task.id))?.status;
    expect(await status()).toBe("created");
    await task.start();
    expect(await status()).toBe("running");
    const processes = await runtime.processes(task.id);
    if (same("processes")) expect(processes).toEqual([task.pid]);
    else expect(processes).toContain(task.pid);
    expect(await failing(runtime.start(task.id))).toMatchObject({ code: "failed_precondition" });
    await runtime.pause(task.id);
    expect(await status()).toBe("paused");
    await runtime.resume(task.id);
    expect(await status()).toBe("running");
    const update = runtime.update(task.id, { pids: { limit: 99 } });
    if (same("update")) await update;
    else expect(await failing(update)).toMatchObject({ code: "unimplemented" });
    const stats = await runtime.stats(task.id);
    expect(stats).toMatchObject({ memory: { oomKills: 0 } });
    if (same("update")) expect(stats.pids).toEqual({ current: 1, limit: 99 });
    expect(stats.memory.usage).toBeGreaterThan(0);
    await runtime.kill(task.id, 15, { all: true });
    await runtime.kill(task.id, 9).catch(() => undefined);
    await task.ended();
    expect(await status()).toBe("stopped");
    expect(await failing(runtime.kill(task.id, 9))).toMatchObject({
      message: expect.stringContaining("not running"),
    });
    await runtime.delete(task.id, { force: false });
    expect(await status()).toBeUndefined();
    await runtime.delete(task.id, { force: true });
  });

  test("a process that the kernel kills for memory is counted", async () => {
    const task = await bench.start({
      script: "while true; do dd if=/dev/zero of=/dev/null bs=64M count=1; done",
      config: (config) => {
        const resources = { ...config.linux?.resources, memory: { limit: 16 << 20, swap: 16 << 20 } };
        config.linux = { ...config.linux, resources };
      },
    });
    if (same("memory")) {
      await until("one was killed", async () => (await bench.runtime.stats(task.id)).memory.oomKills > 0);
      await bench.runtime.kill(task.id, 9);
      await task.ended();
    } else expect(await task.ended()).toMatchObject({ code: 137 });
  });

  test("a monitor that is killed is missed, and its process runs on", async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    await using connection = await task.connect();
    process.kill(task.monitorPid(), 9);
    expect(await failing(connection.exited)).toMatchObject({ code: "unavailable" });
    expect(monitors.exit(task.folder)).toBeUndefined();
    expect((await bench.runtime.state(task.id))?.status).toBe("running");
    expect(await failing(task.connect())).toMatchObject({ code: "not_found" });
    await bench.runtime.delete(task.id, { force: true });
  });

  test("a monitor takes less than 1 MiB of memory for itself, also when much went through it", async () => {
    const task = await bench.start({ script: "seq 300000; sleep 1000" });
    const privately = () => {
      const rollup = readFileSync(`/proc/${task.monitorPid()}/smaps_rollup`, "utf8");
      return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce(
        (sum, match) => sum + Number(match[1]),
        0,
      );
    };
    await until("all is in the log", () => task.log().at(-1) === "stdout F 300000");
    expect(privately()).toBeLessThan(1024);
    await bench.runtime.kill(task.id, 9);
    await task.ended();
  });

  test(`${execs} execs leave no process and no descriptor`, async () => {
    const task = await bench.start({ args: ["sleep", "1000"] });
    const monitor = task.monitorPid();
    const cycle = async () => {
      const further = await bench.exec(task, { script: "exit 9" });
      expect((await further.ended()).code).toBe(9);
    };
    await cycle();
    const children = childrenOf(monitor).length;
    const before = descriptors();
    for (let i = 0; i < execs; i++) await cycle();
    await until("all descriptors are closed", () => descriptors() <= before);
    await until("no process is left", () => childrenOf(monitor).length <= children);
    expect(await bench.runtime.processes(task.id)).toContain(task.pid);
    if (same("processes")) expect(children).toBe(1);
    await bench.runtime.kill(task.id, 9);
    await task.ended();
  }, 60_000);
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

/** Leaves out a last frame that was cut off. */
function wholeFrames(): TransformStream<Uint8Array, Uint8Array> {
  let rest = Buffer.alloc(0);
  return new TransformStream({
    transform(chunk, controller) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
        const size = 8 + rest.readUInt32BE(4);
        controller.enqueue(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
    },
  });
}
