/** What the process may and gets, read from /proc by the process itself. */
import { describe, expect, test } from "bun:test";
import { CLONE, PR } from "../../src/kernel/linux.ts";
import { compileSeccomp } from "../../src/runtime/native/seccomp/compile.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import type { OciSeccomp } from "../../src/spec/oci/config.ts";
import { builds, failure, launch, shell, succeed } from "./_run.ts";

const EPERM = 1;
const EINVAL = 22;
const EPIPE = 32;

/** A line of the launcher's own /proc/PID/status, and of others in its folder. */
const ofParent = (script: string) =>
  op(
    "hook",
    { path: "/bin/sh", argv: ["sh", "-c", `cd /proc/$PPID; ${script}`], env: ["PATH=/usr/bin:/bin"] },
    "test",
  );
const bytes = (...numbers: number[]) => new Uint8Array(new Uint32Array(numbers).buffer);
const arch = process.arch === "arm64" ? "arm64" : "x64";
const filter = (seccomp: OciSeccomp) => {
  const compiled = compileSeccomp(seccomp, arch);
  return op("seccomp", { flags: compiled.flags, filter: compiled.filter }, "test");
};

describe.each(builds)("%s", (build) => {
  const run = (...parent: Operation[]) => succeed({ parent }, { build });
  const errno = async (...parent: Operation[]) => {
    const report = await failure({ parent }, { build });
    expect(report.index).toBe(parent.length - 1);
    return report.errno;
  };

  test("limits are set for the process itself, and by the parent for init", async () => {
    const own = op("setrlimit", { resource: 7, soft: 100, hard: 200 }, "test");
    expect(await run(own, shell("ulimit -n; ulimit -Hn"))).toBe("100\n200\n");
    const infinite = op("setrlimit", { resource: 4, soft: 0, hard: -1n }, "test");
    expect(await run(infinite, shell("ulimit -c; ulimit -Hc"))).toBe("0\nunlimited\n");
    const child = op("setrlimit", { resource: 7, soft: 50, hard: 60, child: 1 }, "test");
    const plan = {
      parent: [
        op("socketpair", { a: 2, b: 3 }, "test"),
        op("clone", { flags: CLONE.PARENT, stage: 2 }, "test"),
        op("close", { slot: 3 }, "test"),
        child,
        op("send", { slot: 2, byte: 1 }, "test"),
        op("receive", { slot: 2, byte: 1 }, "test"),
      ],
      init: [
        op("close", { slot: 2 }, "test"),
        op("receive", { slot: 3, byte: 1 }, "test"),
        shell("ulimit -n; ulimit -Hn"),
        op("send", { slot: 3, byte: 1 }, "test"),
      ],
    };
    expect(await succeed(plan, { build })).toBe("50\n60\n");
    expect(await errno(op("setrlimit", { resource: 7, soft: 2, hard: 1 }, "test"))).toBe(EINVAL);
  });

  describe("credentials", () => {
    test("are the ids and groups that were asked for, and all of them", async () => {
      const out = await run(
        op("setgroups", { gids: bytes(10, 70000) }, "test"),
        op("setgid", { id: 20 }, "test"),
        op("setuid", { id: 30 }, "test"),
        shell("grep -E '^(Uid|Gid|Groups)' /proc/self/status"),
      );
      expect(out).toBe("Uid:\t30\t30\t30\t30\nGid:\t20\t20\t20\t20\nGroups:\t10 70000 \n");
      expect(await run(op("setgroups", {}, "test"), shell("grep ^Groups /proc/self/status"))).toBe(
        "Groups:\t \n",
      );
    });

    test("are refused where the caller may not take them", async () => {
      const user = [op("setgid", { id: 20 }, "test"), op("setuid", { id: 30 }, "test")];
      expect(await errno(...user, op("setgroups", { gids: bytes(0) }, "test"))).toBe(EPERM);
      expect(await errno(...user, op("setgid", { id: 0 }, "test"))).toBe(EPERM);
      expect(await errno(...user, op("setuid", { id: 0 }, "test"))).toBe(EPERM);
    });

    test("cannot be the id that means to the kernel to stay what one is", async () => {
      for (const id of [-1, 0xffffffff]) {
        expect(await errno(op("setuid", { id }, "test"))).toBe(EINVAL);
        expect(await errno(op("setgid", { id }, "test"))).toBe(EINVAL);
      }
    });
  });

  describe("capabilities", () => {
    const see = ofParent("grep ^Cap status");
    const sets = (i: number, p: number, e: number, b: number, a: number) =>
      ["Inh", "Prm", "Eff", "Bnd", "Amb"]
        .map((name, at) => `Cap${name}:\t${[i, p, e, b, a][at]?.toString(16).padStart(16, "0")}\n`)
        .join("");

    test("are the five sets that were asked for", async () => {
      const out = await run(
        op("bounding", { keep: 0b1111, last: 40 }, "test"),
        op("capset", { effective: 0b0011, permitted: 0b0111, inheritable: 0b0101 }, "test"),
        op("ambient", { raise: 0b0001, last: 40 }, "test"),
        see,
      );
      expect(out).toBe(sets(0b0101, 0b0111, 0b0011, 0b1111, 0b0001));
    });

    test("above the 32nd are in the second half of the sets", async () => {
      const high = (1n << 40n) | (1n << 33n);
      const out = await run(
        op("capset", { effective: high, permitted: high, inheritable: 1n << 33n }, "test"),
        see,
      );
      expect(out).toStartWith(
        "CapInh:\t0000000200000000\nCapPrm:\t0000010200000000\nCapEff:\t0000010200000000\n",
      );
    });

    test("that are not both permitted and inheritable do not become ambient, and that is no failure", async () => {
      const out = await run(
        op("capset", { effective: 0b11, permitted: 0b11, inheritable: 0b01 }, "test"),
        op("ambient", { raise: 0b111, last: 40 }, "test"),
        see,
      );
      expect(out).toContain("CapAmb:\t0000000000000001\n");
    });

    test("are refused where they are not there to give", async () => {
      const few = op("capset", { effective: 0, permitted: 1, inheritable: 0 }, "test");
      expect(await errno(few, op("capset", { effective: 2, permitted: 2, inheritable: 0 }, "test"))).toBe(
        EPERM,
      );
      expect(await errno(few, op("bounding", { keep: 0, last: 40 }, "test"))).toBe(EPERM);
      expect(await errno(op("ambient", { raise: 1n << 62n, last: 63 }, "test"))).toBe(EINVAL);
    });
  });

  describe("a filter", () => {
    const deny = (errnoRet: number) =>
      filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["sethostname"], action: "SCMP_ACT_ERRNO", errnoRet }],
      });
    const name = op("sethostname", { name: "x" }, "test");

    test("is in force from then on, in children too", async () => {
      const unshare = op("unshare", { flags: CLONE.NEWUTS }, "test");
      expect(await errno(unshare, deny(77), name)).toBe(77);
      expect(await run(unshare, deny(EPERM), shell("hostname x 2>/dev/null || echo denied"))).toBe(
        "denied\n",
      );
    });

    test("that kills ends the process, and the parent learns it", async () => {
      const kill = filter({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["sethostname"], action: "SCMP_ACT_KILL_PROCESS" }],
      });
      const parent = [
        op("socketpair", { a: 2, b: 3 }, "test"),
        op("clone", { flags: CLONE.PARENT | CLONE.NEWUTS, stage: 2 }, "test"),
        op("close", { slot: 3 }, "test"),
        op("wait_filter", { end: 2 }, "test"),
        op("receive", { slot: 2, byte: 1 }, "test"),
      ];
      const report = await failure(
        { parent, init: [op("close", { slot: 2 }, "test"), kill, name] },
        { build },
      );
      expect(report).toMatchObject({ stage: "parent", index: 4, errno: EPIPE });
    });

    test("wants a right or no new privileges, and a program that the kernel accepts", async () => {
      const user = op("capset", { effective: 0, permitted: 0, inheritable: 0 }, "test");
      expect(await errno(user, deny(1))).toBe(13);
      await run(op("prctl", { option: PR.SET_NO_NEW_PRIVS, a: 1 }, "test"), user, deny(1));
      expect(await errno(op("seccomp", { filter: new Uint8Array(8) }, "test"))).toBe(EINVAL);
      expect(await errno(op("seccomp", {}, "test"))).toBe(EINVAL);
    });

    test("with a listener gives the parent its descriptor, and the id of init goes along", async () => {
      const notify = filter({
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: "/run/listener",
        syscalls: [{ names: ["sethostname"], action: "SCMP_ACT_NOTIFY" }],
      });
      const parent = [
        op("socketpair", { a: 2, b: 3 }, "test"),
        op("clone", { flags: CLONE.PARENT | CLONE.NEWUTS, stage: 2 }, "test"),
        op("close", { slot: 3 }, "test"),
        op("wait_filter", { end: 2, out: 13 }, "test"),
        op("dup", { slot: 13, fd: 0 }, "test"),
        ofParent("readlink fd/0"),
      ];
      const init = [op("close", { slot: 2 }, "test"), notify, op("receive", { slot: 3, byte: 1 }, "test")];
      const { stdout } = await launch({ parent, init }, { build });
      expect(stdout).toBe("anon_inode:seccomp notify\n");
    });

    test("is waited for only as long as init lives", async () => {
      const parent = [
        op("socketpair", { a: 2, b: 3 }, "test"),
        op("clone", { flags: CLONE.PARENT, stage: 2 }, "test"),
        op("close", { slot: 3 }, "test"),
        op("wait_filter", { end: 2 }, "test"),
      ];
      const dead = [op("close", { slot: 2 }, "test"), op("chdir", { path: "/no/such" }, "test")];
      const { reports } = await launch({ parent, init: dead }, { build });
      expect(reports).toMatchObject([
        { stage: "init", index: 1, errno: 2 },
        { stage: "parent", index: 3, errno: EPIPE },
      ]);
    });
  });

  describe("a keyring", () => {
    // A name that is joined again is the same keyring, so each test has its own.
    const keyring = (more: object) => {
      const name = `sampan-${crypto.randomUUID()}`;
      return [
        op("keyring", { name, ...more }, "test"),
        shell(`awk '$9 == "${name}:" {print $5}' /proc/keys`),
      ];
    };

    test("of its own name is joined, with the permissions that were asked for added", async () => {
      expect(await run(...keyring({ permissions: 0x80000 }))).toBe("3f1b0000\n");
      expect(await run(...keyring({}))).toBe("3f130000\n");
    });

    test("of a name that is too long is refused", async () => {
      expect(await errno(op("keyring", { name: "x".repeat(5000) }, "test"))).toBe(EINVAL);
    });
  });

  describe("scheduling", () => {
    const attributes = (policy: number, nice: number) => {
      const view = new DataView(new ArrayBuffer(48));
      view.setUint32(0, 48, true);
      view.setUint32(4, policy, true);
      view.setInt32(16, nice, true);
      return new Uint8Array(view.buffer);
    };
    const mask = (bits: number) => new Uint8Array([bits, 0, 0, 0, 0, 0, 0, 0]);

    test("takes policy, priority, affinity and memory policy", async () => {
      const stat = ofParent("cut -d' ' -f19,41 stat");
      expect(await run(op("sched_setattr", { attributes: attributes(3, 7) }, "test"), stat)).toBe("7 3\n");
      const idle = op("ioprio_set", { value: 3 << 13 }, "test");
      expect(await run(idle, shell("ionice"))).toBe("idle\n");
      const one = op("sched_setaffinity", { mask: mask(1) }, "test");
      expect(await run(one, ofParent("grep ^Cpus_allowed_list status"))).toBe("Cpus_allowed_list:\t0\n");
      const bind = op("set_mempolicy", { mode: 2, nodes: 65, mask: mask(1) }, "test");
      expect(await run(bind, ofParent("head -1 numa_maps | cut -d' ' -f2"))).toBe("bind:0\n");
      expect(await run(op("set_mempolicy", {}, "test"), ofParent("head -1 numa_maps | cut -d' ' -f2"))).toBe(
        "default\n",
      );
    });

    test("refuses what the kernel does not know", async () => {
      expect(await errno(op("sched_setattr", { attributes: attributes(99, 0) }, "test"))).toBe(EINVAL);
      expect(await errno(op("ioprio_set", { value: 7 << 13 }, "test"))).toBe(EINVAL);
      expect(await errno(op("sched_setaffinity", { mask: mask(0) }, "test"))).toBe(EINVAL);
      expect(await errno(op("set_mempolicy", { mode: 77 }, "test"))).toBe(EINVAL);
    });
  });

  test("the personality changes what uname says", async () => {
    const [native, other] = arch === "arm64" ? ["aarch64", "armv8l"] : ["x86_64", "i686"];
    expect(await run(op("personality", { value: 0 }, "test"), shell("uname -m"))).toBe(`${native}\n`);
    expect(await run(op("personality", { value: 8 }, "test"), shell("uname -m"))).toBe(`${other}\n`);
  });
});
