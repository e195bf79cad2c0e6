/** Netlink, unix sockets, descriptors that travel, and programs for the kernel. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmdirSync } from "node:fs";
import { CLONE, O } from "../../src/kernel/linux.ts";
import { linkIndexAt, linkUp } from "../../src/kernel/netlink.ts";
import { bpf, deviceProgram } from "../../src/runtime/native/cgroups/devices_bpf.ts";
import { deviceSet } from "../../src/runtime/native/cgroups/devices.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import { needing } from "../needs.ts";
import { builds, failure, scratch, shell, succeed } from "./_run.ts";

const EPERM = 1;
const ENOENT = 2;
const EBADF = 9;
const EINVAL = 22;
const ENODEV = 19;
const EPIPE = 32;
const ENAMETOOLONG = 36;
const EPROTO = 71;
const EPROTONOSUPPORT = 93;
const ECONNREFUSED = 111;

describe.each(builds)("%s", (build) => {
  const run = (...parent: Operation[]) => succeed({ parent }, { build });
  const errno = async (...parent: Operation[]) => {
    const report = await failure({ parent }, { build });
    expect(report.index).toBe(parent.length - 1);
    return report.errno;
  };

  describe("netlink", () => {
    const unshare = op("unshare", { flags: CLONE.NEWNET }, "test");
    const open = op("netlink_open", { protocol: 0, out: 15 }, "test");
    const state = shell("cat /sys/class/net/lo/flags 2>/dev/null; ip -o link show lo | grep -o 'UP,\\|,UP'");

    test("brings loopback up by its number and by its name", async () => {
      const byNumber = op("netlink", { slot: 15, message: linkUp(1) }, "test");
      const byName = op(
        "netlink",
        { slot: 15, message: linkUp(0), device: "lo", indexAt: linkIndexAt },
        "test",
      );
      for (const up of [byNumber, byName]) expect(await run(unshare, open, up, state)).toMatch(/UP/);
    });

    test("reports what the kernel answers, and a device that is not there", async () => {
      expect(await errno(unshare, open, op("netlink", { slot: 15, message: linkUp(4242) }, "test"))).toBe(
        ENODEV,
      );
      const named = (device: string) =>
        op("netlink", { slot: 15, message: linkUp(0), device, indexAt: linkIndexAt }, "test");
      expect(await errno(unshare, open, named("none0"))).toBe(ENODEV);
      expect(await errno(unshare, open, named("a-name-of-16-bytes"))).toBe(ENAMETOOLONG);
      expect(await errno(op("netlink", { slot: 15, message: linkUp(1) }, "test"))).toBe(EBADF);
      expect(await errno(op("netlink_open", { protocol: 77, out: 15 }, "test"))).toBe(EPROTONOSUPPORT);
      const user = op("capset", {}, "test");
      expect(await errno(unshare, open, user, op("netlink", { slot: 15, message: linkUp(1) }, "test"))).toBe(
        EPERM,
      );
    });
  });

  describe("a unix socket", () => {
    test("that listens is connected to, and gets a descriptor with its data", async () => {
      using folder = scratch();
      const path = `${folder.path}/socket`;
      const got = Promise.withResolvers<string>();
      using _server = Bun.listen({
        unix: path,
        socket: { data: (_socket, data) => got.resolve(data.toString()) },
      });
      const parent = [
        op("connect", { path, out: 20 }, "test"),
        op("open", { path: "/etc", out: 21 }, "test"),
        op("send_fd", { socket: 20, slot: 21, data: "name\x01!" }, "test"),
      ];
      await run(...parent);
      expect(await got.promise).toBe("name0!");
    });

    test("that nobody listens on, is missing or has too long a name is refused", async () => {
      using folder = scratch();
      const path = `${folder.path}/socket`;
      Bun.listen({ unix: path, socket: { data() {} } }).stop(true);
      await Bun.write(path, "");
      expect(await errno(op("connect", { path, out: 20 }, "test"))).toBe(ECONNREFUSED);
      expect(await errno(op("connect", { path: `${path}/none`, out: 20 }, "test"))).toBe(20);
      expect(await errno(op("connect", { path: `${folder.path}/none`, out: 20 }, "test"))).toBe(ENOENT);
      expect(await errno(op("connect", { path: `/${"x".repeat(107)}`, out: 20 }, "test"))).toBe(ENAMETOOLONG);
    });
  });

  describe("a descriptor", () => {
    const pair = op("socketpair", { a: 2, b: 3 }, "test");
    const etc = op("open", { path: "/etc", out: 20, flags: O.PATH }, "test");
    const send = op("send_fd", { socket: 2, slot: 20, data: "x" }, "test");
    const receive = op("receive_fd", { socket: 3, out: 21 }, "test");

    test("travels from one process to another, and stays close-on-exec", async () => {
      const parent = [
        pair,
        op("clone", { flags: CLONE.PARENT, stage: 2 }, "test"),
        receive,
        op("fchdir", { slot: 21 }, "test"),
        shell("pwd; ls /proc/self/fd | wc -l"),
      ];
      expect(await succeed({ parent, init: [etc, send] }, { build })).toBe("/etc\n4\n");
    });

    test("leaves none behind when its slot is closed", async () => {
      // Those of the folder alone: what the test's own process leaves open to its children is another number each time.
      const words = "ls -l /proc/$PPID/fd | grep -c ' -> /etc$'";
      const count = op("hook", { path: "/bin/sh", argv: ["sh", "-c", words] }, "test");
      const before = await run(pair, etc, count);
      expect(await run(pair, etc, send, receive, op("close", { slot: 21 }, "test"), count)).toBe(before);
    });

    test("is not sent from an empty slot, nor to a peer that is gone", async () => {
      expect(await errno(pair, send)).toBe(EBADF);
      expect(await errno(pair, etc, op("close", { slot: 3 }, "test"), send)).toBe(EPIPE);
      expect(await errno(etc, send)).toBe(EBADF);
    });

    test("is missed in a message without one, and where the peer has gone", async () => {
      expect(await errno(pair, op("send", { slot: 2, byte: 1 }, "test"), receive)).toBe(EPROTO);
      expect(await errno(pair, op("close", { slot: 2 }, "test"), receive)).toBe(EPIPE);
      expect(await errno(receive)).toBe(EBADF);
    });
  });

  describe("a device program", () => {
    const code = deviceProgram(deviceSet([{ allow: true, type: "c", major: 1, minor: 3, access: "rw" }], []));
    const load = op("bpf_load", { type: bpf.progTypeCgroupDevice, code, out: 20 }, "test");

    test("is loaded when the verifier accepts it, and refused when not", async () => {
      await run(load);
      expect(
        await errno(
          op("bpf_load", { type: bpf.progTypeCgroupDevice, code: new Uint8Array(8), out: 20 }, "test"),
        ),
      ).toBe(EINVAL);
      expect(await errno(op("bpf_load", { type: bpf.progTypeCgroupDevice, out: 20 }, "test"))).toBe(7);
    });

    test("is not attached to what is no control group", async () => {
      const folder = op("open", { path: "/etc", out: 21, flags: O.DIRECTORY }, "test");
      const attach = op(
        "bpf_attach",
        { target: 21, program: 20, type: bpf.attachCgroupDevice, flags: bpf.allowMulti },
        "test",
      );
      expect(await errno(load, folder, attach)).toBe(EBADF);
    });

    needing({ files: ["/sys/fs/cgroup/unified/cgroup.procs"] }).test(
      "rules the processes of the control group that it is attached to",
      async () => {
        const path = `/sys/fs/cgroup/unified/sampan-bpf-${process.pid}-${builds.indexOf(build)}`;
        mkdirSync(path);
        try {
          const parent = [
            load,
            op("open", { path, out: 9, flags: O.DIRECTORY }, "test"),
            op(
              "bpf_attach",
              { target: 9, program: 20, type: bpf.attachCgroupDevice, flags: bpf.allowMulti },
              "test",
            ),
            op("socketpair", { a: 2, b: 3 }, "test"),
            op("clone", { flags: CLONE.PARENT, stage: 2, cgroup: 9 }, "test"),
            op("receive", { slot: 2, byte: 1 }, "test"),
          ];
          using folder = scratch();
          // Not in the list of devices that every container has: the kernel's log, by a node of our own.
          Bun.spawnSync(["mknod", `${folder.path}/log`, "c", "1", "11"]);
          const see = shell(
            `for d in /dev/null ${folder.path}/log; do (: <$d) 2>/dev/null && echo $d; done; :`,
          );
          expect(
            await succeed({ parent, init: [see, op("send", { slot: 3, byte: 1 }, "test")] }, { build }),
          ).toBe("/dev/null\n");
        } finally {
          rmdirSync(path);
        }
      },
    );
  });
});
