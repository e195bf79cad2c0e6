/** Terminals, descriptors, and the foreground that passes bytes and signals between the caller and the container's process. */
import { describe, expect, test } from "bun:test";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { makeFifo } from "../../src/kernel/libc.ts";
import { CLONE, FSCONFIG, O, PR, RESOLVE } from "../../src/kernel/linux.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import { builds, failure, launch, Launched, privateMounts, scratch, shell, succeed } from "./_run.ts";

const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const ECHILD = 10;
const ENOTTY = 25;

const open = (path: string, out: number, flags: number = O.PATH) => op("open", { path, flags, out }, "test");

/** A devpts of its own below `root`/pts, the root in slot 0. */
const devpts = (root: string) => [
  ...privateMounts(),
  open(root, 0),
  op("mkdir", { dir: 0, path: "pts" }, "test", { errnos: "any" }),
  op("fsopen", { type: "devpts", out: 30 }, "test"),
  op("fsconfig", { slot: 30, command: FSCONFIG.SET_FLAG, key: "newinstance" }, "test"),
  op("fsconfig", { slot: 30, command: FSCONFIG.SET_STRING, key: "ptmxmode", value: "0666" }, "test"),
  op("fsconfig", { slot: 30, command: FSCONFIG.CREATE }, "test"),
  op("fsmount", { slot: 30, out: 31 }, "test"),
  op("mount_point", { dir: 0, path: "pts", resolve: RESOLVE.IN_ROOT, out: 32 }, "test"),
  op("move_mount", { from: 31, to: 32 }, "test"),
];
const pty = (more: object = {}) =>
  op("pty", { dir: 0, path: "pts/ptmx", master: 11, slave: 12, ...more }, "test");

/** Until supervise has taken the line ends off: what is written before would have them. A container is started after that. */
const relayed = "until stty -a | grep -q -e -onlcr; do sleep 0.01; done";

/** `script` on a terminal of its own in a process that the launcher supervises. */
const supervised = (root: string, script: string) => ({
  parent: [
    ...devpts(root),
    op("socketpair", { a: 2, b: 3 }, "test"),
    op("socketpair", { a: 10, b: 9 }, "test"),
    op("clone", { stage: 2 }, "test"),
    op("close", { slot: 3 }, "test"),
    op("close", { slot: 9 }, "test"),
    op("receive_fd", { socket: 10, out: 11 }, "test"),
    op("receive", { slot: 2, byte: 1 }, "test"),
    op("supervise", { pid: 0, master: 11 }, "test"),
  ],
  init: [
    op("close", { slot: 2 }, "test"),
    op("prctl", { option: PR.SET_PDEATHSIG, a: 9 }, "test"),
    op("reset_signals", {}, "test"),
    op("setsid", {}, "test"),
    pty(),
    op("send_fd", { socket: 9, slot: 11, data: "pts/ptmx" }, "test"),
    op("close", { slot: 11 }, "test"),
    op("set_terminal", { slot: 12 }, "test"),
    ...[0, 1, 2].map((fd) => op("dup", { slot: 12, fd }, "test")),
    op("close_range", { first: 3, keep: 3 }, "test"),
    op("find_exec", { name: "/bin/sh" }, "test"),
    op("send", { slot: 3, byte: 1 }, "test"),
    op("exec", { argv: ["sh", "-c", `${relayed}; ${script}`], env: ["PATH=/usr/bin:/bin"] }, "test"),
  ],
});

/** Until supervise takes the signals itself: it blocks them all. */
async function supervises({ process }: Launched): Promise<void> {
  while (!/^SigBlk:\tf/m.test(readFileSync(`/proc/${process.pid}/status`, "utf8"))) await Bun.sleep(1);
}

/** A plain child that is supervised: no terminal. */
const child = (script: string, more: object = {}) => ({
  parent: [op("clone", { stage: 2 }, "test"), op("supervise", { pid: 0, ...more }, "test")],
  init: [
    op("prctl", { option: PR.SET_PDEATHSIG, a: 9 }, "test"),
    op("reset_signals", {}, "test"),
    op("find_exec", { name: "/bin/sh" }, "test"),
    op("exec", { argv: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"] }, "test"),
  ],
});

describe.each(builds)("%s", (build) => {
  describe("pty", () => {
    const see = (script: string): Operation[] => [
      op("dup", { slot: 12, fd: 0 }, "test"),
      op("run", { path: "/bin/sh", argv: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"] }, "test"),
    ];

    test("is a terminal of the container's own devpts, of the size that was asked for", async () => {
      using folder = scratch();
      const parent = [
        ...devpts(folder.path),
        pty({ rows: 33, columns: 111 }),
        ...see("readlink /proc/self/fd/0; stty size; stty -a | grep -o '.onlcr'"),
      ];
      expect(await succeed({ parent }, { build })).toBe(`${folder.path}/pts/0\n33 111\n onlcr\n`);
    });

    test("is refused where the file is no terminal's multiplexer", async () => {
      using folder = scratch();
      const fake = [
        op("unlink", { path: `${folder.path}/none` }, "test", { errnos: "any" }),
        pty({ path: "/etc/ptmx" }),
      ];
      mkdirSync(`${folder.path}/etc`);
      writeFileSync(`${folder.path}/etc/ptmx`, "");
      const report = await failure({ parent: [...devpts(folder.path), ...fake] }, { build });
      expect(report.errno).toBe(ENOTTY);
      expect(
        (await failure({ parent: [...devpts(folder.path), pty({ path: "no/ptmx" })] }, { build })).errno,
      ).toBe(ENOENT);
    });
  });

  test("reopen_null gives the container's /dev/null for the host's, but nothing else under that name", async () => {
    using folder = scratch();
    mkdirSync(`${folder.path}/dev`);
    const path = `${folder.path}/dev/null`;
    const inode = (name: string) => String(statSync(name).ino);
    const stdin = async () => {
      const see = shell("stat -L -c %i /proc/self/fd/0; head -c1 /proc/self/fd/0");
      const parent = [open(folder.path, 0), op("reopen_null", { dir: 0 }, "test"), see];
      return (await succeed({ parent }, { build })).trimEnd();
    };
    const untouched = inode("/dev/null");
    expect(await stdin()).toBe(untouched);
    for (const make of [
      `echo fake >${path}`,
      `mkfifo ${path}`,
      `mknod ${path} c 1 5`,
      `ln -s /dev/none ${path}`,
      `mkdir ${path}`,
    ]) {
      Bun.spawnSync(["sh", "-c", make]);
      expect({ make, stdin: await stdin() }).toEqual({ make, stdin: untouched });
      Bun.spawnSync(["rm", "-rf", path]);
    }
    Bun.spawnSync(["mknod", path, "c", "1", "3"]);
    expect(await stdin()).toBe(inode(path));
    expect(inode(path)).not.toBe(inode("/dev/null"));
  });

  test("own_stdio gives the three descriptors to the user, but not /dev/null", async () => {
    using folder = scratch();
    const path = `${folder.path}/log`;
    const before = statSync("/dev/null").uid;
    writeFileSync(path, "");
    chownSync(path, 0, 7);
    const log = openSync(path, "w");
    await succeed({ parent: [op("own_stdio", { uid: 1234 }, "test")] }, { build, stdout: log });
    closeSync(log);
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 7 });
    expect(statSync("/dev/null").uid).toBe(before);
    const readOnly = [
      ...privateMounts(),
      op("mount", { target: folder.path, source: folder.path, flags: 4096 }, "test"),
      op("mount", { target: folder.path, flags: 4096 | 32 | 1 }, "test"),
    ];
    const input = [
      open(path, 20, O.RDONLY),
      op("dup", { slot: 20, fd: 0 }, "test"),
      op("own_stdio", { uid: 5 }, "test"),
    ];
    await succeed({ parent: [...readOnly, ...input] }, { build });
    expect(statSync(path).uid).toBe(1234);
  });

  test("set_terminal wants a session without one, and a terminal", async () => {
    using folder = scratch();
    const parent = [...devpts(folder.path), pty(), op("set_terminal", { slot: 12 }, "test")];
    expect(await failure({ parent }, { build })).toMatchObject({ errno: EPERM });
    const file = [open("/etc/passwd", 12, O.RDONLY), op("set_terminal", { slot: 12 }, "test")];
    expect(await failure({ parent: file }, { build })).toMatchObject({ index: 1, errno: ENOTTY });
  });

  test("dup puts a descriptor where it is wanted, and keeps one that is there already", async () => {
    const etc = openSync("/etc", "r");
    const twice = [
      op("adopt", { fd: 5, out: 20 }, "test"),
      op("dup", { slot: 20, fd: 5 }, "test"),
      op("dup", { slot: 20, fd: 6 }, "test"),
    ];
    const see = op("exec", { argv: ["readlink", "/proc/self/fd/5", "/proc/self/fd/6"] }, "test");
    const parent = [...twice, op("find_exec", { name: "/usr/bin/readlink" }, "test"), see];
    expect((await launch({ parent }, { build, fds: [etc] })).stdout).toBe("/etc\n/etc\n");
    closeSync(etc);
    expect(await failure({ parent: [op("dup", { slot: 40, fd: 0 }, "test")] }, { build })).toMatchObject({
      errno: EBADF,
    });
  });

  test("close_range closes all from the first on, but what is kept for the last steps", async () => {
    const see = op(
      "hook",
      {
        path: "/bin/sh",
        argv: [
          "sh",
          "-c",
          "for fd in 3 4 5 6 7 8 9; do test -e /proc/$PPID/fd/$fd && readlink /proc/$PPID/fd/$fd; done; :",
        ],
      },
      "test",
    );
    const folders = ["/etc", "/usr", "/proc", "/sys"].map((path, at) => open(path, 20 + at));
    const keep = op("close_range", { first: 3, keep: 21, keep2: 23 }, "test");
    const out = await succeed({ parent: [...folders, keep, see] }, { build });
    // 3 is the report's socket, which the launcher keeps for itself.
    expect(out.split("\n").filter((line) => line.startsWith("/"))).toEqual(["/usr", "/sys"]);
    expect(
      await failure({ parent: [...folders, keep, op("fchdir", { slot: 20 }, "test")] }, { build }),
    ).toMatchObject({ index: 5, errno: EBADF });
    await succeed({ parent: [...folders, keep, op("fchdir", { slot: 21 }, "test")] }, { build });
  });

  describe("supervise", () => {
    test.each([
      ["exit 0", 0],
      ["exit 42", 42],
      ["exit 255", 255],
      ["kill -KILL $$", 137],
      ["kill -TERM $$", 143],
    ])("ends as the process did: %s", async (script, status) => {
      const outcome = await launch(child(script), { build });
      expect({ status: outcome.status, kinds: outcome.reports.map(({ kind }) => kind) }).toEqual({
        status,
        kinds: ["ready"],
      });
    });

    test("leaves standard input and output to the process, where there is no terminal", async () => {
      await using launched = new Launched(child("cat"), { build, stdin: "pipe" });
      const stdin = launched.process.stdin;
      if (typeof stdin !== "object") throw new Error("no input");
      await stdin.write("through");
      await stdin.end();
      expect(await launched.ended()).toMatchObject({ status: 0, stdout: "through" });
    });

    test.each(["TERM", "INT", "HUP", "USR1", "QUIT", "CONT", "WINCH"] as const)(
      "passes SIG%s on",
      async (signal) => {
        using folder = scratch();
        const fifo = `${folder.path}/ready`;
        makeFifo(fifo, 0o600);
        const script = `trap 'echo got ${signal}; exit 9' ${signal}; echo >${fifo}; while :; do sleep 0.01; done`;
        await using launched = new Launched(child(script), { build });
        await Bun.file(fifo).text();
        await supervises(launched);
        launched.process.kill(`SIG${signal}`);
        expect(await launched.ended()).toMatchObject({ status: 9, stdout: `got ${signal}\n` });
      },
    );

    test("keeps signals to itself when it is told not to forward", async () => {
      using folder = scratch();
      const [ready, go] = ["ready", "go"].map((name) => `${folder.path}/${name}`);
      for (const fifo of [ready, go]) makeFifo(fifo ?? "", 0o600);
      const script = `trap 'exit 9' TERM; echo >${ready}; read line <${go}; exit 4`;
      await using launched = new Launched(child(script, { forward: 0 }), { build });
      await Bun.file(ready ?? "").text();
      await supervises(launched);
      launched.process.kill("SIGTERM");
      writeFileSync(go ?? "", "\n");
      expect((await launched.ended()).status).toBe(4);
    });

    test("waits for processes that it inherits, and ends with the one that it was told", async () => {
      using folder = scratch();
      const subreaper = op("prctl", { option: 36, a: 1 }, "test");
      const script = `(sh -c 'sleep 0.01; ps -o ppid= -p $$ > ${folder.path}/ppid' & ); while ! test -s ${folder.path}/ppid; do sleep 0.01; done; ps -o stat= --ppid $PPID | grep -c Z; exit 3`;
      const { parent, init } = child(script);
      await using launched = new Launched({ parent: [subreaper, ...parent], init }, { build });
      const { pid } = launched.process;
      expect(await launched.ended()).toMatchObject({ status: 3, stdout: "0\n" });
      expect(Number(readFileSync(`${folder.path}/ppid`, "utf8"))).toBe(pid);
    });

    test("is not misled by a caller that ignores the end of children", async () => {
      const through = ["env", "--ignore-signal=CHLD"];
      expect((await launch(child("exit 6"), { build, through })).status).toBe(6);
      const hook = op("hook", { path: "/bin/sh", argv: ["sh", "-c", "exit 3"] }, "test");
      expect(await failure({ parent: [hook] }, { build, through })).toMatchObject({
        detail: "exit status 3",
      });
    });

    test("of nobody is an error, and no wait for ever", async () => {
      expect(await failure({ parent: [op("supervise", { pid: 1 }, "test")] }, { build })).toMatchObject({
        errno: ECHILD,
      });
    });

    describe("with a terminal", () => {
      test("brings out all that the process wrote, up to the last byte", async () => {
        using folder = scratch();
        const { status, stdout } = await launch(
          supervised(folder.path, "test -t 0 && seq 1 20000; tty; exit 5"),
          { build },
        );
        expect({ status, length: stdout.length }).toEqual({
          status: 5,
          length: 108_894 + `${folder.path}/pts/0\n`.length,
        });
        expect(stdout).toEndWith(`20000\n${folder.path}/pts/0\n`);
      });

      test("takes bytes in, and lets the process control the terminal", async () => {
        using folder = scratch();
        await using launched = new Launched(
          supervised(folder.path, 'stty -echo; echo ready; read a; echo "<$a>"; exit 0'),
          { build, stdin: "pipe" },
        );
        const stdin = launched.process.stdin;
        if (typeof stdin !== "object") throw new Error("no input");
        await stdin.write("hello\n");
        expect((await launched.ended()).stdout).toEndWith("<hello>\n");
      });

      /** The process says through a pipe that its terminal is raw: what came before that would be cut to lines and echoed. */
      async function rawProcess(
        root: string,
        prepare: string,
        script: string,
      ): Promise<{ launched: Launched; stdin: Bun.FileSink }> {
        const fifo = `${root}/ready`;
        makeFifo(fifo, 0o600);
        const plan = supervised(root, `stty raw -echo; ${prepare}; echo >${fifo}; ${script}`);
        const launched = new Launched(plan, { build, stdin: "pipe" });
        await Bun.file(fifo).text();
        const { stdin } = launched.process;
        if (typeof stdin !== "object") throw new Error("no input");
        return { launched, stdin };
      }

      test("carries a megabyte through a process that writes all it reads, in both directions at once", async () => {
        using folder = scratch();
        const size = 1 << 20;
        const { launched, stdin } = await rawProcess(folder.path, ":", `head -c ${size} | tr x y`);
        await using _ = launched;
        const written = Promise.resolve(stdin.write(new Uint8Array(size).fill(120))).then(() =>
          stdin.flush(),
        );
        const { status, stdout } = await launched.ended();
        await written;
        expect({ status, length: stdout.length }).toEqual({ status: 0, length: size });
        expect(stdout).toBe("y".repeat(size));
      });

      test("still passes signals on while the process reads nothing and its terminal is full", async () => {
        using folder = scratch();
        const trap = "trap 'echo got it; exit 9' TERM";
        const { launched, stdin } = await rawProcess(folder.path, trap, "while :; do sleep 0.01; done");
        await using _ = launched;
        const written = Promise.resolve(stdin.write(new Uint8Array(1 << 20))).catch(() => {});
        const taken = () =>
          Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${launched.process.pid}/io`, "utf8"))?.[1]);
        while (taken() < 8_000) await Bun.sleep(1); // a raw terminal holds 4095 bytes, and some that are on their way
        launched.process.kill("SIGTERM");
        expect(await launched.ended()).toMatchObject({ status: 9, stdout: "got it\n" });
        await written;
      });

      test("puts the caller's terminal into raw mode, follows its size, and restores it", async () => {
        using folder = scratch();
        const outside = `stty -F $(cat ${folder.path}/tty) -a | grep -ow -e -icanon -e -echo | sort`;
        const inside = `while test "$(stty size)" != "12 34"; do sleep 0.01; done; stty size; ${outside}`;
        const modes = (name: string) => `stty -g >${folder.path}/${name}`;
        const run = `tty >${folder.path}/tty; stty rows 12 cols 34; ${modes("before")}; build/${build} 3 4; ${modes("after")}`;
        const command = ["script", "-qec", run, "/dev/null"];
        // A pipe that nobody writes to: script passes an end of file on as a byte, which could come before raw mode.
        const outer = await launch(supervised(folder.path, inside), { build, command, stdin: "pipe" });
        expect(outer.stdout.replaceAll("\r", "")).toBe("12 34\n-echo\n-icanon\n");
        expect(existsSync(`${folder.path}/after`)).toBe(true);
        expect(readFileSync(`${folder.path}/after`, "utf8")).toBe(
          readFileSync(`${folder.path}/before`, "utf8"),
        );
      });
    });
  });

  test("the launcher that supervises is not in the way of a process of its own namespaces", async () => {
    const { parent, init } = child("echo $$");
    const own = op("clone", { stage: 2, flags: CLONE.NEWPID }, "test");
    expect((await launch({ parent: [own, ...parent.slice(1)], init }, { build })).stdout).toBe("1\n");
    expect(await succeed({ parent: [shell(":")] }, { build })).toBe("");
  });
});
