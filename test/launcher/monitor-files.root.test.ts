/** Files of somebody else in place of what is attached: the monitor copies from one and to the other, and holds others open. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { closeFd } from "../../src/kernel/libc.ts";
import { CLONE, O } from "../../src/kernel/linux.ts";
import { listenStream } from "../../src/kernel/sockets.ts";
import { op, slot, type Operation, type Plan } from "../../src/runtime/native/plan/operations.ts";
import { until } from "../counterparts/_await.ts";
import { builds, firstExtraFd, Launched, scratch } from "./_run.ts";

const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];

function shellProcess(script: string, streams: readonly Operation[]): Pick<Plan, "parent" | "init"> {
  return {
    parent: [...streams, op("clone", { flags: CLONE.PARENT, stage: 2 }, "test")],
    init: [
      op("close_range", { first: 3 }, "test"),
      op("chdir", { path: "/bin" }, "test"),
      op("find_exec", { name: "sh", path: "/bin" }, "test"),
      op("exec", { argv: ["sh", "-c", script], env }, "test"),
    ],
  };
}

/** Between what every monitor begins with and what it ends with. */
function monitorStage(folder: string, streams: readonly Operation[], carried: readonly Operation[]) {
  return [
    op("setsid", {}, "test"),
    op("prctl", { option: 36, a: 1 }, "test"),
    op("adopt", { fd: firstExtraFd, out: slot.monitorSocket }, "test"),
    op("open", { path: folder, flags: O.PATH | O.DIRECTORY, out: slot.monitorFolder }, "test"),
    ...streams,
    op("clone", { stage: 0 }, "test"),
    ...carried,
    op("carry", { socket: slot.monitorSocket, folder: slot.monitorFolder, patience: 5000 }, "test"),
  ];
}

function place() {
  const own = scratch();
  const folder = `${own.path}/monitor`;
  mkdirSync(folder);
  const [input, output] = [`${folder}/in`, `${folder}/out`];
  Bun.spawnSync(["mkfifo", input, output]);
  return { folder, input, output, [Symbol.dispose]: () => own[Symbol.dispose]() };
}

function launch(folder: string, plan: Plan, build: (typeof builds)[number]): Launched {
  const fd = listenStream(`${folder}/monitor.sock`, 8);
  try {
    return new Launched(plan, { build, fds: [fd] });
  } finally {
    closeFd(fd);
  }
}

function hasOpen(pid: number, path: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}

const code = (folder: string) =>
  (JSON.parse(readFileSync(`${folder}/exit`, "utf8")) as { code: number }).code;

describe.each(builds)("%s", (build) => {
  test("what is typed into a file comes to the process, and what it says to another, however slowly that is read", async () => {
    using own = place();
    const { folder, input, output } = own;
    const both = O.RDWR | O.NONBLOCK | O.CLOEXEC;
    const streams = [
      op("open", { path: input, flags: both, out: slot.heldOutput }, "test"),
      op("open", { path: output, flags: both, out: slot.heldErrors }, "test"),
      op("pipe", { a: slot.theirInput, b: slot.input }, "test"),
      op("pipe", { a: slot.output, b: slot.theirOutput }, "test"),
    ];
    const carried = [
      op("carry_stdio", { input: slot.input, output: slot.output }, "test"),
      op("carry_files", { input: slot.heldOutput, output: slot.heldErrors }, "test"),
    ];
    const script = "read line; echo got $line; head -c 300000 /dev/zero | tr '\\0' x; exit 3";
    const dups = [
      op("dup", { slot: slot.theirInput, fd: 0 }, "test"),
      op("dup", { slot: slot.theirOutput, fd: 1 }, "test"),
    ];
    const plan = {
      middle: [],
      ...shellProcess(script, dups),
      monitor: monitorStage(folder, streams, carried),
    };
    await using launched = launch(folder, plan, build);
    expect(launched.report()).toMatchObject({ kind: "ready" });
    launched.keep();
    const reader = Bun.spawn(["cat", output], { stdout: "pipe" });
    await until("the reader", () => hasOpen(reader.pid, output) || undefined);
    writeFileSync(input, "hello\n");
    expect((await reader.stdout.text()) === `got hello\n${"x".repeat(300_000)}`).toBe(true);
    await launched.ended();
    expect(code(folder)).toBe(3);
  });

  test("a FIFO that it holds has no end, and no process gets SIGPIPE, while nobody reads", async () => {
    using own = place();
    const { folder, output } = own;
    const streams = [
      op("open", { path: output, flags: O.RDWR | O.CLOEXEC, out: slot.heldFile }, "test"),
      op("open", { path: output, flags: O.RDONLY | O.NONBLOCK | O.CLOEXEC, out: slot.heldOutput }, "test"),
      op("open", { path: output, flags: O.WRONLY | O.CLOEXEC, out: slot.theirOutput }, "test"),
    ];
    const carried = [
      op("carry_stdio", {}, "test"),
      op("carry_files", { heldOutput: slot.heldOutput }, "test"),
    ];
    const script = "echo early; until test -e go; do sleep 0.02; done; echo late; exit 4";
    const dups = [
      op("chdir", { path: folder }, "test"),
      op("dup", { slot: slot.theirOutput, fd: 1 }, "test"),
    ];
    const shell = shellProcess(script, dups);
    const init = shell.init.map((each) =>
      each.name === "chdir" ? op("chdir", { path: folder }, "test") : each,
    );
    const plan = { middle: [], ...shell, init, monitor: monitorStage(folder, streams, carried) };
    await using launched = launch(folder, plan, build);
    expect(launched.report()).toMatchObject({ kind: "ready" });
    launched.keep();
    // A first reader, who goes again.
    expect(await Bun.spawn(["head", "-n", "1", output], { stdout: "pipe" }).stdout.text()).toBe("early\n");
    const reader = Bun.spawn(["cat", output], { stdout: "pipe" });
    await until("the reader", () => hasOpen(reader.pid, output) || undefined);
    writeFileSync(`${folder}/go`, "");
    expect(await reader.stdout.text()).toBe("late\n");
    await launched.ended();
    expect(code(folder)).toBe(4);
  });
});
