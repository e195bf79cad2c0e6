// deadline: 240 s
/** Every operation of a whole container's plan that a monitor carries is made to fail in turn: its first report names it, and the monitor leaves with all. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { closeFd } from "../../src/kernel/libc.ts";
import { listenStream } from "../../src/kernel/sockets.ts";
import { carried } from "../../src/runtime/native/plan/compile/monitor.ts";
import { stages, type Operation, type Stage } from "../../src/runtime/native/plan/operations.ts";
import { container, removeCgroups, userConfig, withTime } from "./_container.ts";
import { ends, firstExtraFd, Launched, scratch, type Report } from "./_run.ts";

const folder = scratch();
chmodSync(folder.path, 0o755); // root of a user namespace has to enter it
const bundle = `${folder.path}/bundle`;
const target = container(bundle, `sampan-carried-${process.pid}`, withTime(userConfig()), "");
const monitorFolder = `${folder.path}/monitor`;
afterAll(() => {
  removeCgroups(target);
  folder[Symbol.dispose]();
});

const plan = carried(target.plan, {
  monitor: {
    folder: monitorFolder,
    stdio: { terminal: false, stdin: "open" },
    log: { path: `${monitorFolder}/log`, maxSize: 0, maxFiles: 1 },
  },
  socketFd: firstExtraFd,
  folder: bundle,
  patience: 200,
});

interface Fault {
  readonly stage: Stage;
  readonly index: number;
  readonly errno: number;
}

async function run(fault?: Fault): Promise<{ reports: Report[]; left: string[] }> {
  rmSync(monitorFolder, { recursive: true, force: true });
  mkdirSync(monitorFolder);
  const fd = listenStream(`${monitorFolder}/monitor.sock`, 8);
  await using launched = new Launched(plan, { build: "launcher-faults", fds: [fd], ...(fault && { fault }) });
  closeFd(fd);
  const reports: Report[] = [];
  const first = launched.report();
  if (first) reports.push(first);
  // Nobody takes note of the process: it is taken back.
  launched.desert();
  // The launcher's standard error is the monitor's too.
  await new Response(launched.process.stderr as ReadableStream).text();
  const pids = reports.flatMap(({ pid, middle }) => [pid, middle]).filter((pid) => pid > 0);
  const left = pids.filter((pid) => !ends(pid)).map((pid) => `process ${pid}`);
  // The socket is the caller's until it has heard that all is well.
  left.push(...readdirSync(monitorFolder).filter((name) => name !== "log" && name !== "monitor.sock"));
  removeCgroups(target);
  return { reports, left };
}

const tolerates = ({ tolerate }: Operation, errno: number): boolean =>
  tolerate !== undefined && (tolerate.errnos === "any" || tolerate.errnos.includes(errno));
const skipped = (list: readonly Operation[], index: number): boolean =>
  list.some(({ tolerate }, at) => at < index && at + (tolerate?.skip ?? 0) >= index);

test("one that nobody takes note of is taken back", async () => {
  const { reports, left } = await run();
  expect(reports.map(({ kind }) => kind)).toEqual(["ready"]);
  expect(left).toEqual([]);
});

for (const stage of stages)
  test(`each operation of ${stage} that fails is named, and nothing is left`, async () => {
    const list = plan[stage] ?? [];
    expect(list.length).toBeGreaterThan(0);
    const wrong: unknown[] = [];
    for (const [index, operation] of list.entries()) {
      const fault = { stage, index, errno: 5 };
      const { reports, left } = await run(fault);
      const [first] = reports;
      const told = first?.kind === "failed" && { stage: first.stage, index: first.index, errno: first.errno };
      // What comes after the report `ready` has nobody to tell.
      const late = first?.kind === "ready";
      if (!late && !tolerates(operation, 5) && !skipped(list, index) && !Bun.deepEquals(told, fault))
        wrong.push({ fault, name: operation.name, reports });
      if (left.length > 0) wrong.push({ fault, name: operation.name, left });
    }
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(target.cgroups.filter((path) => existsSync(path))).toEqual([]);
  }, 120_000);
