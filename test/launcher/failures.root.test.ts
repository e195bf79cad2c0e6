/** Each operation of the table, made to fail by its arguments: what is reported, in every build. The type asks for an entry for a new one. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import {
  op,
  operationNames,
  type OperationName,
  type Operation,
} from "../../src/runtime/native/plan/operations.ts";
import { failure, succeed } from "./_run.ts";

const EPERM = 1;
const ENOENT = 2;
const E2BIG = 7;
const EBADF = 9;
const ECHILD = 10;
const ENODEV = 19;
const ENOTDIR = 20;
const EINVAL = 22;
const EPROTONOSUPPORT = 93;
const ECANCELED = 125;

const empty = 77;
type Args = Operation["args"];
/** Arguments that cannot succeed and the errno that comes of them; or why there are none. */
const failures: Record<OperationName, readonly [args: Args, errno: number] | string> = {
  open: [{}, ENOENT],
  adopt: [{ fd: 99, out: 20 }, EBADF],
  close: [{ slot: empty }, EBADF],
  check_fs: [{ slot: empty }, EBADF],
  check_fd: [{ fd: 99 }, EBADF],
  mkdir: [{ dir: empty, path: "x" }, EBADF],
  write: [{ dir: empty, path: "x", data: "x" }, EBADF],
  write_pid: [{ dir: empty, path: "x" }, EBADF],
  symlink: [{ dir: empty, target: "x", path: "x" }, EBADF],
  mknod: [{ dir: empty, path: "x" }, EBADF],
  unlink: [{ path: "/no/such/file" }, ENOENT],
  chown: [{ path: "/no/such/file", uid: 0 }, ENOENT],
  copy_up: [{ from: empty, to: empty }, EBADF],
  mount_point: [{ dir: empty, path: "x", out: 20 }, EBADF],
  copy_mode: [{ from: empty, to: empty }, EBADF],
  open_tree: [{ dir: empty, out: 20 }, EBADF],
  mount_setattr: [{ slot: empty, set: 1 }, EBADF],
  move_mount: [{ from: empty, to: empty }, EBADF],
  fsopen: [{ type: "no-such-fs", out: 20 }, ENODEV],
  fsconfig: [{ slot: empty, command: 6 }, EINVAL],
  fsmount: [{ slot: empty, out: 20 }, EBADF],
  mount: [{ target: "/no/such/folder", type: "tmpfs" }, ENOENT],
  umount: [{ path: "/no/such/folder" }, ENOENT],
  pivot_root: "its test makes a mount namespace first: without one it could succeed on the host",
  chroot: [{ path: "/no/such/folder" }, ENOENT],
  fchdir: [{ slot: empty }, EBADF],
  chdir: [{ path: "/no/such/folder" }, ENOENT],
  check_cwd: "its test removes the working directory first",
  mask_path: [{ dir: empty, path: "x" }, EBADF],
  clone: [{ flags: 0x20200, stage: 2 }, EINVAL],
  setns: [{ slot: empty }, EBADF],
  unshare: [{ flags: 1 }, EINVAL],
  socketpair: "the kernel refuses only where memory or descriptors are at an end",
  send: [{ slot: empty }, EBADF],
  receive: [{ slot: empty }, EBADF],
  child_proc: [{ proc: empty, out: 20 }, EBADF],
  hook: [{ path: "/bin/false", argv: ["false"] }, ECANCELED],
  run: [{ path: "/bin/false", argv: ["false"] }, ECANCELED],
  userns: [{ proc: empty, out: 20, uidMap: "0 0 1\n", gidMap: "0 0 1\n" }, EBADF],
  sethostname: [{ name: "x".repeat(65) }, EINVAL],
  setdomainname: [{ name: "x".repeat(65) }, EINVAL],
  setsid: "its test makes a session first",
  setrlimit: [{ resource: 99 }, EINVAL],
  prctl: [{ option: 4, a: 9 }, EINVAL],
  bounding: [{ keep: 0, last: 63 }, EINVAL],
  ambient: [{ raise: 1n << 62n, last: 62 }, EINVAL],
  capset: [{ effective: 1, permitted: 0 }, EPERM],
  setgroups: [{ gids: new Uint8Array(4 * 65537) }, EINVAL],
  setgid: [{ id: -1 }, EINVAL],
  setuid: [{ id: -1 }, EINVAL],
  umask: "umask(2) cannot fail",
  seccomp: [{}, EINVAL],
  wait_filter: "its test lets init end first",
  keyring: [{ name: "x".repeat(5000) }, EINVAL],
  personality: "personality(2) refuses nothing that a plan can hold",
  sched_setattr: [{ attributes: new Uint8Array(48).fill(255) }, E2BIG],
  ioprio_set: [{ value: 7 << 13 }, EINVAL],
  sched_setaffinity: [{ mask: new Uint8Array(8) }, EINVAL],
  set_mempolicy: [{ mode: 77 }, EINVAL],
  reset_signals: "the signals that exist can always be set to their defaults",
  home: "a passwd file that cannot be used means /",
  netlink_open: [{ protocol: 77, out: 20 }, EPROTONOSUPPORT],
  netlink: [{ slot: empty, message: new Uint8Array(16) }, EBADF],
  connect: [{ path: "/no/such/socket", out: 20 }, ENOENT],
  send_fd: [{ socket: empty, slot: empty, data: "x" }, EBADF],
  receive_fd: [{ socket: empty, out: 20 }, EBADF],
  pty: [{ dir: empty, path: "ptmx", master: 20, slave: 21 }, EBADF],
  own_stdio: "its test gives it descriptors of other owners; what it may not change it leaves",
  reopen_null: "where the container has no such device the host's stays",
  set_terminal: [{ slot: empty }, EBADF],
  dup: [{ slot: empty, fd: 9 }, EBADF],
  close_range: "close_range(2) refuses only a last descriptor before the first",
  bpf_load: [{ type: 15, out: 20 }, E2BIG],
  bpf_attach: [{ target: empty, program: empty, type: 6 }, EBADF],
  find_exec: [{ name: "no-such-program", path: "/bin" }, ENOENT],
  wait_start: [{ slot: empty }, EBADF],
  exec: "its tests give it files that are no programs; it never comes back otherwise",
  supervise: [{ pid: 1 }, ECHILD],
  kill_cgroup: [{ path: "/no/such/group" }, ENOENT],
  remove_cgroup: [{ path: "/etc/passwd" }, ENOTDIR],
  pipe: "the kernel refuses only where memory or descriptors are at an end",
  read_pid: [{ path: "/no/such/file" }, ENOENT],
  carry_log: [{ path: "/no/such/folder/log" }, ENOENT],
  carry_stdio: "it only notes what is carried",
  carry_files: "it only notes what is carried",
  carry: "it does not come back: its tests are the monitor's",
};

describe.each(["launcher", "launcher-faults", "launcher-sanitized"] as const)("%s", (build) => {
  for (const name of operationNames) {
    const entry = failures[name];
    if (typeof entry === "string") continue;
    const [args, errno] = entry;
    const before = op("umask", { mask: 0o22 }, "test");
    const one = op(name, args as never, "test");

    test(`${name} that fails is reported with its place and errno ${errno}`, async () => {
      const report = await failure({ parent: [before, one] }, { build });
      expect(report).toMatchObject({ stage: "parent", index: 1, errno });
    });

    test(`${name} that fails as it may lets the plan go on`, async () => {
      await succeed({ parent: [{ ...one, tolerate: { errnos: [errno] } }, before] }, { build });
    });
  }
});

test("every operation has tests of what it does", async () => {
  const folder = import.meta.dir;
  const files = readdirSync(folder).filter((name) => /^(?!fail|faults).*\.root\.test\.ts$/.test(name));
  const text = (await Promise.all(files.map((name) => Bun.file(`${folder}/${name}`).text()))).join("\n");
  const used = new Set([...text.matchAll(/\bop\(\s*"(\w+)"/g)].map((match) => match[1]));
  expect(operationNames.filter((name) => !used.has(name))).toEqual([]);
});
