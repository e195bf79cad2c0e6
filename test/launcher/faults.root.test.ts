// deadline: 600 s
/** Every operation of a whole container's plan is made to fail in turn; whatever stage it is, nothing may be left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  writeSync,
} from "node:fs";
import { stages, type Operation, type Stage } from "../../src/runtime/native/plan/operations.ts";
import {
  container,
  fullConfig,
  plainConfig,
  removeCgroups,
  userConfig,
  withTime,
  type Container,
} from "./_container.ts";
import { ends, Launched, parentOf, scratch, type Build, type Report } from "./_run.ts";

/** Every operation fails once in each build: with an errno that hardly any tolerates, and with one that some do. */
const errnos = [
  ["launcher-faults", 5 /* EIO */],
  ["launcher-sanitized", 1 /* EPERM */],
] as const;

const folder = scratch();
chmodSync(folder.path, 0o755); // root of a user namespace has to enter it
const socket = `${folder.path}/socket`;
let listener: { stop(closeActive?: boolean): void };
beforeAll(() => {
  listener = Bun.listen({ unix: socket, socket: { data() {} } });
});
afterAll(() => {
  listener.stop(true);
  folder[Symbol.dispose]();
});

/** Mounts of the host below the bundles: what a container makes may not come back to it. */
function mounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(folder.path));
}

/** Children of this process, but for those that have only to be waited for. */
function children(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === process.pid && !isZombie(pid));
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

function files(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).toSorted();
}

/** Whether an operation is left out when one before it fails as it may: then its own fault may never be met. */
function mayBeSkipped(operations: readonly Operation[], index: number): boolean {
  return operations.some(({ tolerate }, at) => at < index && at + (tolerate?.skip ?? 0) >= index);
}

function tolerates({ tolerate }: Operation, errno: number): boolean {
  return tolerate !== undefined && (tolerate.errnos === "any" || tolerate.errnos.includes(errno));
}

interface Fault {
  readonly stage: Stage;
  readonly index: number;
  readonly errno: number;
}

interface Run {
  readonly reports: readonly Report[];
  readonly leaked: readonly string[];
}

/** As `start` does it: an init that a fault has ended meanwhile has nobody at the pipe, and must not be waited for. */
function letGo(fifo: string, pid: number): void {
  for (const until = performance.now() + 20_000; performance.now() < until; Bun.sleepSync(1)) {
    try {
      const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fd, "\0");
      closeSync(fd);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
    }
    if (!existsSync(`/proc/${pid}/stat`) || /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8")))
      return;
  }
}

/** One run: the launcher, then `start`, then what is still there that was not before. */
async function run(target: Container, build: Build, fault?: Fault): Promise<Run> {
  const before = new Set(children());
  const reports: Report[] = [];
  await using launched = new Launched(target.plan, { build, ...(fault && { fault }) });
  const take = (ms: number): Report | undefined => {
    const report = launched.report(ms);
    if (report) reports.push(report);
    return report;
  };
  let last = take(20_000);
  if (last?.kind === "ready") {
    letGo(target.fifo, last.pid);
    while (take(20_000)) continue;
  }
  await launched.process.exited;
  for (last = take(0); last; last = take(0)) continue;
  const pids = new Set(reports.flatMap(({ pid, middle }) => [pid, middle]).filter((pid) => pid > 0));
  const leaked = [...pids].filter((pid) => !ends(pid)).map((pid) => `process ${pid}`);
  for (const pid of children()) {
    if (!before.has(pid) && pid !== launched.process.pid && !ends(pid)) leaked.push(`process ${pid}`);
  }
  leaked.push(...mounts());
  expect(await new Response(launched.process.stderr).text()).not.toMatch(/runtime error:|AddressSanitizer/);
  return { reports, leaked };
}

const kinds = {
  "without a user namespace": fullConfig(socket),
  "with a user namespace": userConfig(),
  "with a time namespace": withTime(plainConfig()),
  "with user and time namespaces": withTime(userConfig()),
};

for (const [kind, config] of Object.entries(kinds)) {
  const id = `sampan-faults-${process.pid}-${Object.keys(kinds).indexOf(kind)}`;
  const bundle = `${folder.path}/${id}`;
  const target = container(bundle, id, config, socket);
  afterAll(() => removeCgroups(target));

  describe.each(errnos)(`%s, errno %i: a container ${kind}`, (build, errno) => {
    test("starts when nothing fails, and its process ends by itself", async () => {
      const { reports, leaked } = await run(target, build);
      expect(reports.map((report) => report.kind)).toEqual(["ready"]);
      expect(leaked).toEqual([]);
      removeCgroups(target);
    });

    for (const stage of stages.filter((one) => (target.plan[one] ?? []).length > 0)) {
      test(`names each operation of ${stage} that fails, and leaves nothing`, async () => {
        const before = files(bundle);
        const wrong: unknown[] = [];
        const operations = target.plan[stage] ?? [];
        for (const [index, operation] of operations.entries()) {
          const fault = { stage, index, errno };
          const { reports, leaked } = await run(target, build, fault);
          const first = reports.find((report) => report.kind === "failed");
          const told = first && { stage: first.stage, index: first.index, errno: first.errno };
          const known = tolerates(operation, errno) || (!first && mayBeSkipped(operations, index));
          if (!known && !Bun.deepEquals(told, fault)) wrong.push({ ...operation, fault, reports });
          if (leaked.length > 0) wrong.push({ ...operation, fault, leaked });
          removeCgroups(target);
        }
        expect(wrong.slice(0, 3)).toEqual([]);
        expect(files(bundle)).toEqual(before);
        expect(target.cgroups.filter((path) => existsSync(path))).toEqual([]);
      }, 120_000);
    }
  });
}
