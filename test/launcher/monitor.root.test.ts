/** The monitor's stage and its operations, in the shipped build and under the sanitizers; what fails in it leaves nothing. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { closeFd } from "../../src/kernel/libc.ts";
import { CLONE, O } from "../../src/kernel/linux.ts";
import { listenStream } from "../../src/kernel/sockets.ts";
import { openMonitors } from "../../src/runtime/monitor/open.ts";
import { op, slot, type Operation, type Plan } from "../../src/runtime/native/plan/operations.ts";
import { builds, ends, faultyBuilds, firstExtraFd, Launched, scratch, type Options } from "./_run.ts";

const env = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];

/** The process that a shell script is, by a clone of the launcher. */
function shellProcess(script: string): Pick<Plan, "parent" | "init"> {
  const parent: Operation[] = [
    op("dup", { slot: slot.theirOutput, fd: 1 }, "test"),
    op("dup", { slot: slot.theirErrors, fd: 2 }, "test"),
    op("clone", { flags: CLONE.PARENT, stage: 2 }, "test"),
  ];
  const init = [
    op("close_range", { first: 3 }, "test"),
    op("chdir", { path: "/bin" }, "test"),
    op("find_exec", { name: "sh", path: "/bin" }, "test"),
    op("exec", { argv: ["sh", "-c", script], env }, "test"),
  ];
  return { parent, init };
}

interface Stage {
  readonly folder: string;
  readonly maxSize?: number;
  readonly maxFiles?: number;
}

/** The monitor's stage; the listening socket is the first descriptor that the caller hands on. */
function monitorStage({ folder, maxSize = 0, maxFiles = 1 }: Stage): Operation[] {
  return [
    op("setsid", {}, "test"),
    op("prctl", { option: 36, a: 1 }, "test"),
    op("adopt", { fd: firstExtraFd, out: slot.monitorSocket }, "test"),
    op("open", { path: folder, flags: O.PATH | O.DIRECTORY, out: slot.monitorFolder }, "test"),
    op("carry_log", { path: `${folder}/log`, maxSize, maxFiles }, "test"),
    op("pipe", { a: slot.output, b: slot.theirOutput }, "test"),
    op("pipe", { a: slot.errors, b: slot.theirErrors }, "test"),
    op("clone", { stage: 0 }, "test"),
    op("carry_stdio", { output: slot.output, errors: slot.errors }, "test"),
    op("carry", { socket: slot.monitorSocket, folder: slot.monitorFolder, patience: 500 }, "test"),
  ];
}

interface Carried extends Disposable {
  readonly folder: string;
  readonly launched: Launched;
}

function carry(stage: Omit<Stage, "folder">, rest: Partial<Plan>, options: Options): Carried {
  const place = scratch();
  const folder = `${place.path}/monitor`;
  mkdirSync(folder);
  const fd = listenStream(`${folder}/monitor.sock`, 8);
  try {
    const launched = new Launched(
      { ...rest, monitor: monitorStage({ ...stage, folder }) },
      { ...options, fds: [fd] },
    );
    return { folder, launched, [Symbol.dispose]: () => place[Symbol.dispose]() };
  } finally {
    closeFd(fd);
  }
}

describe.each(builds)("%s", (build) => {
  test("a process is carried: its streams into the log, its end into a file", async () => {
    using carried = carry({}, shellProcess("echo one; echo two >&2; exit 5"), { build });
    await using launched = carried.launched;
    const report = launched.report();
    expect(report).toMatchObject({ kind: "ready" });
    launched.keep();
    // Its standard error is the monitor's until this has ended.
    expect((await launched.ended()).status).toBe(0);
    expect(JSON.parse(readFileSync(`${carried.folder}/exit`, "utf8"))).toMatchObject({ code: 5 });
    const lines = readFileSync(`${carried.folder}/log`, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => line.slice(31)).toSorted()).toEqual(["stderr F two", "stdout F one"]);
    expect(existsSync(`${carried.folder}/monitor.sock`)).toBe(false);
  });

  test("lines of all lengths come through its buffers and rotations", async () => {
    const script =
      "i=0; while [ $i -lt 60 ]; do head -c $((i * 700)) /dev/zero | tr '\\0' x; echo; i=$((i+1)); done; seq 50000; printf end";
    using carried = carry({ maxSize: 200_000, maxFiles: 50 }, shellProcess(script), { build });
    await using launched = carried.launched;
    expect(launched.report()).toMatchObject({ kind: "ready" });
    launched.keep();
    await launched.ended();
    const number = (name: string) => Number(name.split(".")[1] ?? 0);
    const names = readdirSync(carried.folder).filter((name) => name.startsWith("log"));
    const records = names
      .toSorted((a, b) => number(b) - number(a))
      .flatMap((name) => readFileSync(`${carried.folder}/${name}`, "utf8").trimEnd().split("\n"));
    const text = records.map((record) => `${record.slice(40)}${record[38] === "F" ? "\n" : ""}`).join("");
    const long = Array.from({ length: 60 }, (_, i) => `${"x".repeat(i * 700)}\n`).join("");
    const short = Array.from({ length: 50_000 }, (_, i) => `${i + 1}\n`).join("");
    expect(text === `${long}${short}end`).toBe(true);
  });

  test("its log is opened anew when asked, or stays the one that it was; a signal reaches the whole group", async () => {
    const { parent, init } = shellProcess("echo one; sleep 1000 & echo $!; wait");
    const leader = [op("setsid", {}, "test"), ...(init ?? [])];
    using carried = carry({}, { ...(parent && { parent }), init: leader }, { build });
    await using launched = carried.launched;
    expect(launched.report()).toMatchObject({ kind: "ready" });
    launched.keep();
    const { folder } = carried;
    const path = `${folder}/log`;
    const linesOf = (name: string) => readFileSync(`${folder}/${name}`, "utf8").trimEnd().split("\n");
    while (linesOf("log").length < 2) await Bun.sleep(5);
    renameSync(path, `${folder}/old`);
    symlinkSync("/dev/null", path);
    const monitors = openMonitors();
    expect(await monitors.reopenLog(folder).catch((error: unknown) => error)).toMatchObject({
      code: "failed_precondition",
    });
    rmSync(path);
    await monitors.reopenLog(folder);
    expect([readFileSync(path, "utf8"), linesOf("old").length]).toEqual(["", 2]);
    await using connection = await monitors.connect(folder);
    const child = linesOf("old")[1]?.slice(40) ?? "";
    expect(existsSync(`/proc/${child}/stat`)).toBe(true);
    expect(await connection.signal(9, { group: true })).toBe(true);
    expect(await connection.exited).toMatchObject({ code: 137, signal: 9 });
    await launched.ended();
    expect(ends(Number(child))).toBe(true);
  });

  test("the process that another program leaves behind is adopted by the number in its file", async () => {
    const place = scratch();
    const file = `${place.path}/pid`;
    const script = `sh -c 'sleep 0.1; exit 7' & echo $! > ${file}`;
    const parent = [
      op("run", { path: "/bin/sh", argv: ["sh", "-c", script], env }, "test"),
      op("read_pid", { path: file }, "test"),
    ];
    using carried = carry({}, { parent }, { build });
    await using launched = carried.launched;
    expect(launched.report()?.pid).toBe(Number(readFileSync(file, "utf8")));
    launched.keep();
    await launched.ended();
    expect(JSON.parse(readFileSync(`${carried.folder}/exit`, "utf8"))).toMatchObject({ code: 7 });
    place[Symbol.dispose]();
  });

  test("a number of a process that it is not the parent of is refused", async () => {
    const place = scratch();
    const file = `${place.path}/pid`;
    const parent = [
      op("write", { path: file, data: String(process.pid), flags: 0o101, mode: 0o600 }, "test"),
      op("read_pid", { path: file }, "test"),
    ];
    using carried = carry({}, { parent }, { build });
    await using launched = carried.launched;
    expect(launched.report()).toMatchObject({ kind: "failed", stage: "monitor", errno: 10 });
    expect(launched.report()).toBeUndefined();
    await launched.ended();
    place[Symbol.dispose]();
  });

  test("a caller that goes before it has taken note takes all with it", async () => {
    using carried = carry({}, shellProcess("exec sleep 1000"), { build });
    await using launched = carried.launched;
    const report = launched.report();
    launched.desert();
    expect(ends(report?.pid ?? 0)).toBe(true);
    expect(await new Response(launched.process.stderr as ReadableStream).text()).toBe("");
    expect(readdirSync(carried.folder).toSorted()).toEqual(["log"]);
  });
});

describe.each(faultyBuilds)("%s", (build) => {
  const { parent, init } = shellProcess("exit 0");
  const lists = { monitor: monitorStage({ folder: "/" }), parent };
  // What fails in init is the parent's to see, over the socket of whole plans: faults.root.test.ts.
  for (const stage of ["monitor", "parent"] as const)
    test(`an operation of ${stage} that fails is told, and its monitor leaves`, async () => {
      for (const index of lists[stage].keys()) {
        using carried = carry({}, { parent, init }, { build, fault: { stage, index, errno: 5 } });
        await using launched = carried.launched;
        expect(launched.report()).toMatchObject({ kind: "failed", stage, index, errno: 5 });
        while (launched.report()) continue;
        await launched.ended();
        expect(existsSync(`${carried.folder}/exit`)).toBe(false);
      }
    });
});
