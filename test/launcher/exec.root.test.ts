/** How the program is found, what it starts with, and what HOME it gets from a passwd file that the image's author wrote. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { makeFifo } from "../../src/kernel/libc.ts";
import { op } from "../../src/runtime/native/plan/operations.ts";
import { builds, failure, launch, scratch } from "./_run.ts";

const ENOENT = 2;
const EACCES = 13;
const EISDIR = 21;
const ENAMETOOLONG = 36;

const find = (name: string, path = "") => op("find_exec", { name, path }, "test");
const exec = (argv: readonly string[], env: readonly string[] = []) => op("exec", { argv, env }, "test");

describe.each(builds)("%s", (build) => {
  describe("find_exec", () => {
    /** Folders a, b and c; `script` puts programs there. */
    function folders() {
      const folder = scratch();
      for (const name of ["a", "b", "c"]) mkdirSync(`${folder.path}/${name}`);
      const program = (name: string, mode = 0o755) => {
        writeFileSync(`${folder.path}/${name}`, `#!/bin/sh\necho ${name}\n`);
        chmodSync(`${folder.path}/${name}`, mode);
      };
      return { path: folder.path, program, [Symbol.dispose]: () => folder[Symbol.dispose]() };
    }
    const ran = async (cwd: string, name: string, path: string) => {
      const parent = [op("chdir", { path: cwd }, "test"), find(name, path), exec([name])];
      const { status, stdout, stderr } = await launch({ parent }, { build });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      return stdout.trim();
    };
    const errno = async (cwd: string, name: string, path: string) => {
      const report = await failure(
        { parent: [op("chdir", { path: cwd }, "test"), find(name, path)] },
        { build },
      );
      expect(report.index).toBe(1);
      return report.errno;
    };

    test("takes the first program on the path that may be executed", async () => {
      using at = folders();
      const path = ["none", "a", "b", "c"].map((name) => `${at.path}/${name}`).join(":");
      at.program("c/tool");
      expect(await ran("/", "tool", path)).toBe("c/tool");
      at.program("b/tool");
      expect(await ran("/", "tool", path)).toBe("b/tool");
      at.program("a/tool", 0o644);
      expect(await ran("/", "tool", path)).toBe("b/tool");
    });

    test("passes over folders of that name and dangling links", async () => {
      using at = folders();
      mkdirSync(`${at.path}/a/tool`);
      symlinkSync("/no/where", `${at.path}/b/tool`);
      at.program("c/tool");
      expect(await ran(at.path, "tool", "a:b:c")).toBe("c/tool");
      expect(await errno(at.path, "tool", "a:b")).toBe(ENOENT);
    });

    test("tells a program without the right to execute from one that is not there", async () => {
      using at = folders();
      at.program("a/tool", 0o644);
      expect(await errno(at.path, "tool", "a:b")).toBe(EACCES);
      expect(await errno(at.path, "tool", "b:c")).toBe(ENOENT);
      expect(await errno(at.path, "tool", "")).toBe(ENOENT);
      expect(await errno(at.path, "", "a")).toBe(ENOENT);
    });

    test("takes an empty part of the path for the working directory", async () => {
      using at = folders();
      at.program("tool");
      for (const path of [":/none", "/none::/none2", "/none:", ":"])
        expect(await ran(at.path, "tool", path)).toBe("tool");
    });

    test("does not search for a name with a slash", async () => {
      using at = folders();
      at.program("a/tool");
      at.program("c/plain", 0o644);
      expect(await ran(at.path, "a/tool", "/none")).toBe("a/tool");
      expect(await ran("/", `${at.path}/a/tool`, "")).toBe("a/tool");
      expect(await errno(at.path, "b/tool", `${at.path}/a`)).toBe(ENOENT);
      expect(await errno(at.path, "./a", "")).toBe(EISDIR);
      expect(await errno(at.path, "./c/plain", "")).toBe(EACCES);
    });

    test("refuses a name that is longer than a path can be", async () => {
      expect(await errno("/", `/${"x/".repeat(3000)}`, "")).toBe(ENAMETOOLONG);
      expect(await errno("/", "x".repeat(5000), "/bin")).toBe(ENAMETOOLONG);
    });

    test("asks as the user that the process is", async () => {
      using at = folders();
      chmodSync(at.path, 0o755);
      at.program("a/tool", 0o700);
      const user = [op("setgid", { id: 1000 }, "test"), op("setuid", { id: 1000 }, "test")];
      const report = await failure({ parent: [...user, find(`${at.path}/a/tool`)] }, { build });
      expect(report.errno).toBe(EACCES);
    });
  });

  describe("exec", () => {
    const shell = find("/bin/sh");

    test("gives the program its arguments and environment, and its status is the end", async () => {
      const parent = [
        shell,
        exec(["name", "-c", 'echo "$0" "$@"; env; exit 7', "zero", "one two", ""], ["A=1", "B=x=y"]),
      ];
      const { status, stdout, reports } = await launch({ parent }, { build });
      expect(stdout.split("\n").toSorted()).toEqual([
        "",
        "A=1",
        "B=x=y",
        `PWD=${process.cwd()}`,
        "zero one two ",
      ]);
      expect({ status, reports }).toEqual({ status: 7, reports: [] });
    });

    test("leaves no descriptor open but those below the first that is closed", async () => {
      const folder = openSync("/etc", "r");
      const parent = [
        op("open", { path: "/etc", out: 20 }, "test"),
        op("dup", { slot: 20, fd: 3 }, "test"),
        op("close_range", { first: 4 }, "test"),
        find("/bin/sh"),
        exec(["sh", "-c", "for fd in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && echo $fd; done"]),
      ];
      expect((await launch({ parent }, { build, fds: [folder, folder] })).stdout).toBe("0\n1\n2\n3\n");
      closeSync(folder);
    });

    test.each([
      ["no program at all", "nothing to run", "exec format error"],
      ["a program whose interpreter is missing", "#!/no/such/interpreter\n", "no such file or directory"],
    ])("says why it cannot run %s, with status 255", async (_, text, words) => {
      using folder = scratch();
      const file = `${folder.path}/file`;
      writeFileSync(file, text);
      chmodSync(file, 0o755);
      const { status, stderr, reports } = await launch({ parent: [find(file), exec([file])] }, { build });
      expect({ status, stderr }).toEqual({ status: 255, stderr: `exec ${file}: ${words}\n` });
      expect(reports).toMatchObject([{ kind: "failed", stage: "parent", index: 1 }]);
    });

    test("says so when the arguments are too long", async () => {
      const { status, stderr } = await launch(
        { parent: [shell, exec(["sh", "x".repeat(200_000)])] },
        { build },
      );
      expect({ status, stderr }).toEqual({ status: 255, stderr: "exec /bin/sh: argument list too long\n" });
    });
  });

  describe("home", () => {
    /** HOME of user 1000 with this passwd file: a chroot with nothing but env and the file. */
    async function home(make: (path: string) => void): Promise<string> {
      using folder = scratch();
      mkdirSync(`${folder.path}/etc`);
      await Bun.write(`${folder.path}/env`, Bun.file("/usr/bin/busybox"));
      chmodSync(`${folder.path}/env`, 0o755);
      make(`${folder.path}/etc/passwd`);
      const parent = [
        op("chroot", { path: folder.path }, "test"),
        op("home", { uid: 1000 }, "test"),
        find("/env"),
        exec(["env"], ["FIRST=1"]),
      ];
      const { status, stdout } = await launch({ parent }, { build });
      expect(status).toBe(0);
      expect(stdout).toStartWith("FIRST=1\nHOME=/");
      return stdout.slice("FIRST=1\nHOME=".length, -1);
    }
    const text = (content: string | Uint8Array) => home((path) => writeFileSync(path, content));
    const good = "user:x:1000:1000:A User:/home/user:/bin/sh\n";

    test("is that of the line with the user's number", async () => {
      expect(await text(`root:x:0:0:root:/root:/bin/sh\n${good}`)).toBe("/home/user");
      expect(await text(`${good}second:x:1000:1:second:/home/second:/bin/sh\n`)).toBe("/home/user");
      expect(await text(good.trimEnd())).toBe("/home/user");
      expect(await text("user:x:01000:1000::/zeros:/bin/sh")).toBe("/zeros");
      expect(await text("user:x:1000:1000::/no/shell\n")).toBe("/no/shell");
    });

    test("is / where there is no such line, or none that can be used", async () => {
      expect(await text("")).toBe("/");
      expect(await text("root:x:0:0:root:/root:/bin/sh\n")).toBe("/");
      for (const line of [
        "user:x:1000:1000:A User:relative:/bin/sh",
        "user:x:1000:1000:A User::/bin/sh",
        "user:x:1000:1000",
        "user:x:+1000:1000::/home:/bin/sh",
        "user:x: 1000:1000::/home:/bin/sh",
        "user:x:10000000000000000000000001000:1000::/home:/bin/sh",
        "user:x:4294968296:1000::/home:/bin/sh",
        `user:x:1000:1000::/${"x".repeat(2000)}:/bin/sh`,
        "1000:1000:1000:1000",
      ])
        expect({ line, home: await text(`${line}\n`) }).toEqual({ line, home: "/" });
    });

    test("does not stop at lines that are long, empty or full of other bytes", async () => {
      expect(await text(`${"x".repeat(100_000)}\n\n\n:::::::\n${good}`)).toBe("/home/user");
      expect(await text(`long:x:1:1:${"y".repeat(4090)}:/h:/s\n${good}`)).toBe("/home/user");
      expect(
        await text(new Uint8Array([...new Uint8Array(5000), 10, ...new TextEncoder().encode(good)])),
      ).toBe("/home/user");
      expect(await text(new TextEncoder().encode(`user:x:1000:1000::/ho\0me:/bin/sh\n`))).toBe("/");
      expect(await text(`user:x:1000:1000::/ünï:/bin/sh\n`)).toBe("/ünï");
    });

    test("is found wherever a block of the file ends", async () => {
      for (const at of [4080, 4090, 4095, 4096, 4100, 8185])
        expect(await text(`${"#".repeat(at)}\n${good}`)).toBe("/home/user");
    });

    test("is / where the file is missing, a pipe, a folder, a device or a dangling link", async () => {
      expect(await home(() => {})).toBe("/");
      expect(await home((path) => makeFifo(path, 0o666))).toBe("/");
      expect(await home((path) => mkdirSync(path))).toBe("/");
      expect(await home((path) => Bun.spawnSync(["mknod", path, "c", "1", "5"]))).toBe("/");
      expect(await home((path) => symlinkSync("/no/where", path))).toBe("/");
      expect(await home((path) => symlinkSync("passwd", path))).toBe("/");
    });

    test("of a file of a gigabyte is looked for in its beginning only", async () => {
      const large = (path: string, line: string, at: number) => {
        writeFileSync(path, "");
        truncateSync(path, 1 << 30);
        const fd = openSync(path, "r+");
        Bun.spawnSync(["dd", `of=${path}`, "bs=1", `seek=${at}`, "conv=notrunc"], {
          stdin: new TextEncoder().encode(`\n${line}`),
        });
        ftruncateSync(fd, 1 << 30);
        closeSync(fd);
      };
      expect(await home((path) => large(path, good, 1 << 20))).toBe("/home/user");
      expect(await home((path) => large(path, good, 1 << 25))).toBe("/");
    });
  });
});
