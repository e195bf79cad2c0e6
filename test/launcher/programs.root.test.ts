/** The programs that a plan runs on its way: hooks, and helpers such as newuidmap. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { CLONE, O } from "../../src/kernel/linux.ts";
import { memfd } from "../../src/kernel/libc.ts";
import { op, type IntsOf, type TextsOf } from "../../src/runtime/native/plan/operations.ts";
import { builds, ends, failure, launch, Launched, scratch, succeed } from "./_run.ts";

const ECANCELED = 125;
const ETIMEDOUT = 110;

const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
const hook = (script: string, more: IntsOf<"hook"> & TextsOf<"hook"> = {}) =>
  op("hook", { path: "/bin/sh", argv: ["sh", "-c", script], env: [path], ...more }, "test");
const program = (script: string, more: IntsOf<"run"> & TextsOf<"run"> = {}) =>
  op("run", { path: "/bin/sh", argv: ["sh", "-c", script], env: [path], ...more }, "test");

/** A process that stays until the launcher has gone. */
const waiting = {
  start: [op("socketpair", { a: 2, b: 3 }, "test"), op("clone", { flags: CLONE.PARENT, stage: 2 }, "test")],
  init: [op("close", { slot: 2 }, "test"), op("receive", { slot: 3, byte: 1 }, "test")],
};

describe.each(builds)("%s", (build) => {
  describe("a hook", () => {
    test("reads the state on its standard input", async () => {
      expect(await succeed({ parent: [hook("cat", { state: '{"id":"ü"}' })] }, { build })).toBe('{"id":"ü"}');
      expect(await succeed({ parent: [hook("cat")] }, { build })).toBe("");
    });

    test("reads a state that is larger than a pipe holds", async () => {
      const state = JSON.stringify({ annotations: { large: "x".repeat(1_000_000) } });
      expect(await succeed({ parent: [hook("sleep 0.01; cat", { state })] }, { build })).toBe(state);
    });

    test("finds the id of init in its state, or its own process's for a hook inside", async () => {
      const parent = [
        ...waiting.start,
        hook("cat", { state: "a\x01b\x01" }),
        hook("cat; echo $PPID", { state: " \x01 ", self: 1 }),
      ];
      await using launched = new Launched({ parent, init: waiting.init }, { build });
      const { stdout, reports } = await launched.ended();
      const pid = reports.find(({ kind }) => kind === "ready")?.pid;
      expect(pid).toBeGreaterThan(1);
      expect(stdout).toBe(`a${pid}b${pid} ${launched.process.pid} ${launched.process.pid}\n`);
    });

    test("need not read its state, whatever its size", async () => {
      const state = "x".repeat(1_000_000);
      expect(await succeed({ parent: [hook("exec <&-; echo fine", { state })] }, { build })).toBe("fine\n");
      expect(await succeed({ parent: [hook("echo fine", { state })] }, { build })).toBe("fine\n");
      expect(await succeed({ parent: [hook("head -c 10; echo", { state })] }, { build })).toBe(
        "xxxxxxxxxx\n",
      );
    });

    test("that is over although its children hold its input is not waited for", async () => {
      const state = "x".repeat(1_000_000);
      using folder = scratch();
      const script = `sleep 1000 & echo $! > ${folder.path}/pid`;
      const null_ = openSync("/dev/null", "w");
      await succeed(
        { parent: [hook(`exec >/dev/null 2>&1; ${script}`, { state })] },
        { build, stdout: null_ },
      );
      closeSync(null_);
      process.kill(Number(readFileSync(`${folder.path}/pid`, "utf8")), "SIGKILL");
    });

    test.each([
      ["exit 3", "exit status 3"],
      ["kill -TERM $$", "signal 15"],
      ["kill -SEGV $$", "signal 11"],
    ])("that ends by `%s` fails the plan with its status", async (script, detail) => {
      const report = await failure({ parent: [hook(":"), hook(script), hook("echo never")] }, { build });
      expect(report).toMatchObject({ stage: "parent", index: 1, errno: ECANCELED, detail });
    });

    test("that cannot be executed says so and fails as a shell would", async () => {
      using folder = scratch();
      writeFileSync(`${folder.path}/plain`, "not a program");
      const bad = async (file: string) => {
        const out = memfd("sampan-test-output", true);
        const parent = [
          op("adopt", { fd: 5, out: 20 }, "test"),
          op("hook", { path: file, argv: [file], output: 20 }, "test"),
        ];
        const { errno, detail } = await failure({ parent }, { build, fds: [out] });
        const text = readFileSync(`/proc/self/fd/${out}`, "utf8");
        closeSync(out);
        return { errno, detail, text };
      };
      expect(await bad("/no/such/hook")).toEqual({
        errno: ECANCELED,
        detail: "exit status 127",
        text: "/no/such/hook: cannot be executed, errno 2\n",
      });
      expect(await bad(`${folder.path}/plain`)).toMatchObject({
        errno: ECANCELED,
        detail: "exit status 126",
      });
    });

    test("is killed at its deadline", async () => {
      using folder = scratch();
      const script = `echo $$ > ${folder.path}/pid; exec sleep 1000`;
      const report = await failure({ parent: [hook(script, { timeout: 300 })] }, { build });
      expect(report).toMatchObject({ errno: ETIMEDOUT, index: 0 });
      const pid = Number(readFileSync(`${folder.path}/pid`, "utf8"));
      expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    });

    test("is killed at its deadline although it never reads its state", async () => {
      const state = "x".repeat(1_000_000);
      const report = await failure({ parent: [hook("exec sleep 1000", { timeout: 100, state })] }, { build });
      expect(report.errno).toBe(ETIMEDOUT);
    });

    test("that is quicker than its deadline is not hindered by it", async () => {
      await succeed({ parent: [hook("cat >/dev/null", { timeout: 60_000, state: "{}" })] }, { build });
    });

    test("writes its output and its errors where the plan says", async () => {
      const out = memfd("sampan-test-output", true);
      const parent = [
        op("adopt", { fd: 5, out: 20 }, "test"),
        hook("echo out; echo err >&2", { output: 20 }),
      ];
      expect(await succeed({ parent }, { build, fds: [out] })).toBe("");
      expect(readFileSync(`/proc/self/fd/${out}`, "utf8")).toBe("out\nerr\n");
      closeSync(out);
    });

    test("has the environment and the arguments that it was given, and no others", async () => {
      const argv = ["zero", "two words", "", "ü"];
      const parent = [
        op(
          "hook",
          { path: "/usr/bin/env", argv: ["env", "-0"], env: ["A=1", "B=two words", "EMPTY="] },
          "test",
        ),
        op("hook", { path: "/usr/bin/env", argv: ["env"] }, "test"),
        op("hook", { path: "/usr/bin/printf", argv: ["printf", "<%s>", ...argv] }, "test"),
      ];
      expect(await succeed({ parent }, { build })).toBe("A=1\0B=two words\0EMPTY=\0<zero><two words><><ü>");
    });

    test("has no descriptor but the three, and no signal blocked or ignored", async () => {
      const parent = [
        op("open", { path: "/etc", out: 20, flags: O.PATH }, "test"),
        op("socketpair", { a: 2, b: 3 }, "test"),
        op("hook", { path: "/bin/ls", argv: ["ls", "/proc/self/fd"] }, "test"),
        op(
          "hook",
          { path: "/bin/grep", argv: ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"] },
          "test",
        ),
      ];
      const through = ["env", "--ignore-signal=HUP,INT,PIPE,CHLD", "--block-signal=TERM,USR1"];
      // ls itself has the folder open that it lists.
      const folder = openSync("/etc", "r");
      expect(await succeed({ parent }, { build, through, fds: [folder, folder] })).toBe(
        "0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
      );
      closeSync(folder);
    });

    test("does not outlive a launcher that is killed", async () => {
      using folder = scratch();
      const fifo = `${folder.path}/fifo`;
      Bun.spawnSync(["mkfifo", fifo]);
      await using launched = new Launched({ parent: [hook(`echo $$ >${fifo}; exec sleep 1000`)] }, { build });
      const pid = Number(await Bun.file(fifo).text());
      launched.process.kill(9);
      await launched.process.exited;
      expect(ends(pid)).toBe(true);
    });

    test("leaves nothing open or waiting in the launcher", async () => {
      const count = op(
        "hook",
        {
          path: "/bin/sh",
          argv: ["sh", "-c", "ls /proc/$PPID/fd | wc -l; cat /proc/$PPID/task/*/children | wc -w"],
        },
        "test",
      );
      const [once = "", children = ""] = (await succeed({ parent: [count] }, { build })).split("\n");
      const after = [hook(":"), program(":"), hook("exit 1"), program("exit 1")].map((one) => ({
        ...one,
        tolerate: { errnos: "any" as const },
      }));
      expect(await succeed({ parent: [...after, count] }, { build })).toBe(`${once}\n${children}\n`);
    });
  });

  describe("a program", () => {
    test("gets the id of init for an argument that is 0x01", async () => {
      const parent = [
        ...waiting.start,
        op("run", { path: "/bin/echo", argv: ["echo", "\x01", "x\x01", "0"] }, "test"),
      ];
      const { stdout, reports } = await launch({ parent, init: waiting.init }, { build });
      expect(stdout).toBe(`${reports[0]?.pid} x\x01 0\n`);
    });

    test("that fails, fails the plan with its status, and its output goes where the plan says", async () => {
      const out = memfd("sampan-test-output", true);
      const parent = [
        op("adopt", { fd: 5, out: 20 }, "test"),
        program("echo why >&2; exit 9", { output: 20 }),
      ];
      const report = await failure({ parent }, { build, fds: [out] });
      expect(report).toMatchObject({ index: 1, errno: ECANCELED, detail: "exit status 9" });
      expect(readFileSync(`/proc/self/fd/${out}`, "utf8")).toBe("why\n");
      closeSync(out);
    });
  });

  test("neither can be started where no process may be made", async () => {
    const user = [
      op("setrlimit", { resource: 6, soft: 0, hard: 0 }, "test"),
      op("setgid", { id: 4242 }, "test"),
      op("setuid", { id: 4242 }, "test"),
    ];
    for (const one of [hook(":"), program(":")])
      expect(await failure({ parent: [...user, one] }, { build })).toMatchObject({ index: 3, errno: 11 });
  });
});
