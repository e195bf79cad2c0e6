/** What a runtime has to do on a host with every controller of cgroup v1; a black box, so that runc can be put in ours' place. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { OciConfig, OciResources } from "../../../src/spec/oci/config.ts";
import { describeDevices } from "../cgroup-v2/devices.suite.ts";
import { GuestContainer, type Runtime } from "../container.ts";
import type { GuestFile } from "../image.ts";
import { bootVm, type VirtualMachine } from "../machine.ts";
import type { Cgroups } from "../qemu.ts";

const MiB = 2 ** 20;

/** The disk of the guest. */
const disk = { major: 254, minor: 0 };

interface Row {
  readonly field: string;
  readonly resources: OciResources;
  /** `controller/file` to its text. */
  readonly files: Readonly<Record<string, string>>;
}

/** config-linux.md names these files. */
const rows: readonly Row[] = [
  {
    field: "memory.limit",
    resources: { memory: { limit: 64 * MiB } },
    files: { "memory/memory.limit_in_bytes": `${64 * MiB}` },
  },
  {
    field: "memory.swap",
    resources: { memory: { limit: 64 * MiB, swap: 96 * MiB } },
    files: { "memory/memory.memsw.limit_in_bytes": `${96 * MiB}` },
  },
  {
    field: "memory.reservation",
    resources: { memory: { reservation: 16 * MiB } },
    files: { "memory/memory.soft_limit_in_bytes": `${16 * MiB}` },
  },
  {
    field: "memory.swappiness",
    resources: { memory: { swappiness: 10 } },
    files: { "memory/memory.swappiness": "10" },
  },
  {
    field: "memory.disableOOMKiller",
    resources: { memory: { limit: 64 * MiB, disableOOMKiller: true } },
    files: { "memory/memory.oom_control": "oom_kill_disable 1\nunder_oom 0\noom_kill 0" },
  },
  { field: "cpu.shares", resources: { cpu: { shares: 300 } }, files: { "cpu/cpu.shares": "300" } },
  {
    field: "cpu.quota and period",
    resources: { cpu: { quota: 30000, period: 60000 } },
    files: { "cpu/cpu.cfs_quota_us": "30000", "cpu/cpu.cfs_period_us": "60000" },
  },
  {
    field: "cpu.cpus and mems",
    resources: { cpu: { cpus: "1", mems: "0" } },
    files: { "cpuset/cpuset.cpus": "1", "cpuset/cpuset.mems": "0" },
  },
  {
    field: "no cpuset: the parent's",
    resources: {},
    files: { "cpuset/cpuset.cpus": "0-1", "cpuset/cpuset.mems": "0" },
  },
  { field: "pids.limit", resources: { pids: { limit: 20 } }, files: { "pids/pids.max": "20" } },
  {
    field: "blockIO throttles",
    resources: {
      blockIO: {
        throttleReadBpsDevice: [{ ...disk, rate: MiB }],
        throttleWriteBpsDevice: [{ ...disk, rate: 2 * MiB }],
        throttleReadIOPSDevice: [{ ...disk, rate: 300 }],
        throttleWriteIOPSDevice: [{ ...disk, rate: 400 }],
      },
    },
    files: {
      "blkio/blkio.throttle.read_bps_device": `254:0 ${MiB}`,
      "blkio/blkio.throttle.write_bps_device": `254:0 ${2 * MiB}`,
      "blkio/blkio.throttle.read_iops_device": "254:0 300",
      "blkio/blkio.throttle.write_iops_device": "254:0 400",
    },
  },
  {
    field: "hugepageLimits",
    resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MiB }] },
    files: { "hugetlb/hugetlb.2MB.limit_in_bytes": `${4 * MiB}` },
  },
  {
    field: "network.classID",
    resources: { network: { classID: 0x100001 } },
    files: { "net_cls/net_cls.classid": String(0x100001) },
  },
  {
    field: "network.priorities",
    resources: { network: { priorities: [{ name: "lo", priority: 7 }] } },
    files: { "net_prio/net_prio.ifpriomap": "lo 7" },
  },
];

const withoutCgroupNamespace = ({ linux }: OciConfig): void => {
  if (linux?.namespaces) linux.namespaces = linux.namespaces.filter(({ type }) => type !== "cgroup");
};

/** Boots one machine for all of it; to be called inside of a describe. */
export function describeCgroupV1(runtime: Runtime, kind: Cgroups, files: () => readonly GuestFile[]): void {
  let vm: VirtualMachine | undefined;
  beforeAll(async () => {
    vm = await bootVm({ files: files(), memoryMiB: 768, cgroups: kind });
  }, 120_000);
  afterAll(() => vm?.[Symbol.asyncDispose]());

  const machine = (): VirtualMachine => {
    if (vm === undefined) throw new Error("cannot use the machine: it has not booted");
    return vm;
  };

  /** The controllers of each hierarchy with the path in it, as /proc/<pid>/cgroup tells them. */
  async function placesOf(pid: number): Promise<Record<string, string>> {
    const lines = (await machine().read(`/proc/${pid}/cgroup`)).trimEnd().split("\n");
    return Object.fromEntries(lines.map((line) => line.split(":").slice(1) as [string, string]));
  }

  test.each(rows.map((row) => [row.field, row] as const))("%s", async (_, { resources, files: wanted }) => {
    await using container = new GuestContainer(machine(), runtime, { resources });
    await container.start();
    for (const [path, text] of Object.entries(wanted)) {
      const [controller = "", file = ""] = path.split("/");
      expect([path, await container.fileIn(controller, file)]).toEqual([path, text]);
    }
  });

  test("a container is in a cgroup of its own in every hierarchy, all gone after delete", async () => {
    await using container = new GuestContainer(machine(), runtime);
    await container.start();
    const places = await placesOf((await container.state()).pid);
    const hierarchies = Object.keys(places).filter((controllers) => controllers !== "");
    expect(hierarchies.length).toBe(12);
    for (const controllers of hierarchies)
      expect([controllers, places[controllers]]).toEqual([controllers, container.cgroupsPath]);
    expect((await container.call("delete", "--force", "ID")).exitCode).toBe(0);
    const { stdout } = await machine().shell(`find /sys/fs/cgroup/ -type d -name ${container.id}`);
    expect(stdout).toBe("");
  });

  test("pause and resume use the freezer", async () => {
    await using container = new GuestContainer(machine(), runtime);
    await container.start();
    expect((await container.call("pause", "ID")).exitCode).toBe(0);
    expect([(await container.state()).status, await container.fileIn("freezer", "freezer.state")]).toEqual([
      "paused",
      "FROZEN",
    ]);
    expect((await container.call("resume", "ID")).exitCode).toBe(0);
    expect([(await container.state()).status, await container.fileIn("freezer", "freezer.state")]).toEqual([
      "running",
      "THAWED",
    ]);
  });

  test("events tells when the kernel has killed for want of memory", async () => {
    await using container = new GuestContainer(machine(), runtime, {
      resources: { memory: { limit: 16 * MiB, swap: 16 * MiB } },
      args: [
        "sh",
        "-c",
        "until [ -e /tmp/go ]; do usleep 10000; done; tail -c 100000000 /dev/zero; exec sleep 1000",
      ],
    });
    await container.start();
    const events = machine().start(container.argv("events", "--interval", "100ms", "ID"));
    await events.printed(/"type":"stats"/);
    expect((await container.exec(": >/tmp/go")).exitCode).toBe(0);
    await events.printed(/"type":"oom"/);
    events.kill();
  });

  test("a mount of type cgroup has a folder for each hierarchy, with the container's cgroup as its root", async () => {
    await using container = new GuestContainer(machine(), runtime, {
      resources: { pids: { limit: 19 } },
      mounts: [
        {
          destination: "/sys/fs/cgroup",
          type: "cgroup",
          source: "cgroup",
          options: ["ro", "nosuid", "nodev", "noexec"],
        },
      ],
      args: [
        "sh",
        "-c",
        "cd /sys/fs/cgroup; cat pids/pids.max; ls -d cpu memory cpu,cpuacct net_cls; mkdir pids/sub",
      ],
    });
    const { stdout, stderr } = await container.run();
    expect(stdout).toBe("19\ncpu\ncpu,cpuacct\nmemory\nnet_cls\n");
    expect(stderr).toContain("Read-only file system");
  });

  test("a mount of type cgroup shows the same without a cgroup namespace", async () => {
    await using container = new GuestContainer(machine(), runtime, {
      resources: { pids: { limit: 21 } },
      mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] }],
      args: ["sh", "-c", "cat /sys/fs/cgroup/pids/pids.max"],
      change: withoutCgroupNamespace,
    });
    expect((await container.run()).stdout).toBe("21\n");
  });

  describeDevices(runtime, machine);
}
