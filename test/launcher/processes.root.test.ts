/** The three processes of a plan: their namespaces, how they wait for each other, and what is told when one of them ends. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { makeFifo } from "../../src/kernel/libc.ts";
import { CLONE, O, PR } from "../../src/kernel/linux.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import { needing } from "../needs.ts";
import { builds, ends, failure, launch, Launched, scratch, shell, succeed } from "./_run.ts";

const EPERM = 1;
const EBADF = 9;
const EINVAL = 22;
const EPIPE = 32;
const EPROTO = 71;

const pair = op("socketpair", { a: 2, b: 3 }, "test");
const closeMine = op("close", { slot: 2 }, "test");
const closeIts = op("close", { slot: 3 }, "test");
const clone = (flags = 0) => op("clone", { flags: CLONE.PARENT | flags, stage: 2 }, "test");
const toInit = (byte: number) => op("send", { slot: 2, byte }, "test");
const toParent = (byte: number) => op("send", { slot: 3, byte }, "test");
const fromInit = (byte: number) => op("receive", { slot: 2, byte }, "test");
const fromParent = (byte: number) => op("receive", { slot: 3, byte }, "test");
/** Parent and init, each with its end of the socket only. */
const two = (flags: number, parent: Operation[], init: Operation[]) => ({
  parent: [pair, clone(flags), closeIts, ...parent],
  init: [closeMine, ...init],
});
const hello = 0x68;

describe.each(builds)("%s", (build) => {
  describe("clone", () => {
    test("gives init all the namespaces that it is told, and only those", async () => {
      const kinds = { cgroup: 0, ipc: 0, mnt: 0, net: 0, pid: 0, user: 0, uts: 0 };
      const own = () => Object.keys(kinds).map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
      const see = Object.keys(kinds)
        .map((kind) => `/proc/self/ns/${kind}`)
        .join(" ");
      const all =
        CLONE.NEWCGROUP |
        CLONE.NEWIPC |
        CLONE.NEWNS |
        CLONE.NEWNET |
        CLONE.NEWPID |
        CLONE.NEWUTS |
        CLONE.NEWUSER;
      const seen = async (flags: number) => {
        const plan = two(flags, [fromInit(hello)], [shell(`readlink ${see}`), toParent(hello)]);
        return (await succeed(plan, { build })).trim().split("\n");
      };
      expect(await seen(0)).toEqual(own());
      const inside = await seen(all);
      expect(inside).toHaveLength(7);
      expect(inside.filter((name) => own().includes(name))).toEqual([]);
      expect((await seen(CLONE.NEWUTS)).filter((name) => !own().includes(name))).toEqual([
        expect.stringContaining("uts:"),
      ]);
    });

    test("makes init a child of the launcher's parent, and the first of its pid namespace", async () => {
      const plan = two(
        CLONE.NEWPID,
        [fromInit(hello), op("child_proc", { proc: 1, out: 7 }, "test")],
        [shell("echo $PPID"), toParent(hello), fromParent(hello)],
      );
      const parent = [op("open", { path: "/proc", flags: O.PATH, out: 1 }, "test"), ...plan.parent];
      parent.push(op("fchdir", { slot: 7 }, "test"), shell("grep -E '^(PPid|NSpid):' status"));
      const { stdout, reports } = await launch({ parent, init: plan.init }, { build });
      const pid = reports.find(({ kind }) => kind === "ready")?.pid;
      expect(stdout).toBe(`1\nPPid:\t${process.pid}\nNSpid:\t${pid}\t1\n`);
    });

    test("lets the parent write the id maps of a user namespace, in which init is root then", async () => {
      const maps = [
        op("open", { path: "/proc", flags: O.PATH, out: 1 }, "test"),
        op("child_proc", { proc: 1, out: 7 }, "test"),
        op("write", { dir: 7, path: "gid_map", data: "0 100000 10\n" }, "test"),
        op("write", { dir: 7, path: "uid_map", data: "0 100000 10\n" }, "test"),
        toInit(hello),
        fromInit(hello),
      ];
      const become = [
        fromParent(hello),
        op("setgroups", {}, "test"),
        op("setgid", { id: 0 }, "test"),
        op("setuid", { id: 0 }, "test"),
        shell("id -u; id -G; awk '{print $1, $2, $3}' /proc/self/uid_map"),
        toParent(hello),
      ];
      expect(await succeed(two(CLONE.NEWUSER, maps, become), { build })).toBe("0\n0\n0 100000 10\n");
    });

    test("gives a descriptor of the process where one is asked for", async () => {
      const parent = [
        pair,
        op("clone", { flags: CLONE.PARENT, stage: 2, pidfd: 20 }, "test"),
        closeIts,
        fromInit(hello),
        op("dup", { slot: 20, fd: 0 }, "test"),
        op("hook", { path: "/bin/sh", argv: ["sh", "-c", "grep ^Pid: /proc/$PPID/fdinfo/0"] }, "test"),
      ];
      const { stdout, reports } = await launch(
        { parent, init: [closeMine, toParent(hello), fromParent(hello)] },
        { build },
      );
      expect(stdout).toBe(`Pid:\t${reports.find(({ kind }) => kind === "ready")?.pid}\n`);
    });

    needing({ files: ["/sys/fs/cgroup/unified/cgroup.procs"] }).test(
      "starts init in the control group of a slot",
      async () => {
        const path = `/sys/fs/cgroup/unified/sampan-launcher-${process.pid}`;
        mkdirSync(path);
        try {
          const parent = [
            pair,
            op("open", { path, flags: O.PATH | O.DIRECTORY, out: 9 }, "test"),
            op("clone", { flags: CLONE.PARENT, stage: 2, cgroup: 9 }, "test"),
            closeIts,
            fromInit(hello),
          ];
          const init = [closeMine, shell("grep ^0:: /proc/self/cgroup"), toParent(hello)];
          expect(await succeed({ parent, init }, { build })).toBe(
            `0::${path.slice("/sys/fs/cgroup/unified".length)}\n`,
          );
        } finally {
          rmdirSync(path);
        }
      },
    );

    test("is refused for flags that contradict each other, and into a slot that is no control group", async () => {
      const bad = op("clone", { flags: CLONE.NEWNS | 0x200 /* CLONE_FS */, stage: 2 }, "test");
      expect(await failure({ parent: [bad] }, { build })).toMatchObject({ index: 0, errno: EINVAL, pid: 0 });
      const empty = op("clone", { stage: 2, cgroup: 9 }, "test");
      expect(await failure({ parent: [empty] }, { build })).toMatchObject({ errno: EINVAL });
    });
  });

  describe("a middle process", () => {
    const middle = op("clone", { flags: CLONE.PARENT, stage: 1 }, "test");

    test("makes init, and both are told to the caller", async () => {
      const outcome = await launch(
        {
          parent: [pair, middle, closeIts, fromInit(1), toInit(2), fromInit(3)],
          middle: [closeMine, op("unshare", { flags: CLONE.NEWPID }, "test"), clone(), toParent(1)],
          init: [fromParent(2), toParent(3)],
        },
        { build },
      );
      const { pid = 0, middle: between = 0 } = outcome.reports.find(({ kind }) => kind === "ready") ?? {};
      expect(between).toBeGreaterThan(1);
      expect(pid).toBeGreaterThan(1);
      expect(pid).not.toBe(between);
    });

    test("that fails after it has made init ends init, so that nobody waits for ever", async () => {
      const outcome = await launch(
        {
          parent: [pair, middle, closeIts, fromInit(1)],
          middle: [closeMine, clone(), op("chdir", { path: "/no/such" }, "test"), toParent(1)],
          init: [fromParent(1)],
        },
        { build },
      );
      expect(outcome.reports).toMatchObject([
        { stage: "middle", index: 2, errno: 2 },
        { stage: "parent", index: 3, errno: EPIPE },
      ]);
    });
  });

  describe("waiting", () => {
    test("passes bytes in both directions", async () => {
      await succeed(
        two(0, [toInit(1), fromInit(2), toInit(3)], [fromParent(1), toParent(2), fromParent(3)]),
        { build },
      );
    });

    test("for another byte than the one that comes is a failure", async () => {
      const outcome = await launch(two(0, [fromInit(1)], [toParent(2), fromParent(1)]), { build });
      expect(outcome.reports[0]).toMatchObject({ stage: "parent", index: 3, errno: EPROTO });
    });

    test("for a peer that has failed ends with EPIPE, after the peer's own report", async () => {
      const outcome = await launch(two(0, [fromInit(1)], [op("chdir", { path: "/no/such" }, "test")]), {
        build,
      });
      expect(outcome.status).toBe(1);
      expect(outcome.reports).toMatchObject([
        { stage: "init", index: 1, errno: 2 },
        { stage: "parent", index: 3, errno: EPIPE },
      ]);
      expect(outcome.reports[0]?.pid).toBeGreaterThan(1);
    });

    test("for a peer that has ended with a byte unread ends with EPIPE", async () => {
      const outcome = await launch(
        two(0, [toInit(1), op("chdir", { path: "/" }, "test"), fromInit(1)], [shell("sleep 0.05")]),
        { build },
      );
      expect(outcome.reports).toMatchObject([{ stage: "parent", index: 5, errno: EPIPE }]);
    });

    test("by sending to a peer that has ended is a failure and no signal", async () => {
      const parent = [pair, closeIts, toInit(1)];
      for (const through of [[], ["env", "--default-signal=PIPE"]])
        expect(await failure({ parent }, { build, through })).toMatchObject({ index: 2, errno: EPIPE });
    });

    test("in an empty slot is refused", async () => {
      for (const one of [toInit(1), fromInit(1), op("wait_start", { slot: 4 }, "test")])
        expect(await failure({ parent: [one] }, { build })).toMatchObject({ index: 0, errno: EBADF });
    });
  });

  test("a parent that fails takes init along", async () => {
    await using launched = new Launched(
      two(
        CLONE.NEWPID,
        [fromInit(1), op("chdir", { path: "/no/such" }, "test")],
        [toParent(1), shell("exec sleep 1000")],
      ),
      { build },
    );
    const report = launched.report();
    expect(report).toMatchObject({ stage: "parent", index: 4, errno: 2 });
    expect(report?.pid).toBeGreaterThan(1);
    expect(ends(report?.pid ?? 0)).toBe(true);
    const { status } = await launched.ended();
    expect(status).toBe(1);
  });

  test("wait_start holds init until a byte comes through the pipe, and closes it then", async () => {
    using folder = scratch();
    const fifo = `${folder.path}/fifo`;
    makeFifo(fifo, 0o600);
    const open = op("open", { path: fifo, flags: O.RDWR, out: 4 }, "test");
    const held = [toParent(1), op("wait_start", { slot: 4 }, "test")];
    const after = [
      op(
        "write",
        { path: `${folder.path}/started`, flags: O.WRONLY | O.CREAT, mode: 0o600, data: "" },
        "test",
      ),
      op("close", { slot: 4 }, "test"),
    ];
    const plan = two(0, [fromInit(1)], [...held, ...after]);
    await using launched = new Launched({ parent: [open, ...plan.parent], init: plan.init }, { build });
    expect(launched.report()?.kind).toBe("ready");
    expect(existsSync(`${folder.path}/started`)).toBe(false);
    writeFileSync(fifo, "\0");
    expect(launched.report()).toMatchObject({ stage: "init", index: 4, errno: EBADF });
    expect(existsSync(`${folder.path}/started`)).toBe(true);
  });

  describe("setns", () => {
    test("enters the namespace of a slot", async () => {
      const holder = Bun.spawn(
        ["unshare", "--uts", "sh", "-c", "hostname elsewhere; echo; exec sleep 1000"],
        { stdout: "pipe" },
      );
      try {
        await holder.stdout.getReader().read();
        const open = op("open", { path: `/proc/${holder.pid}/ns/uts`, out: 20 }, "test");
        const enter = op("setns", { slot: 20, type: CLONE.NEWUTS }, "test");
        expect(await succeed({ parent: [open, enter, shell("hostname")] }, { build })).toBe("elsewhere\n");
        const wrong = op("setns", { slot: 20, type: CLONE.NEWNET }, "test");
        expect(await failure({ parent: [open, wrong] }, { build })).toMatchObject({
          index: 1,
          errno: EINVAL,
        });
      } finally {
        holder.kill(9);
        await holder.exited;
      }
    });
  });

  test("the names of host and domain are set in the namespace, to the letter", async () => {
    const unshare = op("unshare", { flags: CLONE.NEWUTS }, "test");
    const names = [
      op("sethostname", { name: "a-name" }, "test"),
      op("setdomainname", { name: "example.org" }, "test"),
    ];
    const see = shell("cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname");
    expect(await succeed({ parent: [unshare, ...names, see] }, { build })).toBe("a-name\nexample.org\n");
    for (const one of [
      op("sethostname", { name: "x".repeat(65) }, "test"),
      op("setdomainname", { name: "x".repeat(65) }, "test"),
    ])
      expect(await failure({ parent: [unshare, one] }, { build })).toMatchObject({ index: 1, errno: EINVAL });
  });

  test("setsid makes a session, once", async () => {
    const plan = two(
      0,
      [fromInit(1)],
      [
        op("setsid", {}, "test"),
        op("hook", { path: "/bin/sh", argv: ["sh", "-c", "cut -d' ' -f1,6 /proc/$PPID/stat"] }, "test"),
        toParent(1),
      ],
    );
    const [pid, session] = (await succeed(plan, { build })).trim().split(" ");
    expect(session).toBe(pid);
    const twice = two(0, [fromInit(1)], [op("setsid", {}, "test"), op("setsid", {}, "test")]);
    expect(await failure(twice, { build })).toMatchObject({ stage: "init", index: 2, errno: EPERM });
  });

  describe("child_proc", () => {
    test("opens the folder of init below a procfs", async () => {
      const plan = two(
        0,
        [
          fromInit(1),
          op("child_proc", { proc: 1, out: 7 }, "test"),
          op("fchdir", { slot: 7 }, "test"),
          shell("cat comm"),
        ],
        [toParent(1), fromParent(1)],
      );
      const parent = [op("open", { path: "/proc", flags: O.PATH, out: 1 }, "test"), ...plan.parent];
      const { stdout } = await launch({ parent, init: plan.init }, { build });
      expect(stdout).toBe(`${build.slice(0, 15)}\n`);
    });

    test("fails where there is no init", async () => {
      const open = op("open", { path: "/proc", flags: O.PATH, out: 1 }, "test");
      expect(
        await failure({ parent: [open, op("child_proc", { proc: 1, out: 7 }, "test")] }, { build }),
      ).toMatchObject({ index: 1, errno: 2 });
    });
  });

  test("userns leaves no process behind", async () => {
    const parent = [
      op("open", { path: "/proc", flags: O.PATH, out: 23 }, "test"),
      op("userns", { proc: 23, out: 24, uidMap: "0 0 1\n", gidMap: "0 0 1\n" }, "test"),
      op("hook", { path: "/bin/sh", argv: ["sh", "-c", "cat /proc/$PPID/task/*/children | wc -w"] }, "test"),
    ];
    expect(await succeed({ parent }, { build })).toBe("1\n");
  });

  test("signals are as a new process has them after reset_signals", async () => {
    const through = ["env", "--ignore-signal=HUP,INT,PIPE", "--block-signal=TERM"];
    const see = (...more: Operation[]) => [
      ...more,
      op("find_exec", { name: "/bin/grep" }, "test"),
      op("exec", { argv: ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"] }, "test"),
    ];
    const none = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    expect((await launch({ parent: see() }, { build, through })).stdout).not.toBe(none);
    expect((await launch({ parent: see(op("reset_signals", {}, "test")) }, { build, through })).stdout).toBe(
      none,
    );
  });

  test("prctl does what its option says", async () => {
    const dump = (a: number) => op("prctl", { option: PR.SET_DUMPABLE, a }, "test");
    const owner = op(
      "hook",
      { path: "/bin/sh", argv: ["sh", "-c", "grep ^NoNewPrivs /proc/$PPID/status"] },
      "test",
    );
    const set = op("prctl", { option: PR.SET_NO_NEW_PRIVS, a: 1 }, "test");
    expect(await succeed({ parent: [owner, set, owner, dump(0)] }, { build })).toBe(
      "NoNewPrivs:\t0\nNoNewPrivs:\t1\n",
    );
    expect(await failure({ parent: [dump(7)] }, { build })).toMatchObject({ errno: EINVAL });
  });
});
