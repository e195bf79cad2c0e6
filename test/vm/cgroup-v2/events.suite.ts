/** `events` and `ps` on cgroup v2. */
import { describe, expect, test } from "bun:test";
import { GuestContainer, type Runtime } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";

const MiB = 2 ** 20;

export function describeEvents(runtime: Runtime, machine: () => VirtualMachine): void {
  describe("events", () => {
    test("--stats tells what the cgroup's files say", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        resources: { memory: { limit: 64 * MiB }, pids: { limit: 25 } },
      });
      await container.start();
      const { stdout, exitCode } = await container.call("events", "--stats", "ID");
      expect(exitCode).toBe(0);
      const event = JSON.parse(stdout);
      expect([event.type, event.id]).toEqual(["stats", container.id]);
      expect(event.data.memory.usage.limit).toBe(64 * MiB);
      expect(event.data.memory.usage.usage).toBeGreaterThan(0);
      expect(event.data.pids.limit).toBe(25);
      expect(event.data.pids.current).toBeGreaterThanOrEqual(1);
      expect(event.data.cpu.usage.total).toBeGreaterThan(0);
      expect(event.data.cpu.usage.kernel + event.data.cpu.usage.user).toBeGreaterThan(0);
      expect(event.data.hugetlb).toHaveProperty("2MB");
    });

    test("tells when the kernel has killed for want of memory", async () => {
      const script =
        "until [ -e /tmp/go ]; do usleep 10000; done; tail -c 100000000 /dev/zero; exec sleep 1000";
      await using container = new GuestContainer(machine(), runtime, {
        resources: { memory: { limit: 16 * MiB, swap: 16 * MiB } },
        args: ["sh", "-c", script],
      });
      await container.start();
      const events = machine().start(container.argv("events", "--interval", "100ms", "ID"));
      // The first numbers show that it watches.
      await events.printed(/"type":"stats"/);
      expect((await container.exec(": >/tmp/go")).exitCode).toBe(0);
      await events.printed(/"type":"oom"/);
      expect(await container.file("memory.events")).toMatch(/oom_kill [1-9]/);
      await container.call("kill", "ID", "KILL");
      expect((await events.result).exitCode).toBe(0);
    });

    test("ps lists every process of the cgroup", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        args: ["sh", "-c", "sleep 1000 & echo up; wait"],
      });
      await (await container.start()).printed(/up/);
      const { stdout } = await container.call("ps", "--format", "json", "ID");
      const listed = (JSON.parse(stdout) as number[]).map(String).toSorted();
      expect(listed).toEqual((await container.file("cgroup.procs")).split("\n").toSorted());
      expect(listed.length).toBe(2);
    });
  });
}
