/** What `explain` prints is what the launcher does: held against strace's record of real runs. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { stages } from "../../src/runtime/native/plan/operations.ts";
import type { ExplainedOperation } from "../../src/runtime/native/plan/explain/explain.ts";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { defaultConfig } from "../../src/spec/oci/default.ts";
import { needing } from "../needs.ts";
import { Box, namespace, needs, until } from "./_container.ts";
import { follow, parseRecord, type Call } from "./_strace.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "strace"] });

/** Runs the box's bundle under strace until it is explained. */
async function traced(box: Box): Promise<{ plan: ExplainedOperation[]; processes: Map<number, Call[]> }> {
  const record = box.path("record");
  const through = ["strace", "-f", "-s", "65536", "-o", record];
  const run = Bun.spawn(box.argv(["run", "-b", box.bundle, box.id], { through }), {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(box.path("stderr")),
  });
  await until(() => {
    if (run.exitCode !== null) throw new Error(box.read("stderr"));
    return box.run(["state", box.id]).stdout.includes('"running"');
  });
  const plan = JSON.parse(box.ok(["explain", "--id", box.id, "--json"])) as ExplainedOperation[];
  box.ok(["kill", box.id, "KILL"]);
  await run.exited;
  return { plan, processes: parseRecord(readFileSync(record, "utf8")) };
}

/** The first process that became the launcher with a socket to report on, and from there on what each clone gave. */
function launcherOf(processes: Map<number, Call[]>): Call[] {
  for (const calls of processes.values()) {
    const at = calls.findIndex(
      ({ name, args }) => name === "execve" && /\["sampan-launcher", "\d+", "\d+"\]/.test(args),
    );
    // It ends with its caller: the one thing that it does before it has read the plan (launcher.c, end_with_caller).
    if (at >= 0)
      return calls
        .slice(at + 1)
        .filter(({ name, args }) => !(name === "prctl" && args.startsWith("PR_SET_PDEATHSIG, SIGKILL")));
  }
  throw new Error("no process became the launcher");
}

function complaints(plan: readonly ExplainedOperation[], processes: Map<number, Call[]>): string[] {
  const wrong: string[] = [];
  let calls: readonly Call[] | undefined = launcherOf(processes);
  const made = new Map<unknown, readonly Call[] | undefined>();
  for (const [number, stage] of stages.entries()) {
    const operations = plan.filter((each) => each.stage === stage);
    if (number > 0) calls = made.get(number);
    if (operations.length === 0) continue;
    if (calls === undefined) return [...wrong, `no process was made for ${stage}`];
    const followed = follow(operations, calls);
    wrong.push(...followed.wrong);
    for (const { operation, index, arguments: args } of operations) {
      if (operation !== "clone") continue;
      const pid = Number(followed.matched.get(index)?.[0]?.result);
      made.set(args["stage"], processes.get(pid));
    }
  }
  return wrong;
}

function everything(config: OciConfig): void {
  const { mounts, linux } = defaultConfig();
  config.mounts = [
    ...(mounts ?? []),
    { destination: "/host", type: "bind", source: "/usr", options: ["rbind", "ro", "rprivate"] },
    { destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=64k", "nodev", "mode=700"] },
  ];
  config.hooks = { createContainer: [{ path: "/bin/true" }], startContainer: [{ path: "/bin/true" }] };
  config.domainname = "example.org";
  config.root = { path: "rootfs", readonly: true };
  config.linux = {
    ...linux,
    ...config.linux,
    sysctl: { "net.ipv4.ip_forward": "1" },
    devices: [{ path: "/dev/extra", type: "c", major: 1, minor: 3, fileMode: 0o600, uid: 1, gid: 2 }],
    resources: { memory: { limit: 64 << 20 }, pids: { limit: 50 } },
    seccomp: {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["swapon"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
    },
  };
}

/** What the kernel may be asked for besides; the filter is loaded early, since new rights are allowed. */
function rarities(config: OciConfig): void {
  config.mounts = [
    ...(config.mounts ?? []),
    { destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["size=64k"] },
  ];
  config.hooks = { createRuntime: [{ path: "/bin/true", timeout: 5 }] };
  config.process = {
    ...config.process,
    user: { uid: 1000, gid: 1000, additionalGids: [5, 6], umask: 0o27 },
    noNewPrivileges: false,
    oomScoreAdj: 500,
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 5 },
    rlimits: [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }],
  };
  config.linux = {
    ...config.linux,
    personality: { domain: "LINUX" },
    seccomp: {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["swapon", "swapoff"], action: "SCMP_ACT_ERRNO" }],
    },
  };
}

function operationsOf(plan: readonly ExplainedOperation[]): string[] {
  return plan.map(({ operation }) => operation);
}

test("each operation of a plan is seen in strace's record, in its turn, and nothing else that changes anything", async () => {
  using box = new Box({ args: ["sleep", "1000"], config: everything });
  const { plan, processes } = await traced(box);
  expect(complaints(plan, processes)).toEqual([]);
  expect(plan.length).toBeGreaterThan(100);
});

test("the same holds with a process between, for user and time namespaces", async () => {
  using box = new Box({
    args: ["sleep", "1000"],
    config: (config) => {
      namespace(config, "user");
      namespace(config, "time");
      namespace(config, "cgroup");
      config.linux = {
        ...config.linux,
        uidMappings: [{ containerID: 0, hostID: 0, size: 65536 }],
        gidMappings: [{ containerID: 0, hostID: 0, size: 65536 }],
        timeOffsets: { monotonic: { secs: 100 } },
      };
    },
  });
  const { plan, processes } = await traced(box);
  expect(complaints(plan, processes)).toEqual([]);
  expect(plan.filter(({ stage }) => stage === "middle").length).toBeGreaterThan(0);
});

test("the same holds for what few containers ask for", async () => {
  using box = new Box({ args: ["sleep", "1000"], config: rarities });
  const { plan, processes } = await traced(box);
  expect(complaints(plan, processes)).toEqual([]);
  expect(operationsOf(plan)).toEqual(
    expect.arrayContaining([
      "copy_up",
      "copy_mode",
      "hook",
      "ioprio_set",
      "personality",
      "seccomp",
      "setrlimit",
    ]),
  );
});

test("the same holds for namespaces that are joined", async () => {
  using owner = new Box({ args: ["sleep", "1000"] });
  owner.create();
  const { pid } = owner.state();
  using box = new Box({
    args: ["sleep", "1000"],
    config: (config) => {
      for (const [type, name] of [
        ["network", "net"],
        ["pid", "pid"],
        ["uts", "uts"],
        ["ipc", "ipc"],
      ] as const)
        namespace(config, type, `/proc/${pid}/ns/${name}`);
    },
  });
  const { plan, processes } = await traced(box);
  expect(complaints(plan, processes)).toEqual([]);
  expect(operationsOf(plan).filter((operation) => operation === "setns")).toHaveLength(4);
});

test("the same holds for a terminal", async () => {
  using box = new Box({
    args: ["sleep", "1000"],
    config: ({ process }) => {
      process.terminal = true;
      process.consoleSize = { height: 40, width: 100 };
    },
  });
  const { plan, processes } = await traced(box);
  expect(complaints(plan, processes)).toEqual([]);
  expect(operationsOf(plan)).toEqual(expect.arrayContaining(["pty", "set_terminal", "dup", "send_fd"]));
});

test("an operation that is left out of the plan, or put in, is noticed", async () => {
  using box = new Box({ args: ["sleep", "1000"], config: everything });
  const { plan, processes } = await traced(box);
  const hostName = plan.findIndex(({ operation }) => operation === "sethostname");
  expect(complaints(plan.toSpliced(hostName, 1), processes)).toHaveLength(1);
  const [extra] = plan.slice(hostName, hostName + 1);
  if (extra === undefined) throw new Error("the plan sets no host name");
  expect(complaints(plan.toSpliced(hostName, 0, extra), processes).length).toBeGreaterThan(0);
  const elsewhere = { ...extra, arguments: { ...extra.arguments, name: "elsewhere" } };
  expect(complaints(plan.with(hostName, elsewhere), processes)).toHaveLength(1);
});

test("a bundle's plan is the one that its container is made with, and explaining it makes nothing", () => {
  using box = new Box({ args: ["sleep", "1000"], config: everything });
  const before = JSON.parse(
    box.ok(["explain", "-b", box.bundle, "--id", box.id, "--json"]),
  ) as ExplainedOperation[];
  expect(box.run(["list", "-q"]).stdout).toBe("");
  expect(box.cgroups()).toEqual([]);
  expect(box.create().status).toBe(0);
  const after = JSON.parse(box.ok(["explain", "--id", box.id, "--json"])) as ExplainedOperation[];
  // The descriptor of the file for what hooks print is known only to the process that creates.
  const known = (plan: readonly ExplainedOperation[]) =>
    plan.filter(({ operation }) => operation !== "adopt");
  expect(known(after)).toEqual(known(before));
  expect(after.length).toBe(before.length);
});

test("the text has a line for each operation, with its field", () => {
  using box = new Box({ config: everything });
  const text = box.ok(["explain", "--bundle", box.bundle]);
  expect(text).toContain('set the host name "box"  [hostname]');
  expect(text).toContain("[mounts[7].source]");
  expect(text).toMatch(/load the system call filter, \d+ instructions/);
  expect(text).toContain("[linux.resources.memory.limit]");
});

test("a terminal's plan is complete without a console socket", () => {
  using box = new Box({
    config: ({ process }) => {
      process.terminal = true;
    },
  });
  expect(box.ok(["explain"])).toContain("take over a descriptor of the caller  [process.terminal]");
});

test("a container that is not there cannot be explained", () => {
  using box = new Box();
  const { status, stderr } = box.run(["explain", "--id", "nobody"]);
  expect(status).toBe(1);
  expect(stderr).toContain("container does not exist");
});
