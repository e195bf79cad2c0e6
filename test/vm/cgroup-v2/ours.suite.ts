/** What our runtime does on cgroup v2 beyond what runc 1.1 can be asked for. */
import { describe, expect, test } from "bun:test";
import { GuestContainer, ours } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";

const MiB = 2 ** 20;

export function describeOurs(machine: () => VirtualMachine): void {
  describe("beyond runc 1.1", () => {
    test("the first process starts in its cgroup, and is never moved there", async () => {
      const record = "/tmp/clone";
      await using container = new GuestContainer(machine(), ours, {
        prefix: ["strace", "-f", "-e", "trace=clone3,openat", "-o", record],
        args: ["true"],
      });
      expect((await container.run()).exitCode).toBe(0);
      const calls = await machine().read(record);
      expect(calls).toMatch(/clone3\(\{flags=[^}]*CLONE_INTO_CGROUP[^}]*cgroup=\d+/);
      expect(calls).not.toMatch(/openat\([^)]*cgroup\.procs[^)]*O_(WRONLY|RDWR)/);
    });

    test("a container in a user namespace may make cgroups below its own, and may not change its limits", async () => {
      await using container = new GuestContainer(machine(), ours, {
        resources: { pids: { limit: 50 } },
        mounts: [{ destination: "/tmp/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid"] }],
        change: ({ linux, process }) => {
          linux?.namespaces?.push({ type: "user" });
          if (linux)
            linux.uidMappings = linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
          if (process) process.capabilities = {};
        },
      });
      await container.start();
      const owner = async (name: string): Promise<string> =>
        (await machine().run(["stat", "-c", "%u", `${container.cgroup}/${name}`])).stdout.trim();
      expect([await owner("."), await owner("cgroup.procs"), await owner("pids.max")]).toEqual([
        "100000",
        "100000",
        "0",
      ]);
      const made = await container.exec("mkdir /tmp/cgroup/part && echo $$ >/tmp/cgroup/part/cgroup.procs");
      expect([made.exitCode, made.stderr]).toEqual([0, ""]);
      expect((await container.exec("echo 99 >/tmp/cgroup/pids.max")).exitCode).not.toBe(0);
    });

    test("update with checkBeforeUpdate refuses a limit that is below what is in use", async () => {
      await using container = new GuestContainer(machine(), ours, {
        args: ["sh", "-c", "head -c 20000000 /dev/zero >/tmp/held; echo held; exec sleep 1000"],
        resources: { memory: { limit: 64 * MiB } },
      });
      await (await container.start()).printed(/held/);
      const memory = { limit: 8 * MiB, checkBeforeUpdate: true };
      const update = container.argv("update", "--resources", "-", "ID");
      const { exitCode, stderr } = await machine().run(update, { input: JSON.stringify({ memory }) });
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain("linux.resources.memory.limit");
      expect(await container.file("memory.max")).toBe(String(64 * MiB));
    });

    test("events --stats has the pressure of cpu, memory and io", async () => {
      await using container = new GuestContainer(machine(), ours);
      await container.start();
      const { data } = JSON.parse((await container.call("events", "--stats", "ID")).stdout);
      for (const kind of ["cpu", "memory", "blkio"]) {
        expect(data[kind].psi.some).toEqual({
          avg10: expect.any(Number),
          avg60: expect.any(Number),
          avg300: expect.any(Number),
          total: expect.any(Number),
        });
      }
    });
  });
}
