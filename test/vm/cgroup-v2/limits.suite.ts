/** linux.resources, field by field, in the files of cgroup v2; and what the limits do. */
import { describe, expect, test } from "bun:test";
import type { OciResources } from "../../../src/spec/oci/config.ts";
import { GuestContainer, type Runtime } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";
import { rowsFor } from "./limit-rows.ts";

const MiB = 2 ** 20;

/** What cannot be had is refused. A pattern is what our message says; runc only has to fail too. */
const refusals: readonly {
  readonly why: string;
  readonly resources: OciResources;
  readonly message: RegExp;
  /** runc 1.1 passes it over. */
  readonly oursOnly?: boolean;
}[] = [
  {
    why: "a unified file whose controller the host has not",
    resources: { unified: { "absent.max": "1" } },
    message: /linux\.resources\.unified\["absent\.max"\].*no controller "absent"/,
  },
  {
    why: "a unified file that is not there",
    resources: { unified: { "memory.absent": "1" } },
    message: /linux\.resources\.unified\["memory\.absent"\]/,
  },
  {
    why: "a value that the kernel does not take",
    resources: { cpu: { cpus: "77" } },
    message: /linux\.resources\.cpu\.cpus/,
  },
  {
    why: "swap below the limit",
    resources: { memory: { limit: 64 * MiB, swap: 32 * MiB } },
    message: /linux\.resources\.memory\.swap/,
  },
  {
    why: "a field that only v1 has",
    resources: { memory: { swappiness: 10 } },
    message: /linux\.resources\.memory\.swappiness: the host has cgroup v2/,
    oursOnly: true,
  },
];

export function describeLimits(runtime: Runtime, machine: () => VirtualMachine): void {
  describe("limits", () => {
    test.each(rowsFor(runtime).map((row) => [row.field, row] as const))(
      "%s",
      async (_, { resources, files }) => {
        await using container = new GuestContainer(machine(), runtime, { resources });
        await container.start();
        for (const [file, text] of Object.entries(files))
          expect([file, await container.file(file)]).toEqual([file, text]);
      },
    );

    test.each(
      refusals
        .filter((row) => runtime.name === "sampan" || !row.oursOnly)
        .map((row) => [row.why, row] as const),
    )("%s is refused, and nothing is left", async (_, row) => {
      await using container = new GuestContainer(machine(), runtime, { resources: row.resources });
      const { exitCode, stderr } = await container.run();
      expect(exitCode).not.toBe(0);
      if (runtime.name === "sampan") expect(stderr.replaceAll('\\"', '"')).toMatch(row.message);
      expect(await container.exists()).toBe(false);
      expect((await container.call("state", "ID")).exitCode).not.toBe(0);
    });

    test("a container cannot have more processes than pids.limit", async () => {
      const script = "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done";
      await using container = new GuestContainer(machine(), runtime, {
        resources: { pids: { limit: 5 } },
        args: ["sh", "-c", script],
      });
      const { exitCode, stderr } = await container.run();
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain("can't fork");
    });

    test("a container that uses more memory than memory.limit is killed", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        resources: { memory: { limit: 16 * MiB, swap: 16 * MiB } },
        args: ["sh", "-c", "exec tail -c 100000000 /dev/zero"],
      });
      expect((await container.run()).exitCode).toBe(128 + 9);
    });

    test("a container runs on the processors of cpu.cpus only", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        resources: { cpu: { cpus: "1" } },
        args: ["grep", "Cpus_allowed_list", "/proc/self/status"],
      });
      expect((await container.run()).stdout).toBe("Cpus_allowed_list:\t1\n");
    });
  });

  describe("update", () => {
    test("changes the limits that are named and leaves the others", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        resources: {
          memory: { limit: 64 * MiB, swap: 64 * MiB },
          pids: { limit: 20 },
          cpu: { shares: 1024 },
        },
      });
      await container.start();
      const { exitCode, stderr } = await container.call(
        "update",
        "--pids-limit",
        "30",
        "--cpu-quota",
        "40000",
        "ID",
      );
      expect([exitCode, stderr]).toEqual([0, ""]);
      const files = ["pids.max", "cpu.max", "cpu.weight", "memory.max", "memory.swap.max"];
      expect(await Promise.all(files.map((file) => container.file(file)))).toEqual([
        "30",
        "40000 100000",
        "39",
        `${64 * MiB}`,
        "0",
      ]);
    });

    test("raises and lowers memory with swap in one step", async () => {
      const resources = { memory: { limit: 64 * MiB, swap: 96 * MiB } };
      await using container = new GuestContainer(machine(), runtime, { resources });
      await container.start();
      for (const limit of [256, 32]) {
        const memory = { limit: limit * MiB, swap: (limit + 10) * MiB };
        const { exitCode, stderr } = await machine().run(container.argv("update", "--resources", "-", "ID"), {
          input: JSON.stringify({ memory }),
        });
        expect([exitCode, stderr]).toEqual([0, ""]);
        expect(await container.file("memory.max")).toBe(`${limit * MiB}`);
        expect(await container.file("memory.swap.max")).toBe(`${10 * MiB}`);
      }
    });

    test("of what the kernel refuses fails, and the container goes on", async () => {
      await using container = new GuestContainer(machine(), runtime);
      await container.start();
      expect((await container.call("update", "--cpuset-cpus", "99", "ID")).exitCode).not.toBe(0);
      expect((await container.state()).status).toBe("running");
    });
  });
}
