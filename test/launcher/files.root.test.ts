/** What the operations on files do, seen by the host. */
import { describe, expect, test } from "bun:test";
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { O, RESOLVE, S } from "../../src/kernel/linux.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import { builds, failure, privateMounts, scratch, shell, succeed } from "./_run.ts";

const ENOENT = 2;
const EBADF = 9;
const EEXIST = 17;
const EXDEV = 18;
const ENOTDIR = 20;
const EINVAL = 22;
const root = 20;

const openRoot = (path: string) => op("open", { path, flags: O.PATH | O.DIRECTORY, out: root }, "test");

describe.each(builds)("%s", (build) => {
  const run = (...parent: Operation[]) => succeed({ parent }, { build });
  const fail = async (...parent: Operation[]) => {
    const { stage, index, errno } = await failure({ parent }, { build });
    return { stage, index, errno };
  };

  describe("open", () => {
    test("makes a file with its mode when it is told to", async () => {
      using folder = scratch();
      const path = `${folder.path}/new`;
      await run(
        op("umask", { mask: 0 }, "test"),
        op("open", { path, flags: O.WRONLY | O.CREAT | O.EXCL, mode: 0o640, out: 20 }, "test"),
      );
      expect(statSync(path).mode & 0o7777).toBe(0o640);
    });

    test("resolves below the slot that it is given, and absolute links too", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/etc`);
      writeFileSync(`${folder.path}/etc/passwd`, "inside");
      symlinkSync("/etc/passwd", `${folder.path}/link`);
      const file = op("open", { dir: root, path: "link", resolve: RESOLVE.IN_ROOT, out: 21 }, "test");
      const stdin = op("dup", { slot: 21, fd: 0 }, "test");
      expect(await run(openRoot(folder.path), file, stdin, shell("cat"))).toBe("inside");
    });

    test("fails with the kernel's errno, and in an empty slot with EBADF", async () => {
      using folder = scratch();
      const outside = op("open", { dir: root, path: "../..", resolve: RESOLVE.BENEATH, out: 21 }, "test");
      expect(await fail(openRoot(folder.path), outside)).toEqual({ stage: "parent", index: 1, errno: EXDEV });
      expect(await fail(op("open", { dir: 30, path: "x", out: 21 }, "test"))).toMatchObject({ errno: EBADF });
      expect(await fail(op("open", { path: "/", out: 1024 }, "test"))).toMatchObject({ errno: 34 });
    });
  });

  test("a slot that is filled again closes what it held", async () => {
    // Counted are those of the root alone: others may have been inherited from whoever runs the tests.
    const count = "for fd in /proc/$PPID/fd/*; do readlink $fd; done | grep -cx /";
    const fds = op("hook", { path: "/bin/sh", argv: ["sh", "-c", count] }, "test");
    const once = openRoot("/");
    expect(await run(once, fds)).toBe("1\n");
    expect(await run(once, once, once, fds)).toBe("1\n");
  });

  test("close empties the slot, and a second close fails", async () => {
    const close = op("close", { slot: root }, "test");
    expect(await fail(openRoot("/"), close, close)).toEqual({ stage: "parent", index: 2, errno: EBADF });
  });

  describe("adopt", () => {
    test("takes a descriptor of the caller's into a slot, and no further", async () => {
      using folder = scratch();
      await Bun.write(`${folder.path}/file`, "text");
      const fd = openSync(`${folder.path}/file`, "r");
      const parent = [
        op("check_fd", { fd: 5 }, "test"),
        op("adopt", { fd: 5, out: 20 }, "test"),
        shell("test -e /proc/self/fd/5 || echo gone"),
        op("dup", { slot: 20, fd: 0 }, "test"),
        shell("cat"),
      ];
      expect(await succeed({ parent }, { build, fds: [fd] })).toBe("gone\ntext");
      closeSync(fd);
    });

    test("and check_fd refuse a descriptor that is not open", async () => {
      expect(await fail(op("adopt", { fd: 77, out: 20 }, "test"))).toMatchObject({ errno: EBADF });
      expect(await fail(op("check_fd", { fd: 77 }, "test"))).toMatchObject({ errno: EBADF });
    });
  });

  test("check_fs tells a real procfs from a folder that looks like one", async () => {
    const PROC = 0x9fa0;
    const check = op("check_fs", { slot: root, magic: PROC }, "test");
    await run(openRoot("/proc"), check);
    using folder = scratch();
    expect(await fail(openRoot(folder.path), check)).toEqual({ stage: "parent", index: 1, errno: EXDEV });
  });

  test("mkdir makes one folder, with its mode, and not those above", async () => {
    using folder = scratch();
    const path = `${folder.path}/a`;
    await run(op("umask", { mask: 0 }, "test"), op("mkdir", { path, mode: 0o1777 }, "test"));
    expect(statSync(path).mode & 0o7777).toBe(0o1777);
    expect(await fail(op("mkdir", { path }, "test"))).toMatchObject({ errno: EEXIST });
    expect(await fail(op("mkdir", { path: `${folder.path}/b/c` }, "test"))).toMatchObject({ errno: ENOENT });
  });

  describe("write", () => {
    test("writes its data at once, and bytes of any value", async () => {
      using folder = scratch();
      const path = `${folder.path}/file`;
      const data = Uint8Array.from({ length: 70_000 }, (_, i) => i);
      await run(op("write", { path, flags: O.WRONLY | O.CREAT, mode: 0o600, data }, "test"));
      expect(new Uint8Array(readFileSync(path))).toEqual(data);
    });

    test("does not make a file unless it is told to, and reports what the file says of the data", async () => {
      using folder = scratch();
      const path = `${folder.path}/file`;
      expect(await fail(op("write", { path, data: "x" }, "test"))).toMatchObject({ errno: ENOENT });
      const bad = op("write", { path: "/proc/self/oom_score_adj", data: "none" }, "test");
      expect(await fail(bad)).toMatchObject({ errno: EINVAL });
    });

    test("takes a write that is cut short for a failure", async () => {
      using folder = scratch();
      const data = "x".repeat(8192);
      const limit = op("setrlimit", { resource: 1, soft: 4096, hard: 4096 }, "test");
      const ignore = op(
        "write",
        { path: `${folder.path}/file`, flags: O.WRONLY | O.CREAT, mode: 0o600, data },
        "test",
      );
      expect(await fail(limit, ignore)).toEqual({ stage: "parent", index: 1, errno: 5 });
    });
  });

  test("write_pid writes the id of init as the host sees it", async () => {
    using folder = scratch();
    const path = `${folder.path}/pid`;
    writeFileSync(path, "");
    const clone = op("clone", { flags: 0x20000000, stage: 2 }, "test");
    const pid = op("write_pid", { path }, "test");
    await succeed({ parent: [clone, pid], init: [] }, { build });
    expect(Number(readFileSync(path, "utf8"))).toBeGreaterThan(1);
    const missing = op("write_pid", { path: `${path}/x` }, "test");
    expect(await fail(missing)).toMatchObject({ errno: ENOTDIR });
  });

  describe("symlink", () => {
    test("is made inside the root whatever links lead to its folder", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/real`);
      symlinkSync("/real", `${folder.path}/dev`);
      await run(openRoot(folder.path), op("symlink", { dir: root, target: "/x", path: "/dev/fd" }, "test"));
      expect(readlinkSync(`${folder.path}/real/fd`)).toBe("/x");
    });

    test("cannot be made outside of it", async () => {
      using folder = scratch();
      mkdirSync(`${folder.path}/root`);
      symlinkSync("../../../../../../..", `${folder.path}/root/up`);
      const link = op("symlink", { dir: root, target: "/x", path: "up/../escaped" }, "test");
      await run(openRoot(`${folder.path}/root`), link);
      expect(readdirSync(folder.path)).toEqual(["root"]);
      expect(readdirSync(`${folder.path}/root`).toSorted()).toEqual(["escaped", "up"]);
    });

    test("fails where the name is taken or its folder is not there", async () => {
      using folder = scratch();
      const at = (path: string) => op("symlink", { dir: root, target: "/x", path }, "test");
      expect(await fail(openRoot(folder.path), at("a"), at("a"))).toMatchObject({ index: 2, errno: EEXIST });
      expect(await fail(openRoot(folder.path), at("b/c"))).toMatchObject({ index: 1, errno: ENOENT });
      expect(await fail(openRoot(folder.path), at(`${"d".repeat(4100)}/c`))).toMatchObject({ errno: 36 });
    });
  });

  describe("mknod", () => {
    const nullDevice = (1 << 8) | 3;
    const node = (path: string, more: { mode?: number; device?: number; uid?: number; gid?: number } = {}) =>
      op("mknod", { dir: root, path, mode: S.IFCHR | 0o666, device: nullDevice, ...more }, "test");

    test("makes a device with its number, mode and owner whatever the umask", async () => {
      using folder = scratch();
      await run(
        op("umask", { mask: 0o77 }, "test"),
        openRoot(folder.path),
        node("null", { uid: 5, gid: 6 }),
        node("/sda", { mode: S.IFBLK | 0o640, device: (8 << 8) | (300 % 256) | ((300 >> 8) << 20) }),
        node("pipe", { mode: S.IFIFO | 0o600, device: 0 }),
      );
      const stat = lstatSync(`${folder.path}/null`);
      expect({ mode: stat.mode, rdev: stat.rdev, uid: stat.uid, gid: stat.gid }).toEqual({
        mode: S.IFCHR | 0o666,
        rdev: nullDevice,
        uid: 5,
        gid: 6,
      });
      expect(lstatSync(`${folder.path}/sda`)).toMatchObject({ mode: S.IFBLK | 0o640, rdev: 0x10082c });
      expect(lstatSync(`${folder.path}/pipe`).mode).toBe(S.IFIFO | 0o600);
    });

    test("leaves the same device alone and refuses anything else in its place", async () => {
      using folder = scratch();
      await run(openRoot(folder.path), node("null"), node("null"));
      const other = node("null", { device: (1 << 8) | 5 });
      expect(await fail(openRoot(folder.path), other)).toMatchObject({ index: 1, errno: EEXIST });
      writeFileSync(`${folder.path}/file`, "");
      symlinkSync("/dev/null", `${folder.path}/link`);
      for (const path of ["file", "link"])
        expect(await fail(openRoot(folder.path), node(path))).toMatchObject({ errno: EEXIST });
    });

    test("stays inside the root when its folder is a link to the host's", async () => {
      using folder = scratch();
      using host = scratch();
      mkdirSync(`${folder.path}${host.path}`, { recursive: true });
      symlinkSync(host.path, `${folder.path}/dev`);
      await run(openRoot(folder.path), node("/dev/null"));
      expect(readdirSync(host.path)).toEqual([]);
      expect(lstatSync(`${folder.path}${host.path}/null`).rdev).toBe(nullDevice);
      symlinkSync("/no/such/folder", `${folder.path}/dangling`);
      expect(await fail(openRoot(folder.path), node("/dangling/null"))).toMatchObject({ errno: ENOENT });
    });
  });

  test("unlink removes files and, by its flag, folders", async () => {
    using folder = scratch();
    writeFileSync(`${folder.path}/file`, "");
    mkdirSync(`${folder.path}/sub`);
    await run(
      op("unlink", { path: `${folder.path}/file` }, "test"),
      op("unlink", { path: `${folder.path}/sub`, flags: 0x200 }, "test"),
    );
    expect(readdirSync(folder.path)).toEqual([]);
    expect(await fail(op("unlink", { path: `${folder.path}/file` }, "test"))).toMatchObject({
      errno: ENOENT,
    });
  });

  test("chown gives away a file, and the link itself, not what it leads to", async () => {
    using folder = scratch();
    const [file, link] = [`${folder.path}/file`, `${folder.path}/link`];
    writeFileSync(file, "");
    symlinkSync("file", link);
    await run(
      op("chown", { path: link, uid: 4321, gid: 1234 }, "test"),
      op("chown", { path: file, uid: 77 }, "test"),
    );
    expect([lstatSync(link).uid, lstatSync(link).gid]).toEqual([4321, 1234]);
    expect([lstatSync(file).uid, lstatSync(file).gid]).toEqual([77, 0]);
  });

  describe("copy_up", () => {
    const copy = (from: string, to: string) => [
      op("open", { path: from, flags: O.PATH | O.DIRECTORY, out: 20 }, "test"),
      op("open", { path: to, flags: O.PATH | O.DIRECTORY, out: 21 }, "test"),
      op("copy_up", { from: 20, to: 21 }, "test"),
    ];
    const shellIn = (cwd: string, script: string) => {
      const { stdout, stderr } = Bun.spawnSync(["sh", "-e", "-c", script], { cwd });
      expect(stderr.toString()).toBe("");
      return stdout.toString();
    };
    /** All that a file is but its number and the time of its last change; of the top also not that of its content. */
    const listing = (folder: string) =>
      shellIn(folder, "find . -printf '%p %M %U %G %l %s %T@\\n' | sort").replace(
        /^(\. \S+ \d+ \d+ ) .*$/m,
        "$1",
      );
    const [set, get] = process.arch === "arm64" ? [5, 8] : [188, 191];
    // perl is on every Debian; setfattr and getfattr are not.
    const setAttribute = (path: string, name: string, value: string) =>
      `perl -e 'syscall(${set}, @ARGV, length($ARGV[2]), 0) == 0 or die $!' ${path} ${name} ${value}\n`;
    const getAttribute = (path: string, name: string) =>
      `perl -e '$v = " " x 64; $n = syscall(${get}, @ARGV, $v, 64); print substr($v, 0, $n), "\\n"' ${path} ${name}\n`;

    test("copies folders, files, links, devices, pipes, sockets, owners, modes, times and attributes", async () => {
      using from = scratch();
      using to = scratch();
      shellIn(
        from.path,
        `mkdir -m 1777 sticky; mkdir -m 700 own; chown 7:8 own; echo text >own/file; chown 9:10 own/file; chmod 4755 own/file
         touch -d 2001-02-03T04:05:06.789 own/file; head -c 200000 /dev/urandom >big; ln -s /no/where own/link; ln -s ../big sticky/rel
         chown -h 11:12 own/link; mknod -m 640 null c 1 3; mknod -m 600 disk b 8 300; mkfifo -m 622 pipe; touch 'with a
new line'
         ${setAttribute("big", "trusted.one", "first")} ${setAttribute("own", "user.two", "second")}
         touch -d 2002-02-02 own sticky; chmod 751 .; chown 3:4 .`,
      );
      await run(...copy(from.path, to.path));
      expect(listing(to.path)).toBe(listing(from.path));
      expect(readFileSync(`${to.path}/big`)).toEqual(readFileSync(`${from.path}/big`));
      expect(shellIn(to.path, getAttribute("big", "trusted.one") + getAttribute("own", "user.two"))).toBe(
        "first\nsecond\n",
      );
      expect(lstatSync(`${to.path}/disk`).rdev).toBe(lstatSync(`${from.path}/disk`).rdev);
    });

    test("copies many files in one folder, and trees of 60 folders", async () => {
      using from = scratch();
      using to = scratch();
      const deep = Array.from({ length: 60 }, (_, i) => `d${i}`).join("/");
      mkdirSync(`${from.path}/${deep}`, { recursive: true });
      writeFileSync(`${from.path}/${deep}/file`, "deep");
      for (let i = 0; i < 1000; i++) writeFileSync(`${from.path}/file-${i}`, String(i));
      await run(...copy(from.path, to.path));
      expect(listing(to.path)).toBe(listing(from.path));
    });

    test("refuses a tree that is deeper than 64 folders", async () => {
      using from = scratch();
      using to = scratch();
      mkdirSync(`${from.path}/${"d/".repeat(70)}`, { recursive: true });
      expect(await fail(...copy(from.path, to.path))).toMatchObject({ index: 2, errno: 40 });
    });

    test("follows no link, neither on the way nor at the end", async () => {
      using from = scratch();
      using to = scratch();
      using outside = scratch();
      symlinkSync(outside.path, `${from.path}/folder`);
      writeFileSync(`${outside.path}/secret`, "secret");
      symlinkSync(`${outside.path}/secret`, `${from.path}/file`);
      await run(...copy(from.path, to.path));
      expect(lstatSync(`${to.path}/folder`).isSymbolicLink()).toBe(true);
      expect(lstatSync(`${to.path}/file`).isSymbolicLink()).toBe(true);
    });

    test("fills a tmpfs that is not attached yet, and fails where that is full", async () => {
      using from = scratch();
      writeFileSync(`${from.path}/big`, "x".repeat(100_000));
      const tmpfs = (size: string) => [
        op("open", { path: from.path, flags: O.PATH | O.DIRECTORY, out: 20 }, "test"),
        op("fsopen", { type: "tmpfs", out: 21 }, "test"),
        op("fsconfig", { slot: 21, command: 1, key: "size", value: size }, "test"),
        op("fsconfig", { slot: 21, command: 6 }, "test"),
        op("fsmount", { slot: 21, out: 22 }, "test"),
        op("copy_up", { from: 20, to: 22 }, "test"),
      ];
      await run(...privateMounts(), ...tmpfs("1m"));
      expect(await fail(...tmpfs("16k"))).toMatchObject({ index: 5, errno: 28 });
    });
  });

  test("the umask is what it was told", async () => {
    expect(await run(op("umask", { mask: 0o27 }, "test"), shell("umask"))).toBe("0027\n");
  });
});
