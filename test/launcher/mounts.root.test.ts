/** Mounts as a process inside the plan's mount namespace sees them. None of them may reach the host's. */
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import {
  AT_RECURSIVE,
  CLONE,
  FSCONFIG,
  MNT_DETACH,
  MOUNT_ATTR,
  MS,
  O,
  OPEN_TREE_CLONE,
  RESOLVE,
  S,
} from "../../src/kernel/linux.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import { builds, failure, privateMounts, scratch, shell, succeed } from "./_run.ts";

const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const EACCES = 13;
const EBUSY = 16;
const ENODEV = 19;
const ENOTDIR = 20;
const EINVAL = 22;

const open = (path: string, out: number, flags: number = O.PATH) => op("open", { path, flags, out }, "test");
const tmpfs = (out: number, attributes = 0, ...options: [key: string, value: string][]): Operation[] => [
  op("fsopen", { type: "tmpfs", out: 30 }, "test"),
  op("fsconfig", { slot: 30, command: FSCONFIG.SET_STRING, key: "source", value: "tested" }, "test"),
  ...options.map(([key, value]) =>
    op("fsconfig", { slot: 30, command: FSCONFIG.SET_STRING, key, value }, "test"),
  ),
  op("fsconfig", { slot: 30, command: FSCONFIG.CREATE }, "test"),
  op("fsmount", { slot: 30, attributes, out }, "test"),
  op("close", { slot: 30 }, "test"),
];
/** Options of the mount and of its file system. */
const shown = (path: string) =>
  shell(`findmnt -n -o VFS-OPTIONS,FS-OPTIONS,SOURCE,PROPAGATION -r --mountpoint ${path}`);

describe.each(builds)("%s", (build) => {
  const run = (...parent: Operation[]) => succeed({ parent: [...privateMounts(), ...parent] }, { build });
  const fail = async (...parent: Operation[]) => {
    const { index, errno, detail } = await failure({ parent: [...privateMounts(), ...parent] }, { build });
    return { index: index - 2, errno, detail };
  };

  test("nothing that is mounted in a plan's namespace is seen on the host", async () => {
    using folder = scratch();
    const before = readFileSync("/proc/self/mountinfo", "utf8").split("\n").length;
    await run(
      ...tmpfs(20),
      open(folder.path, 21),
      op("move_mount", { from: 20, to: 21 }, "test"),
      shown(folder.path),
    );
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(folder.path);
    expect(before).toBeGreaterThan(0);
  });

  describe("a file system", () => {
    test("is made detached with its options and flags, then attached to a descriptor", async () => {
      using folder = scratch();
      const flags = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.RDONLY;
      const out = await run(
        ...tmpfs(20, flags, ["size", "64k"], ["mode", "711"]),
        open(folder.path, 21),
        op("move_mount", { from: 20, to: 21 }, "test"),
        shown(folder.path),
      );
      expect(out).toMatch(/^ro,nosuid,noexec,relatime rw,size=64k,mode=711(,inode64)? tested private\n$/);
    });

    test("of no known type, with no known option, or made twice, is refused with the kernel's words", async () => {
      expect(await fail(op("fsopen", { type: "no-such-fs", out: 20 }, "test"))).toMatchObject({
        errno: ENODEV,
      });
      const bad = await fail(...tmpfs(20, 0, ["colour", "red"]));
      expect(bad).toMatchObject({ index: 2, errno: EINVAL });
      expect(bad.detail).toContain("Unknown parameter 'colour'");
      const value = await fail(...tmpfs(20, 0, ["size", "much"]));
      expect(value.detail).toContain("Bad value for 'size'");
      const early = await fail(
        op("fsopen", { type: "tmpfs", out: 30 }, "test"),
        op("fsmount", { slot: 30, out: 20 }, "test"),
      );
      expect(early).toMatchObject({ index: 1, errno: EINVAL });
      expect(await fail(op("fsmount", { slot: 31, out: 20 }, "test"))).toMatchObject({ errno: EBADF });
    });

    test("takes a word without a value", async () => {
      using folder = scratch();
      const out = await run(
        op("fsopen", { type: "tmpfs", out: 30 }, "test"),
        op("fsconfig", { slot: 30, command: FSCONFIG.SET_FLAG, key: "ro" }, "test"),
        op("fsconfig", { slot: 30, command: FSCONFIG.CREATE }, "test"),
        op("fsmount", { slot: 30, out: 20 }, "test"),
        open(folder.path, 21),
        op("move_mount", { from: 20, to: 21 }, "test"),
        shell(`touch ${folder.path}/x 2>&1 || true`),
      );
      expect(out).toContain("Read-only file system");
    });

    test("by mount(2) lies where its path or its descriptor says", async () => {
      using folder = scratch();
      for (const where of [{ target: folder.path }, { to: 20 }]) {
        const mount = op(
          "mount",
          { ...where, source: "old", type: "tmpfs", flags: MS.NODEV, data: "size=16k" },
          "test",
        );
        expect(await run(open(folder.path, 20), mount, shown(folder.path))).toStartWith(
          "rw,nodev,relatime rw,size=16k",
        );
      }
      const bad = op("mount", { target: folder.path, type: "tmpfs", data: "size=much" }, "test");
      expect(await fail(bad)).toMatchObject({ errno: EINVAL });
      expect(await fail(op("mount", { target: `${folder.path}/no`, type: "tmpfs" }, "test"))).toMatchObject({
        errno: ENOENT,
      });
    });

    test("is gone after umount", async () => {
      using folder = scratch();
      const mount = op("mount", { target: folder.path, type: "tmpfs" }, "test");
      const away = op("umount", { path: folder.path, flags: MNT_DETACH }, "test");
      expect(await run(mount, away, shell(`mountpoint ${folder.path} || true`))).toContain(
        "is not a mountpoint",
      );
      expect(await fail(mount, away, away)).toMatchObject({ index: 2, errno: EINVAL });
      const busy = [
        mount,
        op("chdir", { path: folder.path }, "test"),
        op("umount", { path: folder.path }, "test"),
      ];
      expect(await fail(...busy)).toMatchObject({ index: 2, errno: EBUSY });
    });

    test("gets the mode of the folder that it covers, unless that was made for it", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/old`);
      chmodSync(`${folder.path}/old`, 0o1750);
      const over = (name: string) => [
        ...tmpfs(20),
        open(folder.path, 22),
        op("mount_point", { dir: 22, path: name, resolve: RESOLVE.IN_ROOT, out: 21 }, "test"),
        op("copy_mode", { from: 21, to: 20 }, "test"),
        op("move_mount", { from: 20, to: 21 }, "test"),
        shell(`stat -c %a ${folder.path}/${name}`),
      ];
      expect(await run(...over("old"))).toBe("1750\n");
      expect(await run(...over("new"))).toBe("1777\n");
      expect(await fail(op("copy_mode", { from: 21, to: 20 }, "test"))).toMatchObject({ errno: EBADF });
    });
  });

  describe("a bind mount", () => {
    const bind = (source: string, target: string, ...between: Operation[]) => [
      op("open_tree", { path: source, flags: OPEN_TREE_CLONE | AT_RECURSIVE, out: 20 }, "test"),
      ...between,
      open(target, 21),
      op("move_mount", { from: 20, to: 21 }, "test"),
    ];

    test("shows the same folder, with attributes of its own", async () => {
      using folder = scratch();
      for (const name of ["from", "to"]) mkdirSync(`${folder.path}/${name}`);
      writeFileSync(`${folder.path}/from/file`, "bound");
      const set = op("mount_setattr", { slot: 20, set: MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOEXEC }, "test");
      const to = `${folder.path}/to`;
      const out = await run(
        ...bind(`${folder.path}/from`, to, set),
        shell(`cat ${to}/file; touch ${to}/x 2>&1 || true; touch ${folder.path}/from/x`),
      );
      expect(out).toMatch(/^boundtouch: .*Read-only file system\n$/);
    });

    test("of a tree changes its attributes recursively only when it is told to", async () => {
      using folder = scratch();
      for (const name of ["from/below", "to"]) mkdirSync(`${folder.path}/${name}`, { recursive: true });
      const below = op("mount", { target: `${folder.path}/from/below`, type: "tmpfs" }, "test");
      for (const [recursive, options] of [
        [0, "rw"],
        [1, "ro"],
      ] as const) {
        const set = op("mount_setattr", { slot: 20, set: MOUNT_ATTR.RDONLY, recursive }, "test");
        const out = await run(
          below,
          ...bind(`${folder.path}/from`, `${folder.path}/to`, set),
          shown(`${folder.path}/to/below`),
        );
        expect(out).toStartWith(`${options},`);
      }
    });

    test("gets the propagation that it is told", async () => {
      using folder = scratch();
      const shared = op("mount_setattr", { slot: 20, propagation: MS.SHARED }, "test");
      expect(await run(...bind("/usr/share", folder.path, shared), shown(folder.path))).toEndWith("shared\n");
      expect(
        await fail(
          ...bind("/usr/share", folder.path, op("mount_setattr", { slot: 20, propagation: 3 }, "test")),
        ),
      ).toMatchObject({
        index: 1,
        errno: EINVAL,
      });
    });

    test("is resolved below a slot, so that links stay inside the root", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/root/etc`, { recursive: true });
      mkdirSync(`${folder.path}/to`);
      writeFileSync(`${folder.path}/root/etc/passwd`, "inside");
      symlinkSync("/etc", `${folder.path}/root/link`);
      const tree = op(
        "open_tree",
        { dir: 22, path: "link", resolve: RESOLVE.IN_ROOT, flags: OPEN_TREE_CLONE, out: 20 },
        "test",
      );
      const out = await run(
        open(`${folder.path}/root`, 22),
        tree,
        open(`${folder.path}/to`, 21),
        op("move_mount", { from: 20, to: 21 }, "test"),
        shell(`cat ${folder.path}/to/passwd`),
      );
      expect(out).toBe("inside");
    });

    test("of a descriptor alone is a bind of what it is", async () => {
      using folder = scratch();
      const tree = op("open_tree", { dir: 22, flags: OPEN_TREE_CLONE, out: 20 }, "test");
      writeFileSync(`${folder.path}/file`, "");
      const move = op("move_mount", { from: 20, to: 21 }, "test");
      const out = await run(
        open("/etc/hostname", 22),
        tree,
        open(`${folder.path}/file`, 21),
        move,
        shell(`cat ${folder.path}/file`),
      );
      expect(out).toBe(readFileSync("/etc/hostname", "utf8"));
      expect(await fail(open("/etc/hostname", 22), tree, open(folder.path, 21), move)).toMatchObject({
        index: 3,
        errno: EINVAL,
      });
      expect(
        await fail(op("open_tree", { path: "/no/such", flags: OPEN_TREE_CLONE, out: 20 }, "test")),
      ).toMatchObject({ errno: ENOENT });
    });

    test("with an id map shows other owners", async () => {
      using folder = scratch();
      for (const name of ["from", "to"]) mkdirSync(`${folder.path}/${name}`);
      writeFileSync(`${folder.path}/from/file`, "");
      chownSync(`${folder.path}/from/file`, 3, 4);
      const userns = op(
        "userns",
        { proc: 23, out: 24, uidMap: "0 5000 10\n", gidMap: "0 6000 10\n" },
        "test",
      );
      const map = op("mount_setattr", { slot: 20, set: MOUNT_ATTR.IDMAP, userns: 24 }, "test");
      const plan = [open("/proc", 23), userns, ...bind(`${folder.path}/from`, `${folder.path}/to`, map)];
      expect(await run(...plan, shell(`stat -c '%u %g' ${folder.path}/to/file`))).toBe("5003 6004\n");
      const bad = op("userns", { proc: 23, out: 24, uidMap: "none", gidMap: "0 6000 10\n" }, "test");
      expect(await fail(open("/proc", 23), bad)).toMatchObject({ index: 1, errno: EINVAL });
      expect(
        await fail(op("userns", { proc: 23, out: 24, uidMap: "0 0 1\n", gidMap: "0 0 1\n" }, "test")),
      ).toMatchObject({ errno: EBADF });
    });
  });

  describe("the root", () => {
    const newRoot = (path: string) => [
      op("mount", { target: path, source: path, flags: MS.BIND | MS.REC }, "test"),
      open(path, 20, O.PATH | O.DIRECTORY),
      op("fchdir", { slot: 20 }, "test"),
    ];

    test("is another after pivot_root, with nothing of the old one", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/bin`);
      await Bun.write(`${folder.path}/bin/sh`, Bun.file("/usr/bin/busybox"));
      chmodSync(`${folder.path}/bin/sh`, 0o755);
      const out = await run(
        ...newRoot(folder.path),
        open("/", 21, O.RDONLY | O.DIRECTORY),
        op("pivot_root", {}, "test"),
        op("fchdir", { slot: 21 }, "test"),
        op("umount", { path: ".", flags: MNT_DETACH }, "test"),
        op("chdir", { path: "/" }, "test"),
        op("check_cwd", {}, "test"),
        op("run", { path: "/bin/sh", argv: ["sh", "-c", "echo /*"] }, "test"),
      );
      expect(out).toBe("/bin\n");
    });

    test("cannot be a folder that is no mount", async () => {
      using folder = scratch();
      const failed = await fail(op("chdir", { path: folder.path }, "test"), op("pivot_root", {}, "test"));
      expect(failed.index).toBe(1);
      // On the root's own mount it would be its own parent; on another it is just not where one is mounted.
      expect([EBUSY, EINVAL]).toContain(failed.errno);
      expect(await fail(op("fchdir", { slot: 20 }, "test"))).toMatchObject({ errno: EBADF });
    });

    test("is another after chroot", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/only`);
      await run(
        op("chroot", { path: folder.path }, "test"),
        op("chdir", { path: "/only" }, "test"),
        op("check_cwd", {}, "test"),
      );
      expect(await fail(op("chroot", { path: "/etc/passwd" }, "test"))).toMatchObject({ errno: ENOTDIR });
    });
  });

  describe("the working directory", () => {
    const user = (uid: number) => [op("setgid", { id: uid }, "test"), op("setuid", { id: uid }, "test")];

    test("outside the root is refused, however it was reached", async () => {
      using folder = scratch();
      const check = op("check_cwd", {}, "test");
      const outside = [
        open("/etc", 20),
        op("chroot", { path: folder.path }, "test"),
        op("fchdir", { slot: 20 }, "test"),
      ];
      expect(await fail(...outside, check)).toMatchObject({ index: 3, errno: ENOENT });
      const gone = [
        op("mkdir", { path: `${folder.path}/x` }, "test"),
        op("chdir", { path: `${folder.path}/x` }, "test"),
      ];
      const unlink = op("unlink", { path: `${folder.path}/x`, flags: 0x200 }, "test");
      expect(await fail(...gone, unlink, check)).toMatchObject({ index: 3, errno: ENOENT });
    });

    test("that root may not enter waits for the user who may", async () => {
      using folder = scratch(1000);
      chmodSync(folder.path, 0o700);
      const none = op("capset", { effective: 0, permitted: 0xc0n }, "test"); // CAP_SETGID and CAP_SETUID, later
      const some = op("capset", { effective: 0xc0n, permitted: 0xc0n }, "test");
      const first = op("chdir", { path: folder.path, first: 1 }, "test");
      const late = op("chdir", { path: folder.path, late: 1 }, "test");
      const pwd = op("run", { path: "/bin/pwd", argv: ["pwd"] }, "test");
      expect(await run(none, first, some, ...user(1000), late, pwd)).toBe(`${folder.path}\n`);
      expect(await fail(none, first, some, ...user(1001), late)).toMatchObject({ index: 5, errno: EACCES });
      expect(await fail(none, op("chdir", { path: folder.path }, "test"))).toMatchObject({
        index: 1,
        errno: EACCES,
      });
    });

    test("that was entered at first is not entered again, although the user may not", async () => {
      using folder = scratch();
      chmodSync(folder.path, 0o700);
      const first = op("chdir", { path: folder.path, first: 1 }, "test");
      const late = op("chdir", { path: folder.path, late: 1 }, "test");
      await run(first, ...user(1000), late, op("check_cwd", {}, "test"));
      expect(await fail(op("chdir", { path: "/no/such", first: 1 }, "test"))).toMatchObject({
        errno: ENOENT,
      });
    });
  });

  describe("mask_path", () => {
    const mask = (path: string, more = {}) => op("mask_path", { dir: 20, null: 21, path, ...more }, "test");
    const tree = (root: string) => {
      mkdirSync(`${root}/folder`);
      writeFileSync(`${root}/folder/inside`, "secret");
      writeFileSync(`${root}/file`, "secret");
      return [open(root, 20, O.PATH | O.DIRECTORY), open("/dev/null", 21)];
    };

    test("covers a file with /dev/null and a folder with an empty one that is read-only", async () => {
      using folder = scratch();
      const out = await run(
        ...tree(folder.path),
        mask("/file"),
        mask("/folder"),
        shell(`cd ${folder.path}; cat file; stat -c %F file; ls folder; touch folder/x 2>&1 || true`),
      );
      expect(out).toMatch(/^character special file\ntouch: .*Read-only file system\n$/);
    });

    test("covers what a link leads to, below the root", async () => {
      using folder = scratch();
      const opened = tree(folder.path);
      symlinkSync("/file", `${folder.path}/link`);
      symlinkSync("/etc/hostname", `${folder.path}/host`);
      expect(await run(...opened, mask("/link"), shell(`cat ${folder.path}/file; cat /etc/hostname`))).toBe(
        readFileSync("/etc/hostname", "utf8"),
      );
      expect(await fail(...opened, mask("/host"))).toMatchObject({ index: 2, errno: ENOENT });
    });

    test("refuses a /dev/null that is something else", async () => {
      using folder = scratch();
      const [root] = tree(folder.path);
      if (!root) throw new Error("no root");
      writeFileSync(`${folder.path}/fake`, "fake");
      const fake = (path: string) => [root, open(path, 21), mask("/file")];
      for (const path of [`${folder.path}/fake`, "/dev/zero", folder.path])
        expect(await fail(...fake(path))).toMatchObject({ index: 2, errno: ENODEV });
      const node = op(
        "mknod",
        { dir: 20, path: "block", mode: S.IFBLK | 0o666, device: (1 << 8) | 3 },
        "test",
      );
      expect(await fail(root, node, open(`${folder.path}/block`, 21), mask("/file"))).toMatchObject({
        index: 3,
        errno: ENODEV,
      });
      expect(await fail(root, mask("/file"))).toMatchObject({ index: 1, errno: EBADF });
      await run(root, mask("/folder"));
    });

    test("reports a path that is not there, and an option that the kernel refuses", async () => {
      using folder = scratch();
      const opened = tree(folder.path);
      expect(await fail(...opened, mask("/none"))).toMatchObject({ errno: ENOENT });
      expect(await fail(...opened, mask("/file/none"))).toMatchObject({ errno: ENOTDIR });
      const labelled = await fail(...opened, mask("/folder", { options: "no:such:label:s0" }));
      expect([EINVAL, EPERM]).toContain(labelled.errno);
    });
  });

  test("a new mount namespace is left by nobody but who was told to", async () => {
    const plan = [op("unshare", { flags: CLONE.NEWNS }, "test"), shell("readlink /proc/self/ns/mnt")];
    expect((await succeed({ parent: plan }, { build })).trim()).not.toBe(
      Bun.spawnSync(["readlink", "/proc/self/ns/mnt"]).stdout.toString().trim(),
    );
    expect(await fail(op("unshare", { flags: 1 }, "test"))).toMatchObject({ errno: EINVAL });
  });
});
