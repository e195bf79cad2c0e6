/** A container's cgroup from its making to its removal, on cgroup v2. */
import { describe, expect, test } from "bun:test";
import type { OciConfig, OciMount } from "../../../src/spec/oci/config.ts";
import { GuestContainer, type Runtime } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";

const cgroupMount = (...options: string[]): OciMount => ({
  destination: "/sys/fs/cgroup",
  type: "cgroup",
  source: "cgroup",
  options: ["nosuid", "noexec", "nodev", ...options],
});

const withoutNamespace =
  (type: string) =>
  (config: OciConfig): void => {
    if (config.linux?.namespaces === undefined) return;
    config.linux.namespaces = config.linux.namespaces.filter((namespace) => namespace.type !== type);
  };

export function describeLife(runtime: Runtime, machine: () => VirtualMachine): void {
  describe("the cgroup", () => {
    test("is at cgroupsPath, has the container's processes and is gone after delete", async () => {
      await using container = new GuestContainer(machine(), runtime);
      await container.start();
      const { pid } = await container.state();
      expect(await machine().read(`/proc/${pid}/cgroup`)).toBe(`0::${container.cgroupsPath}\n`);
      expect((await container.file("cgroup.procs")).split("\n")).toContain(String(pid));
      expect((await container.call("delete", "--force", "ID")).exitCode).toBe(0);
      expect(await container.exists()).toBe(false);
    });

    test("has every controller of the host, enabled in each cgroup above it", async () => {
      await using container = new GuestContainer(machine(), runtime, { cgroupsPath: "/deep/er/still" });
      await container.start();
      const all = (await machine().read("/sys/fs/cgroup/cgroup.controllers")).trim();
      expect(await container.file("cgroup.controllers")).toBe(all);
      for (const above of ["", "/deep", "/deep/er"]) {
        expect((await machine().read(`/sys/fs/cgroup${above}/cgroup.subtree_control`)).trim()).toBe(all);
      }
      expect(await container.file("cgroup.subtree_control")).toBe("");
    });

    test("gets the processes of exec too", async () => {
      await using container = new GuestContainer(machine(), runtime, { change: withoutNamespace("cgroup") });
      await container.start();
      expect((await container.exec("cat /proc/self/cgroup")).stdout).toBe(`0::${container.cgroupsPath}\n`);
    });

    test("inside of which a process is to be put by exec --cgroup", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        mounts: [cgroupMount("rw")],
        args: ["sh", "-c", "mkdir /sys/fs/cgroup/sub; echo made; exec sleep 1000"],
      });
      await (await container.start()).printed(/made/);
      const { stdout } = await container.call("exec", "--cgroup", "/sub", "ID", "cat", "/proc/self/cgroup");
      expect(stdout).toBe("0::/sub\n");
    });

    test("that the container has split, so that no process fits in, gets exec's beside the first process", async () => {
      const script = `cd /sys/fs/cgroup; mkdir init; echo 1 >init/cgroup.procs
        echo +memory +pids >cgroup.subtree_control && echo split; exec sleep 1000`;
      await using container = new GuestContainer(machine(), runtime, {
        mounts: [cgroupMount("rw")],
        args: ["sh", "-c", script],
      });
      await (await container.start()).printed(/split/);
      expect((await container.call("exec", "ID", "cat", "/proc/self/cgroup")).stdout).toBe("0::/init\n");
      expect((await container.call("delete", "--force", "ID")).exitCode).toBe(0);
      expect(await container.exists()).toBe(false);
    });

    test("is not made below one that has processes, and nothing is left", async () => {
      const script = "mkdir $0; echo $$ >$0/cgroup.procs; echo in; exec sleep 1000";
      const holder = machine().start(["sh", "-c", script, "/sys/fs/cgroup/busy"]);
      await holder.printed(/in/);
      await using container = new GuestContainer(machine(), runtime, {
        cgroupsPath: "/busy/below",
        resources: { memory: { limit: 2 ** 26 } },
      });
      expect((await container.run()).exitCode).not.toBe(0);
      expect(await container.exists()).toBe(false);
      holder.kill();
    });
  });

  describe("a mount of type cgroup", () => {
    test("shows the container its own cgroup as the root", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        mounts: [cgroupMount("ro")],
        resources: { pids: { limit: 17 } },
        args: ["sh", "-c", "cat /proc/self/cgroup /sys/fs/cgroup/pids.max; grep /sys/fs/cgroup /proc/mounts"],
      });
      const { stdout, stderr } = await container.run();
      expect(stderr).toBe("");
      expect(stdout).toMatch(
        /^0::\/\n17\ncgroup2? \/sys\/fs\/cgroup cgroup2 ro,nosuid,nodev,noexec\S* 0 0\n$/,
      );
    });

    test("shows it without a cgroup namespace as well", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        mounts: [cgroupMount("ro")],
        change: withoutNamespace("cgroup"),
        resources: { pids: { limit: 18 } },
        args: [
          "sh",
          "-c",
          'own=$(cat /proc/self/cgroup); echo $own; cat "/sys/fs/cgroup${own#0::}/pids.max"',
        ],
      });
      const { stdout } = await container.run();
      expect(stdout).toBe(`0::${container.cgroupsPath}\n18\n`);
    });

    test("that is read-only cannot be written", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        mounts: [cgroupMount("ro")],
        args: ["mkdir", "/sys/fs/cgroup/sub"],
      });
      expect((await container.run()).stderr).toContain("Read-only file system");
    });

    test("that is writable lets the container make cgroups; delete removes them with their processes", async () => {
      const script = `cd /sys/fs/cgroup; mkdir -p a/b c; sleep 1000 & echo $! >a/b/cgroup.procs; echo made; exec sleep 1000`;
      await using container = new GuestContainer(machine(), runtime, {
        mounts: [cgroupMount("rw")],
        args: ["sh", "-c", script],
      });
      const command = await container.start();
      await command.printed(/made/);
      expect(await machine().read(`${container.cgroup}/a/b/cgroup.procs`)).toMatch(/^\d+\n$/);
      const { exitCode, stderr } = await container.call("delete", "--force", "ID");
      expect([exitCode, stderr]).toEqual([0, ""]);
      expect(await container.exists()).toBe(false);
    });
  });

  describe("pause", () => {
    test("freezes the cgroup until resume", async () => {
      await using container = new GuestContainer(machine(), runtime);
      await container.start();
      expect((await container.call("pause", "ID")).exitCode).toBe(0);
      expect(await container.file("cgroup.freeze")).toBe("1");
      expect(await container.file("cgroup.events")).toContain("frozen 1");
      expect((await container.state()).status).toBe("paused");
      expect((await container.call("exec", "ID", "true")).exitCode).not.toBe(0);
      expect((await container.call("resume", "ID")).exitCode).toBe(0);
      expect(await container.file("cgroup.freeze")).toBe("0");
      expect((await container.state()).status).toBe("running");
    });

    test("does not keep a container from being deleted by force", async () => {
      await using container = new GuestContainer(machine(), runtime);
      await container.start();
      await container.call("pause", "ID");
      expect((await container.call("delete", "--force", "ID")).exitCode).toBe(0);
      expect(await container.exists()).toBe(false);
    });
  });

  describe("kill", () => {
    test("ends a container without a pid namespace with all its processes", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        change: withoutNamespace("pid"),
        args: ["sh", "-c", "for i in 1 2 3; do setsid sleep 7654 & done; echo up; exec sleep 7654"],
      });
      const command = await container.start();
      await command.printed(/up/);
      const before = await machine().shell(
        `while [ $(wc -l <${container.cgroup}/cgroup.procs) -lt 4 ]; do usleep 1000; done`,
      );
      expect(before.exitCode).toBe(0);
      expect((await container.call("delete", "--force", "ID")).exitCode).toBe(0);
      expect((await machine().run(["ps"])).stdout).not.toContain("sleep 7654");
      // runc 1.1 does not wait for the last of them, and leaves the cgroup.
      if (runtime.name === "sampan") expect(await container.exists()).toBe(false);
    });

    test("with --all signals every process of the cgroup", async () => {
      await using container = new GuestContainer(machine(), runtime, { change: withoutNamespace("pid") });
      await container.start();
      expect((await container.call("kill", "--all", "ID", "KILL")).exitCode).toBe(0);
      const gone = await machine().shell(
        `while grep -q . ${container.cgroup}/cgroup.procs; do usleep 1000; done`,
      );
      expect(gone.exitCode).toBe(0);
    });
  });
}
