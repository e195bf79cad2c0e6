/** How the process is scheduled and what it takes itself for: each field is seen from inside, or refused by its name. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import type { OciConfig, OciProcess } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Box, logged, needs } from "./_container.ts";

const { test } = needing(needs);
const seen = needing({ ...needs, programs: [...needs.programs, "chrt", "ionice", "taskset"] });

const withProcess =
  (more: Partial<OciProcess>) =>
  (config: OciConfig): void => {
    config.process = { ...config.process, ...more };
  };

/** What a program of the host says of the container's process, and of one of exec. */
function ofProcess(more: Partial<OciProcess>, command: (pid: number) => string[]): string {
  using box = new Box({ args: ["sleep", "1000"], config: withProcess(more) });
  const created = box.create();
  expect(created.stderr).toBe("");
  box.ok(["start", box.id]);
  return Bun.spawnSync(command(box.state().pid)).stdout.toString();
}

const chrt = (pid: number): string[] => ["chrt", "-p", String(pid)];

seen.test.each([
  [{ policy: "SCHED_OTHER", nice: 7 }, /SCHED_OTHER[^]*priority: 0/],
  [{ policy: "SCHED_BATCH" }, /SCHED_BATCH/],
  [{ policy: "SCHED_IDLE" }, /SCHED_IDLE/],
  [{ policy: "SCHED_FIFO", priority: 12 }, /SCHED_FIFO[^]*priority: 12/],
  [
    { policy: "SCHED_RR", priority: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
    /SCHED_RR\|SCHED_RESET_ON_FORK[^]*priority: 3/,
  ],
  [
    { policy: "SCHED_DEADLINE", runtime: 1_000_000, deadline: 10_000_000, period: 10_000_000 },
    /SCHED_DEADLINE/,
  ],
] as const)("process.scheduler %p", (scheduler, expected) => {
  using box = new Box({ args: ["sleep", "1000"], config: withProcess({ scheduler: scheduler as never }) });
  const created = box.create();
  // Real-time policies need a share of the control group's real-time budget.
  if (created.status !== 0) {
    expect(logged(created.stderr)).toContain("process.scheduler");
    return;
  }
  box.ok(["start", box.id]);
  const { pid } = box.state();
  expect(Bun.spawnSync(chrt(pid)).stdout.toString()).toMatch(expected);
  if ("nice" in scheduler)
    expect(
      Bun.spawnSync(["ps", "-o", "ni=", "-p", String(pid)])
        .stdout.toString()
        .trim(),
    ).toBe("7");
});

seen.test.each([
  ["IOPRIO_CLASS_RT", 2, "realtime: prio 2"],
  ["IOPRIO_CLASS_BE", 6, "best-effort: prio 6"],
  ["IOPRIO_CLASS_IDLE", 0, "idle"],
] as const)("process.ioPriority %p %p", (name, priority, expected) => {
  const text = ofProcess({ ioPriority: { class: name, priority } }, (pid) => ["ionice", "-p", String(pid)]);
  expect(text.trim()).toBe(expected);
});

seen.test("execCPUAffinity binds what exec starts", () => {
  using box = new Box({
    args: ["sleep", "1000"],
    config: withProcess({ execCPUAffinity: { initial: "0", final: "1" } }),
  });
  box.create();
  box.ok(["start", box.id]);
  expect(box.ok(["exec", box.id, "grep", "Cpus_allowed_list", "/proc/self/status"])).toBe(
    "Cpus_allowed_list:\t1\n",
  );
});

test("personality makes a machine of 32 bits", () => {
  const domain =
    (name: "LINUX" | "LINUX32") =>
    (config: OciConfig): void => {
      config.linux = { ...config.linux, personality: { domain: name } };
    };
  using box = new Box({ args: ["uname", "-m"], config: domain("LINUX32") });
  expect(box.foreground().stdout).toBe(process.arch === "x64" ? "i686\n" : "armv8l\n");
  box.write({ args: ["uname", "-m"], config: domain("LINUX") });
  expect(box.foreground().stdout).toBe(process.arch === "x64" ? "x86_64\n" : "aarch64\n");
});

test.each([
  [{ mode: "MPOL_BIND", nodes: "0" }, /bind:0/],
  [{ mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }, /interleave=static:0/],
  [{ mode: "MPOL_LOCAL" }, /local/],
  [{ mode: "MPOL_PREFERRED", nodes: "0" }, /prefer:0/],
] as const)("linux.memoryPolicy %p", (memoryPolicy, expected) => {
  using box = new Box({
    args: ["cat", "/proc/self/numa_maps"],
    config: (config) => {
      config.linux = { ...config.linux, memoryPolicy: memoryPolicy as never };
    },
  });
  const { status, stdout, stderr } = box.foreground();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(expected);
});

test("what cannot be is an error that names the field", () => {
  using box = new Box();
  const refused: [RegExp, (config: OciConfig) => void][] = [
    [
      /linux\.memoryPolicy/,
      (config) =>
        (config.linux = { ...config.linux, memoryPolicy: { mode: "MPOL_BIND", nodes: "700" } as never }),
    ],
    [/process\.scheduler/, withProcess({ scheduler: { policy: "SCHED_FIFO", priority: 500 } as never })],
    [/process\.ioPriority/, withProcess({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 9 } })],
    [
      /personality/,
      (config) => (config.linux = { ...config.linux, personality: { domain: "LINUX64" } as never }),
    ],
  ];
  if (!existsSync("/sys/fs/resctrl/schemata"))
    refused.push([
      /linux\.intelRdt.*resctrl/,
      (config) => (config.linux = { ...config.linux, intelRdt: { closID: "test" } }),
    ]);
  for (const [text, config] of refused) {
    box.write({ config });
    const { status, stderr } = box.foreground();
    expect({ status, text: logged(stderr) }).toEqual({
      status: 1,
      text: expect.stringMatching(text) as unknown as string,
    });
    expect(box.cgroups()).toEqual([]);
  }
});

test("execCPUAffinity with a processor that is not there is refused by exec", () => {
  using box = new Box({
    args: ["sleep", "1000"],
    config: withProcess({ execCPUAffinity: { initial: "999" } }),
  });
  box.create();
  box.ok(["start", box.id]);
  expect(logged(box.run(["exec", box.id, "true"]).stderr)).toContain("execCPUAffinity.initial");
});
