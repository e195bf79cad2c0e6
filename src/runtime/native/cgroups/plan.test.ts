import { describe, expect, test } from "bun:test";
import type { OciResources } from "../../../spec/oci/config.ts";
import type { Operation } from "../plan/operations.ts";
import type { CgroupFiles } from "./host.ts";
import type { CgroupPaths } from "./paths.ts";
import { planCgroups } from "./plan.ts";

/** Operations as short lines: `mkdir /a`, `/a/b=1`. A tolerated failure is shown as `?`. */
function lines(operations: readonly Operation[]): string[] {
  return operations.map(({ name, args, tolerate }) => {
    const mark = tolerate === undefined ? "" : "?";
    const path = String(args["path"]);
    return name === "write" ? `${path}=${String(args["data"])}${mark}` : `${name} ${path}${mark}`;
  });
}

function filesOf(
  tree: Record<string, string>,
  writable: (path: string) => boolean = () => true,
): CgroupFiles {
  return { read: (path) => tree[path], writable };
}

const nothing = filesOf({});
const names = ["memory", "cpu", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"];

function v1Paths(controllers: readonly string[] = names): CgroupPaths {
  const entries = (dir: string) => Object.fromEntries(controllers.map((name) => [name, `/${name}${dir}`]));
  return { version: 1, dirs: entries("/c"), bases: entries(""), explicit: false };
}

function v1(resources: OciResources, files: CgroupFiles = nothing, paths = v1Paths()): string[] {
  return lines(planCgroups({ resources, paths, files }).create).filter((line) => !line.startsWith("mkdir"));
}

describe("v1 directories", () => {
  test("each level below the base is made, merged controllers once, and all are joined", () => {
    const dirs = { cpu: "/m/cpu,cpuacct/a/b", cpuacct: "/m/cpu,cpuacct/a/b", freezer: "/m/freezer/a/b" };
    const bases = { cpu: "/m/cpu,cpuacct", cpuacct: "/m/cpu,cpuacct", freezer: "/m/freezer" };
    const plan = planCgroups({ paths: { version: 1, dirs, bases, explicit: true }, files: nothing });
    expect(lines(plan.create)).toEqual([
      "mkdir /m/cpu,cpuacct/a?",
      "mkdir /m/cpu,cpuacct/a/b?",
      "mkdir /m/freezer/a?",
      "mkdir /m/freezer/a/b?",
    ]);
    expect(plan.join).toEqual(["/m/cpu,cpuacct/a/b/cgroup.procs", "/m/freezer/a/b/cgroup.procs"]);
    expect(plan.create[0]?.why).toBe("linux.cgroupsPath");
  });

  test("a cpuset gets what its parent has, at each level that has nothing", () => {
    const paths = {
      version: 1,
      dirs: { cpuset: "/cs/a/b" },
      bases: { cpuset: "/cs" },
      explicit: true,
    } as const;
    const root = { "/cs/cpuset.cpus": "0-3\n", "/cs/cpuset.mems": "0\n" };
    const cpuset = (resources: OciResources, more: Record<string, string>) =>
      lines(planCgroups({ resources, paths, files: filesOf({ ...root, ...more }) }).create);
    expect(cpuset({}, {})).toEqual([
      "mkdir /cs/a?",
      "/cs/a/cpuset.cpus=0-3",
      "/cs/a/cpuset.mems=0",
      "mkdir /cs/a/b?",
      "/cs/a/b/cpuset.cpus=0-3",
      "/cs/a/b/cpuset.mems=0",
    ]);
    expect(
      cpuset({ cpu: { cpus: "2" } }, { "/cs/a/cpuset.cpus": "1-2\n", "/cs/a/cpuset.mems": "\n" }),
    ).toEqual([
      "mkdir /cs/a?",
      "/cs/a/cpuset.mems=0",
      "mkdir /cs/a/b?",
      "/cs/a/b/cpuset.mems=0",
      "/cs/a/b/cpuset.cpus=2",
    ]);
  });
});

describe("v1 limits", () => {
  test.each([
    [{ limit: 100 }, ["limit_in_bytes=100"]],
    [{ limit: 100, swap: 200 }, ["limit_in_bytes=100", "memsw.limit_in_bytes=200"]],
    [{ limit: 100, swap: -1 }, ["memsw.limit_in_bytes=-1", "limit_in_bytes=100"]],
    [{ limit: -1 }, ["memsw.limit_in_bytes=-1?", "limit_in_bytes=-1"]],
    [{ limit: 0, swap: 0, reservation: 0 }, []],
    [{ reservation: 5, kernel: 7, kernelTCP: 7 }, ["soft_limit_in_bytes=5"]],
    [
      { swappiness: 0, disableOOMKiller: true, useHierarchy: true },
      ["use_hierarchy=1", "oom_control=1", "swappiness=0"],
    ],
    [{ disableOOMKiller: false, useHierarchy: false, checkBeforeUpdate: true }, []],
  ])("memory %j of a new cgroup is %j", (memory, wanted) => {
    expect(v1({ memory })).toEqual(wanted.map((text) => `/memory/c/memory.${text}`));
  });

  test("memory above 2^53 is exact", () => {
    expect(v1({ memory: { limit: 9007199254740993n } })).toEqual([
      "/memory/c/memory.limit_in_bytes=9007199254740993",
    ]);
  });

  test.each([
    ["50", ["memsw.limit_in_bytes=200", "limit_in_bytes=100"]],
    ["300", ["limit_in_bytes=100", "memsw.limit_in_bytes=200"]],
  ])(
    "memory and swap of a cgroup whose limit is %p go in the order that keeps limit ≤ swap",
    (now, wanted) => {
      const files = filesOf({ "/memory/c/memory.limit_in_bytes": `${now}\n` });
      expect(v1({ memory: { limit: 100, swap: 200 } }, files)).toEqual(
        wanted.map((t) => `/memory/c/memory.${t}`),
      );
    },
  );

  test.each([
    [{ shares: 512 }, ["shares=512"]],
    [{ shares: 0, quota: 0, period: 0, realtimePeriod: 0, realtimeRuntime: 0 }, []],
    [{ quota: -1 }, ["cfs_quota_us=-1"]],
    [
      { quota: 5000, period: 10000, burst: 100 },
      ["cfs_period_us=10000", "cfs_quota_us=5000", "cfs_burst_us=100"],
    ],
    [{ burst: 0 }, ["cfs_burst_us=0?"]],
    [{ realtimeRuntime: 9, realtimePeriod: 10, idle: 1 }, ["rt_period_us=10", "rt_runtime_us=9", "idle=1"]],
  ])("cpu %j of a new cgroup is %j", (cpu, wanted) => {
    expect(v1({ cpu })).toEqual(wanted.map((text) => `/cpu/c/cpu.${text}`));
  });

  test("period and burst of a cgroup with a quota are tried first and written again behind the quota", () => {
    const files = filesOf({ "/cpu/c/cpu.cfs_quota_us": "-1\n" });
    expect(v1({ cpu: { quota: 5, period: 10, burst: 1 } }, files)).toEqual([
      "/cpu/c/cpu.cfs_period_us=10?",
      "/cpu/c/cpu.cfs_burst_us=1?",
      "/cpu/c/cpu.cfs_quota_us=5",
      "/cpu/c/cpu.cfs_period_us=10",
      "/cpu/c/cpu.cfs_burst_us=1",
    ]);
  });

  test("everything else has its file", () => {
    const device = { major: 8, minor: 16 };
    const resources: OciResources = {
      pids: { limit: 7 },
      blockIO: {
        weight: 500,
        leafWeight: 300,
        weightDevice: [{ ...device, weight: 100, leafWeight: 200 }],
        throttleReadBpsDevice: [{ ...device, rate: 1 }],
        throttleWriteBpsDevice: [{ ...device, rate: 2 }],
        throttleReadIOPSDevice: [{ ...device, rate: 3 }],
        throttleWriteIOPSDevice: [{ ...device, rate: 18446744073709551615n }],
      },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      network: { classID: 1048577, priorities: [{ name: "eth0", priority: 5 }] },
      rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 }, mlx4_0: { hcaObjects: 1 } },
    };
    expect(v1(resources)).toEqual([
      "/pids/c/pids.max=7",
      "/blkio/c/blkio.weight=500?",
      "/blkio/c/blkio.bfq.weight=500",
      "/blkio/c/blkio.leaf_weight=300",
      "/blkio/c/blkio.weight_device=8:16 100?",
      "/blkio/c/blkio.bfq.weight_device=8:16 100",
      "/blkio/c/blkio.leaf_weight_device=8:16 200",
      "/blkio/c/blkio.throttle.read_bps_device=8:16 1",
      "/blkio/c/blkio.throttle.write_bps_device=8:16 2",
      "/blkio/c/blkio.throttle.read_iops_device=8:16 3",
      "/blkio/c/blkio.throttle.write_iops_device=8:16 18446744073709551615",
      "/hugetlb/c/hugetlb.2MB.limit_in_bytes=0",
      "/hugetlb/c/hugetlb.2MB.rsvd.limit_in_bytes=0?",
      "/net_cls/c/net_cls.classid=1048577",
      "/net_prio/c/net_prio.ifpriomap=eth0 5",
      "/rdma/c/rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
      "/rdma/c/rdma.max=mlx4_0 hca_object=1",
    ]);
  });

  test.each([
    [-1, ["/pids/c/pids.max=max"]],
    [0, []],
  ])("a limit of %p pids is %p", (limit, wanted) => {
    expect(v1({ pids: { limit } })).toEqual(wanted);
  });

  test.each([
    [{ cpu: { shares: 1 } }, "linux.resources.cpu.shares 1"],
    [{ cpu: { shares: 262145 } }, "linux.resources.cpu.shares 262145"],
    [{ memory: { swappiness: 101 } }, "linux.resources.memory.swappiness 101"],
    [{ unified: { "memory.high": "1" } }, "linux.resources.unified"],
  ] as [OciResources, string][])("%j is refused, naming the field", (resources, text) => {
    expect(() => v1(resources)).toThrow(text);
  });

  test.each([
    [{ memory: { limit: 1 } }, "memory.limit"],
    [{ cpu: { cpus: "0" } }, "cpu.cpus"],
    [{ cpu: { quota: 1 } }, "cpu.quota"],
    [{ pids: { limit: 1 } }, "pids.limit"],
    [{ blockIO: { weight: 10 } }, "blockIO.weight"],
    [{ hugepageLimits: [{ pageSize: "2MB", limit: 1 }] }, "hugepageLimits[0]"],
    [{ network: { classID: 1 } }, "network.classID"],
    [{ network: { priorities: [{ name: "lo", priority: 1 }] } }, "network.priorities[0]"],
    [{ rdma: { x: { hcaHandles: 1 } } }, "rdma.x"],
  ] as [OciResources, string][])(
    "without its hierarchy %j is refused, naming the field",
    (resources, field) => {
      expect(() => v1(resources, nothing, v1Paths([]))).toThrow(
        `cannot set linux.resources.${field}: the container has no`,
      );
    },
  );

  test("resources without values need no hierarchy", () => {
    const resources = {
      memory: {},
      cpu: {},
      pids: {},
      blockIO: {},
      network: {},
      hugepageLimits: [],
      rdma: {},
    };
    expect(v1(resources, nothing, v1Paths([]))).toEqual([]);
  });

  test("fields that no kernel follows any more are warned of", () => {
    const warned = (resources: OciResources) =>
      planCgroups({ resources, paths: v1Paths(), files: nothing }).warnings;
    expect(warned({ memory: { kernel: 1 } })).toEqual([expect.stringContaining("memory.kernel")]);
    expect(warned({ memory: { useHierarchy: false } })).toEqual([expect.stringContaining("useHierarchy")]);
    expect(warned({ memory: { limit: 1 } })).toEqual([]);
  });
});

describe("devices", () => {
  const paths = v1Paths(["devices"]);

  test("a new v1 cgroup is emptied and gets the allowed devices, one that has them gets nothing", () => {
    const fresh = v1({}, nothing, paths);
    expect(fresh[0]).toBe("/devices/c/devices.deny=a *:* rwm");
    expect(fresh).toContain("/devices/c/devices.allow=c 1:3 rwm");
    const list = fresh
      .slice(1)
      .map((line) => line.slice(line.indexOf("=") + 1))
      .join("\n");
    expect(v1({}, filesOf({ "/devices/c/devices.list": list }), paths)).toEqual([]);
  });

  test("an ordinary user's container, and one in a user namespace, has none", () => {
    for (const options of [{ rootless: true }, { inUserNamespace: true }]) {
      const plan = planCgroups({ paths, files: nothing, ...options });
      expect(lines(plan.create)).toEqual(["mkdir /devices/c?"]);
    }
  });
});

describe("an ordinary user's v1 cgroups", () => {
  const files = filesOf({}, (path) => path === "/pids");

  test("are those that he may make, when no path was asked for", () => {
    const plan = planCgroups({ paths: v1Paths(), rootless: true, files });
    expect(plan.dirs).toEqual({ pids: "/pids/c" });
    expect(plan.join).toEqual(["/pids/c/cgroup.procs"]);
    expect(() =>
      planCgroups({ paths: v1Paths(), rootless: true, files, resources: { memory: { limit: 1 } } }),
    ).toThrow("linux.resources.memory.limit");
  });

  test("are all, when a path was asked for", () => {
    const paths = { ...v1Paths(), explicit: true };
    expect(Object.keys(planCgroups({ paths, rootless: true, files }).dirs)).toEqual(names);
  });
});

describe("v2", () => {
  const controllers = "cpuset cpu io memory hugetlb pids rdma\n";
  const mounted = { "/m/cgroup.controllers": controllers };
  const enabled = { ...mounted, "/m/cgroup.subtree_control": controllers };
  const paths = (dir = "/m/c"): CgroupPaths => ({
    version: 2,
    dirs: { "": dir },
    bases: { "": "/m" },
    mount: "/m",
    explicit: true,
  });
  const plan = (resources: OciResources, tree: Record<string, string> = enabled, dir = "/m/c") =>
    planCgroups({ resources, paths: paths(dir), files: filesOf(tree) });
  const limits = (resources: OciResources, tree = enabled) =>
    lines(plan(resources, tree).create).slice(1, -1);

  test("the directory is made, opened for clone, and gets the device program", () => {
    const made = plan({});
    expect(lines(made.create)).toEqual(["mkdir /m/c?", "open /m/c"]);
    expect(made.create[1]?.args["out"]).toBe(9);
    expect(made.unified).toBe("/m/c");
    expect(made.join).toEqual([]);
    expect(made.bpf?.map((step) => step.name)).toEqual(["bpf_load", "bpf_attach", "close"]);
    expect(made.bpf?.[1]?.args).toEqual({ target: 9, program: 19, type: 6, flags: 2 });
  });

  test("controllers that are not enabled yet are, at each level but the last", () => {
    const tree = {
      ...mounted,
      "/m/cgroup.controllers": "cpu memory\n",
      "/m/cgroup.subtree_control": "cpu\n",
    };
    expect(lines(plan({}, tree, "/m/a/c").create)).toEqual([
      "/m/cgroup.subtree_control=+memory?",
      "mkdir /m?",
      "/m/cgroup.subtree_control=+memory?",
      "mkdir /m/a?",
      "/m/a/cgroup.subtree_control=+cpu +memory?",
      "mkdir /m/a?",
      "/m/a/cgroup.subtree_control=+cpu?",
      "/m/a/cgroup.subtree_control=+memory?",
      "mkdir /m/a/c?",
      "open /m/a/c",
    ]);
  });

  test("when all could be enabled at once, the single writes are skipped", () => {
    const [first, skip, ...singles] = plan({}, mounted).create;
    expect(first?.tolerate).toEqual({ errnos: "any", skip: 1 });
    expect(skip?.tolerate).toEqual({ errnos: [17], skip: 7 });
    expect(lines(singles).slice(0, 8).at(-1)).toBe("mkdir /m/c?");
  });

  test("below a threaded cgroup the new one is threaded, and has no domain limits", () => {
    const tree = {
      ...enabled,
      "/m/a/cgroup.type": "domain threaded\n",
      "/m/a/cgroup.subtree_control": controllers,
    };
    const made = plan({ pids: { limit: 3 } }, tree, "/m/a/c");
    expect(lines(made.create)).toEqual([
      "mkdir /m/a/c?",
      "/m/a/c/cgroup.type=threaded",
      "/m/a/c/pids.max=3",
      "open /m/a/c",
    ]);
    expect(made.unified).toBeUndefined();
    expect(made.join).toEqual(["/m/a/c/cgroup.procs"]);
    expect(() => plan({ memory: { limit: 1 } }, tree, "/m/a/c")).toThrow('is of type "domain threaded"');
  });

  test.each([
    [{ limit: 100 }, ["max=100"]],
    [{ limit: -1 }, ["swap.max=max?", "max=max"]],
    [{ limit: 100, swap: 150, reservation: 50 }, ["swap.max=50", "max=100", "low=50"]],
    [{ limit: 100, swap: 100 }, ["swap.max=0?", "max=100"]],
    [{ limit: 100, swap: -1 }, ["swap.max=max?", "max=100"]],
    [{ limit: -1, swap: 70 }, ["swap.max=70", "max=max"]],
    [{ reservation: -1 }, ["low=max"]],
  ])("memory %j is %j", (memory, wanted) => {
    expect(limits({ memory })).toEqual(wanted.map((text) => `/m/c/memory.${text}`));
  });

  test("memory above 2^53 is exact", () => {
    const memory = { limit: 9007199254740993n, swap: 9007199254740995n };
    expect(limits({ memory })).toEqual(["/m/c/memory.swap.max=2", "/m/c/memory.max=9007199254740993"]);
  });

  test.each([
    [{ shares: 2 }, ["cpu.weight=1"]],
    [{ shares: 1024 }, ["cpu.weight=39"]],
    [{ shares: 262144 }, ["cpu.weight=10000"]],
    [{ quota: 5000 }, ["cpu.max=5000 100000"]],
    [{ quota: -1, period: 20000 }, ["cpu.max=max 20000"]],
    [{ period: 20000 }, ["cpu.max=max 20000"]],
    [{ quota: 5000, burst: 100 }, ["cpu.max=5000 100000", "cpu.max.burst=100"]],
    [{ idle: 1, cpus: "0-1", mems: "0" }, ["cpu.idle=1", "cpuset.cpus=0-1", "cpuset.mems=0"]],
  ])("cpu %j is %j", (cpu, wanted) => {
    expect(limits({ cpu })).toEqual(wanted.map((text) => `/m/c/${text}`));
  });

  test("what is not given of quota and period stays as it is", () => {
    const tree = { ...enabled, "/m/c/cpu.max": "7000 20000\n", "/m/c/cgroup.type": "domain\n" };
    const written = (cpu: OciResources["cpu"]) => lines(plan({ cpu: cpu ?? {} }, tree).create).slice(0, -1);
    expect(written({ quota: 5000 })).toEqual(["/m/c/cpu.max=5000 20000"]);
    expect(written({ period: 30000 })).toEqual(["/m/c/cpu.max=7000 30000"]);
    expect(written({ quota: 90, burst: 5 })).toEqual([
      "/m/c/cpu.max.burst=5?",
      "/m/c/cpu.max=90 20000",
      "/m/c/cpu.max.burst=5",
    ]);
  });

  test("the rest has its file, and unified goes last as it is, a write for each line", () => {
    const device = { major: 8, minor: 0 };
    const resources: OciResources = {
      pids: { limit: -1 },
      blockIO: {
        weight: 500,
        weightDevice: [{ ...device, weight: 10 }],
        throttleReadBpsDevice: [{ ...device, rate: 1 }],
        throttleWriteIOPSDevice: [{ ...device, rate: 4 }],
      },
      hugepageLimits: [{ pageSize: "1GB", limit: 5 }],
      rdma: { mlx: { hcaHandles: 2 } },
      unified: { "memory.high": "1024", "io.max": "8:0 rbps=1\n8:16 rbps=2\n", "cgroup.freeze": "0" },
    };
    expect(limits(resources)).toEqual([
      "/m/c/pids.max=max",
      "/m/c/io.bfq.weight=500?",
      "mkdir /m/c?",
      "/m/c/io.weight=4950",
      "/m/c/io.bfq.weight=8:0 10?",
      "mkdir /m/c?",
      "/m/c/io.weight=8:0 1",
      "/m/c/io.max=8:0 rbps=1",
      "/m/c/io.max=8:0 wiops=4",
      "/m/c/hugetlb.1GB.max=5",
      "/m/c/hugetlb.1GB.rsvd.max=5?",
      "/m/c/rdma.max=mlx hca_handle=2",
      "/m/c/memory.high=1024",
      "/m/c/io.max=8:0 rbps=1",
      "/m/c/io.max=8:16 rbps=2",
      "/m/c/cgroup.freeze=0",
    ]);
  });

  test.each([
    [{ memory: { swap: 5 } }, "memory.swap 5: memory.limit is not set"],
    [{ memory: { limit: 9, swap: 5 } }, "memory.swap 5: it is memory and swap together"],
    [{ memory: { swappiness: 60 } }, "memory.swappiness: the host has cgroup v2"],
    [{ memory: { disableOOMKiller: true } }, "memory.disableOOMKiller: the host has cgroup v2"],
    [{ cpu: { realtimeRuntime: 1 } }, "cpu.realtimeRuntime: the host has cgroup v2"],
    [{ blockIO: { leafWeight: 10 } }, "blockIO.leafWeight: the host has cgroup v2"],
    [{ network: { classID: 1 } }, "network.classID: the host has cgroup v2"],
    [{ unified: { "../memory.max": "1" } }, 'unified["../memory.max"]: a file\'s name'],
    [{ unified: { memory: "1" } }, 'unified["memory"]: a file\'s name'],
    [{ unified: { "foo.bar": "1" } }, 'unified["foo.bar"]: the host has no controller "foo"'],
  ] as [OciResources, string][])("%j is refused: %s", (resources, text) => {
    expect(() => plan(resources)).toThrow(`cannot set linux.resources.${text}`);
  });

  test("a limit whose controller the host lacks is refused, naming the field", () => {
    const tree = { "/m/cgroup.controllers": "cpu\n", "/m/cgroup.subtree_control": "cpu\n" };
    expect(() => plan({ memory: { limit: 1 } }, tree)).toThrow(
      "cannot set linux.resources.memory.limit: the container has no",
    );
  });

  test("an ordinary user without rights has no cgroup, and no limits", () => {
    const files = filesOf(enabled, () => false);
    const options = { paths: { ...paths(), explicit: false }, rootless: true, files };
    expect(planCgroups(options)).toEqual({ create: [], join: [], chown: [], dirs: {}, warnings: [] });
    expect(() => planCgroups({ ...options, resources: { pids: { limit: 5 } } })).toThrow(
      "may not be written",
    );
  });

  test("a cgroup that is given away is given with the files that the kernel lists", () => {
    const tree = { ...enabled, "/sys/kernel/cgroup/delegate": "cgroup.procs\nmemory.oom.group\n" };
    const made = planCgroups({ paths: paths(), ownerUid: 1000, files: filesOf(tree) });
    expect(made.chown).toEqual(["/m/c", "/m/c/cgroup.procs", "/m/c/memory.oom.group"]);
  });
});
