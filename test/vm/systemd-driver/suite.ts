/** What a runtime with --systemd-cgroup has to do under a real systemd; a black box, so that runc can be put in ours' place. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { OciConfig } from "../../../src/spec/oci/config.ts";
import { GuestContainer, type ContainerOptions, type Runtime } from "../container.ts";
import type { GuestFile } from "../image.ts";
import type { VirtualMachine } from "../machine.ts";
import { bootSystemd } from "../systemd.ts";
import { describeUser } from "./user.suite.ts";

const MiB = 2 ** 20;

let count = 0;

interface Scope {
  readonly container: GuestContainer;
  readonly unit: string;
}

/** A container in `<slice>/test-<name>.scope`. */
function inScope(machine: VirtualMachine, runtime: Runtime, options: ContainerOptions = {}): Scope {
  const name = `s${++count}`;
  const unit = `test-${name}.scope`;
  const container = new GuestContainer(machine, runtime, {
    cgroupsPath: `system.slice:test:${name}`,
    cgroup: `/system.slice/${unit}`,
    global: ["--systemd-cgroup"],
    ...options,
  });
  return { container, unit };
}

/** Boots one machine for all of it; to be called inside of a describe. */
export function describeSystemdDriver(runtime: Runtime, files: () => readonly GuestFile[]): void {
  let vm: VirtualMachine | undefined;
  beforeAll(async () => {
    vm = await bootSystemd(files());
  }, 600_000);
  afterAll(() => vm?.[Symbol.asyncDispose]());

  const machine = (): VirtualMachine => {
    if (vm === undefined) throw new Error("cannot use the machine: it has not booted");
    return vm;
  };
  const scope = (options?: ContainerOptions): Scope => inScope(machine(), runtime, options);

  /** The unit's properties as systemctl prints them. */
  async function shown(unit: string, ...names: readonly string[]): Promise<Record<string, string>> {
    const { stdout } = await machine().run([
      "systemctl",
      "show",
      unit,
      ...names.map((name) => `--property=${name}`),
    ]);
    const pairs = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/=(.*)/s));
    return Object.fromEntries(pairs.map(([name, value]) => [name ?? "", value ?? ""]));
  }

  test("a container is in a scope of its slice, which is delegated, and gone after delete", async () => {
    const { container, unit } = scope();
    await using _ = container;
    await container.start();
    const { pid } = await container.state();
    expect(await machine().read(`/proc/${pid}/cgroup`)).toBe(`0::/system.slice/${unit}\n`);
    expect(await shown(unit, "ActiveState", "Slice", "ControlGroup", "Delegate", "Transient")).toEqual({
      ActiveState: "active",
      Slice: "system.slice",
      ControlGroup: `/system.slice/${unit}`,
      Delegate: "yes",
      Transient: "yes",
    });
    expect((await container.call("delete", "--force", "ID")).exitCode).toBe(0);
    expect(await shown(unit, "ActiveState", "LoadState")).toEqual({
      ActiveState: "inactive",
      LoadState: "not-found",
    });
    expect(await container.exists()).toBe(false);
  });

  test("run in the foreground gives the exit code, and leaves no unit", async () => {
    const { container, unit } = scope({ args: ["sh", "-c", "echo ran; exit 7"] });
    await using _ = container;
    const { exitCode, stdout } = await container.run();
    expect([exitCode, stdout]).toEqual([7, "ran\n"]);
    expect(await shown(unit, "LoadState")).toEqual({ LoadState: "not-found" });
  });

  test("a slice with dashes is below the slices of its parts", async () => {
    const { container } = scope({
      cgroupsPath: "one-two.slice:test:deep",
      cgroup: "/one.slice/one-two.slice/test-deep.scope",
    });
    await using _ = container;
    await container.start();
    expect(await shown("test-deep.scope", "Slice")).toEqual({ Slice: "one-two.slice" });
    expect(await container.exists()).toBe(true);
  });

  test("limits are properties of the unit and values of its files", async () => {
    const { container, unit } = scope({
      resources: {
        memory: { limit: 64 * MiB, swap: 96 * MiB, reservation: 16 * MiB },
        cpu: { shares: 1024, quota: 50000, period: 100000, cpus: "1" },
        pids: { limit: 42 },
        unified: { "memory.high": String(48 * MiB) },
      },
    });
    await using _ = container;
    await container.start();
    const names = [
      "MemoryMax",
      "MemorySwapMax",
      "MemoryLow",
      "MemoryHigh",
      "CPUWeight",
      "CPUQuotaPerSecUSec",
    ];
    expect(await shown(unit, ...names, "AllowedCPUs", "TasksMax")).toEqual({
      MemoryMax: String(64 * MiB),
      MemorySwapMax: String(32 * MiB),
      MemoryLow: String(16 * MiB),
      MemoryHigh: String(48 * MiB),
      CPUWeight: "39",
      CPUQuotaPerSecUSec: "500ms",
      AllowedCPUs: "1",
      TasksMax: "42",
    });
    const files = ["memory.max", "memory.high", "cpu.weight", "cpu.max", "cpuset.cpus", "pids.max"];
    expect(await Promise.all(files.map((file) => container.file(file)))).toEqual([
      String(64 * MiB),
      String(48 * MiB),
      "39",
      "50000 100000",
      "1",
      "42",
    ]);
  });

  test("update changes the unit, so that a reload of systemd does not take it back", async () => {
    const { container, unit } = scope({
      resources: { memory: { limit: 64 * MiB, swap: 64 * MiB }, pids: { limit: 20 } },
    });
    await using _ = container;
    await container.start();
    const { exitCode, stderr } = await container.call(
      "update",
      "--pids-limit",
      "31",
      "--memory",
      "80M",
      "--memory-swap",
      "80M",
      "ID",
    );
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect((await machine().run(["systemctl", "daemon-reload"])).exitCode).toBe(0);
    expect(await shown(unit, "TasksMax", "MemoryMax")).toEqual({
      TasksMax: "31",
      MemoryMax: String(80 * MiB),
    });
    expect(await container.file("pids.max")).toBe("31");
    expect(await container.file("memory.max")).toBe(String(80 * MiB));
  });

  test("device rules hold, also after a reload of systemd", async () => {
    const { container } = scope({
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "b", major: 254, minor: 0, access: "r" },
        ],
      },
      mounts: [{ destination: "/dev/disk", type: "bind", source: "/dev/vda", options: ["bind"] }],
    });
    await using _ = container;
    await container.start();
    expect((await machine().run(["systemctl", "daemon-reload"])).exitCode).toBe(0);
    expect(
      (await container.exec("head -c 4 /dev/disk >/dev/null && head -c 1 /dev/zero >/dev/null")).exitCode,
    ).toBe(0);
    expect((await container.exec(": >>/dev/disk")).stderr).toContain("Operation not permitted");
  });

  test("annotations set properties of the unit", async () => {
    const { container, unit } = scope({
      change: (config: OciConfig) => {
        config.annotations = {
          "org.systemd.property.TimeoutStopUSec": "uint64 123456789",
          "org.systemd.property.CollectMode": "'inactive-or-failed'",
        };
      },
    });
    await using _ = container;
    await container.start();
    expect(await shown(unit, "TimeoutStopUSec", "CollectMode")).toEqual({
      TimeoutStopUSec: "2min 3.456789s",
      CollectMode: "inactive-or-failed",
    });
  });

  test("exec adds its process to the scope", async () => {
    const { container, unit } = scope({
      change: ({ linux }: OciConfig) => {
        if (linux?.namespaces) linux.namespaces = linux.namespaces.filter(({ type }) => type !== "cgroup");
      },
    });
    await using _ = container;
    await container.start();
    expect((await container.exec("cat /proc/self/cgroup")).stdout).toBe(`0::/system.slice/${unit}\n`);
  });

  test("pause and resume work on the scope", async () => {
    const { container } = scope();
    await using _ = container;
    await container.start();
    expect((await container.call("pause", "ID")).exitCode).toBe(0);
    expect([(await container.state()).status, await container.file("cgroup.freeze")]).toEqual([
      "paused",
      "1",
    ]);
    expect((await container.call("resume", "ID")).exitCode).toBe(0);
    expect((await container.state()).status).toBe("running");
  });

  test("when systemd stops the scope, the container is stopped and can be deleted", async () => {
    const { container, unit } = scope();
    await using _ = container;
    await container.start();
    expect((await machine().run(["systemctl", "stop", unit])).exitCode).toBe(0);
    expect((await container.state()).status).toBe("stopped");
    expect((await container.call("delete", "ID")).exitCode).toBe(0);
  });

  test("a cgroupsPath that is not slice:prefix:name is refused, and no unit is made", async () => {
    const { container } = scope({ cgroupsPath: "/test/plain", cgroup: "/test/plain" });
    await using _ = container;
    const { exitCode } = await container.run();
    expect(exitCode).not.toBe(0);
    expect((await container.call("state", "ID")).exitCode).not.toBe(0);
    expect((await machine().run(["systemctl", "list-units", "--all", "--no-legend", "*plain*"])).stdout).toBe(
      "",
    );
  });

  test("a failure after the scope was made leaves no unit", async () => {
    const { container, unit } = scope({ args: ["/no/such/program"] });
    await using _ = container;
    expect((await container.run()).exitCode).not.toBe(0);
    expect(await shown(unit, "LoadState")).toEqual({ LoadState: "not-found" });
  });

  describeUser(runtime, machine);
}
