import { expect, test } from "bun:test";
import { encodePlan } from "../encode.ts";
import { op, operationNames, operations, slot, type Operation, type Plan } from "../operations.ts";
import { byteArguments, readPlan } from "./bytes.ts";
import { explainPlan, explanationText } from "./explain.ts";

function init(...list: Operation[]): Plan {
  return { parent: [], middle: [], init: list };
}

function texts(...list: Operation[]): string[] {
  return explainPlan(init(...list)).map(({ text }) => text);
}

test("flags are named as in the kernel's headers", () => {
  expect(
    texts(
      op("mount", { target: "/", flags: 0x84000 }, "x"),
      op("open", { path: "/proc", flags: 0o12200000, out: slot.proc }, "x"),
      op("clone", { flags: 0x20028000, stage: 2 }, "x"),
      op("fsmount", { slot: 20, attributes: 3, out: 21 }, "x"),
      op("prctl", { option: 38, a: 1 }, "x"),
      op("setrlimit", { resource: 7, soft: 1024, hard: -1 }, "x"),
      op("capset", { effective: 0x20, permitted: 0x21, inheritable: 0 }, "x"),
    ),
  ).toEqual([
    'change the mount at "/" (MS_REC|MS_SLAVE)',
    'open "/proc" (O_DIRECTORY|O_CLOEXEC|O_PATH)',
    "make the container's first process (CLONE_NEWNS|CLONE_NEWPID|CLONE_PARENT)",
    "make a mount of descriptor slot 20, attached nowhere (MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID)",
    "never gain rights by execve (PR_SET_NO_NEW_PRIVS, 1)",
    "set RLIMIT_NOFILE: soft 1024, hard unlimited",
    "set the capabilities: effective CAP_KILL; permitted CAP_CHOWN, CAP_KILL; inheritable none",
  ]);
});

test("descriptors are named by what they hold, also when a slot is filled again", () => {
  const [tree, to] = [slot.tree, slot.target];
  const why = "mounts[0]";
  expect(
    texts(
      op("open_tree", { path: "/data", flags: 1, out: tree }, why),
      op("mount_point", { dir: slot.root, path: "/srv", out: to, source: tree }, why),
      op("move_mount", { from: tree, to }, why),
      op("fsopen", { type: "tmpfs", out: slot.fs }, why),
      op("fsmount", { slot: slot.fs, out: tree }, why),
      op("mount_point", { dir: slot.root, path: "/tmp", out: to }, why),
      op("move_mount", { from: tree, to }, why),
    ).filter((text) => text.startsWith("attach")),
  ).toEqual(['attach the mount for "/data" at "/srv"', 'attach the mount of tmpfs at "/tmp"']);
});

test("a child starts with the descriptors of its parent at the clone", () => {
  const plan: Plan = {
    parent: [
      op("open", { path: "/run/ns", out: 30 }, "linux.namespaces (network)"),
      op("clone", { stage: 2 }, "process"),
      op("open", { path: "/later", out: 30 }, "launcher"),
    ],
    middle: [],
    init: [op("setns", { slot: 30, type: 0x40000000 }, "linux.namespaces (network)")],
  };
  expect(explainPlan(plan).at(-1)?.text).toBe('enter the namespace "/run/ns" (CLONE_NEWNET)');
});

test("programs are counted in instructions, and what is passed over is said", () => {
  const filter = new Uint8Array(16);
  const [filtered, link] = texts(
    op("seccomp", { filter, flags: 2 }, "linux.seccomp"),
    op("symlink", { dir: slot.root, target: "a", path: "/b" }, "x", { errnos: [17], skip: 1 }),
  );
  expect(filtered).toBe("load the system call filter, 2 instructions (SECCOMP_FILTER_FLAG_LOG)");
  expect(link).toBe(
    'make the link "/b" in the root to "a"; passed over when: file exists, then the next 1 are left out',
  );
});

test.each(operationNames.map((name) => [name] as const))(
  "operation %s has a sentence without its arguments",
  (name) => {
    const [explained] = explainPlan(init({ name, args: {}, why: "x" }));
    expect(explained?.text).not.toMatch(/undefined|NaN|\[object/);
    expect(Object.keys(explained?.arguments ?? {})).toEqual([
      ...Object.keys(operations[name].ints),
      ...Object.keys(operations[name].texts),
    ]);
  },
);

test("a plan that was kept is explained as the one that was compiled, with its bytes", () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => 255 - i);
  const list = Object.entries(byteArguments).map(([name, argument]) => ({
    name: name as Operation["name"],
    args: { [argument]: bytes },
    why: "linux.seccomp",
  }));
  const plan = init(op("sethostname", { name: "box" }, "hostname"), ...list);
  expect(explainPlan(readPlan(encodePlan(plan)))).toEqual(explainPlan(plan));
});

test("the text has a headline where the process and the group change, and a line for each operation", () => {
  const plan: Plan = {
    parent: [op("socketpair", { a: 2, b: 3 }, "launcher")],
    middle: [],
    init: [
      op("sethostname", { name: "box" }, "hostname"),
      op("close", { slot: 2 }, "launcher"),
      op("mkdir", { path: "/a\nb" }, "mounts[0].destination"),
      op("umask", { mask: 0o22 }, "process.user.umask"),
    ],
  };
  expect(explanationText(explainPlan(plan)).split("\n")).toEqual([
    "# parent: the launcher, on the host",
    "    0  make the pair of sockets over which the processes meet  [launcher]",
    "",
    "# init: the container's first process",
    "",
    "namespaces",
    '    0  set the host name "box"  [hostname]',
    "    1  close the parent's end of the pair of sockets  [launcher]",
    "",
    "mounts",
    '    2  make the folder "/a\\nb", mode 0755  [mounts[0].destination]',
    "",
    "security",
    "    3  set the umask 022  [process.user.umask]",
    "",
  ]);
});
