import { expect, test } from "bun:test";
import type { Resources } from "../../../spec/docker/create.ts";
import { checkResources, limits, updateResources } from "./resources.ts";

const facts = {
  unifiedCgroups: false,
  swapLimit: true,
  processors: 4,
  realtime: false,
  nodesAt: (path: string) => {
    if (path === "/dev/sda") return [{ path, type: "b", major: 8, minor: 0 } as const];
    if (path === "/etc") return [];
    throw new Error(`ENOENT: ${path}`);
  },
};

test("every limit has its place", () => {
  const all: Resources = {
    CpuShares: 512,
    Memory: 2 ** 26,
    MemoryReservation: 2 ** 25,
    MemorySwappiness: 10,
    OomKillDisable: true,
    CpuPeriod: 50_000,
    CpuQuota: 25_000,
    CpusetCpus: "0-1,3",
    CpusetMems: "0",
    BlkioWeight: 300,
    BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 20 }],
    BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1 }],
    BlkioDeviceWriteBps: [{ Path: "/dev/sda", Rate: 2 }],
    BlkioDeviceReadIOps: [{ Path: "/dev/sda", Rate: 3 }],
    BlkioDeviceWriteIOps: [{ Path: "/dev/sda", Rate: 4 }],
    PidsLimit: 7,
  };
  expect(checkResources(all, facts)).toEqual([]);
  expect(limits(all, facts)).toEqual({
    memory: {
      limit: 2 ** 26,
      reservation: 2 ** 25,
      swap: 2 ** 27,
      swappiness: 10,
      disableOOMKiller: true,
    },
    cpu: { shares: 512, period: 50_000, quota: 25_000, cpus: "0-1,3", mems: "0" },
    pids: { limit: 7 },
    blockIO: {
      weight: 300,
      weightDevice: [{ major: 8, minor: 0, weight: 20 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
      throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 2 }],
      throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 3 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 4 }],
    },
  });
});

test("what is not asked for, 0, or a client's word for nothing is no limit", () => {
  const nothing = {
    Memory: 0,
    MemorySwap: 0,
    MemorySwappiness: -1,
    PidsLimit: 0,
    OomKillDisable: false,
    CpusetCpus: "",
  };
  expect(limits(nothing, facts)).toEqual({});
  expect(limits({ MemorySwap: -1, PidsLimit: -1 }, facts)).toEqual({
    memory: { swap: -1 },
    pids: { limit: -1 },
  });
  expect(limits({ Memory: 2 ** 63 }, facts).memory?.limit).toBe(-1);
});

test("where the kernel cannot, it is left out and said", () => {
  const asked = { Memory: 2 ** 26, OomKillDisable: true, MemorySwappiness: 5 };
  const unified = { ...facts, unifiedCgroups: true, swapLimit: false };
  expect(limits(asked, unified)).toEqual({ memory: { limit: 2 ** 26 } });
  expect(checkResources(asked, unified)).toHaveLength(3);
  expect(checkResources({ OomKillDisable: true }, facts)[0]).toContain("no memory limit is set");
});

test.each<[Resources, string]>([
  [{ Memory: 1000 }, "cannot set Memory to 1000: wanted at least 6 MiB"],
  [{ MemorySwap: 2 ** 26 }, "wanted Memory beside it"],
  [{ Memory: 2 ** 26, MemorySwap: 2 ** 25 }, "it counts both together"],
  [{ Memory: 2 ** 25, MemoryReservation: 2 ** 26 }, "cannot set MemoryReservation"],
  [{ MemorySwappiness: 101 }, "wanted 0 to 100"],
  [{ NanoCpus: 5e9 }, "wanted 0.01 to 4 processors"],
  [{ NanoCpus: 1 }, "wanted 0.01 to 4 processors"],
  [{ NanoCpus: 1e9, CpuQuota: 5000 }, "either it or CpuPeriod and CpuQuota"],
  [{ CpuPeriod: 999 }, "wanted 1000 to 1000000 microseconds"],
  [{ CpuQuota: 999 }, "wanted at least 1000 microseconds"],
  [{ CpuShares: -1 }, "wanted 0 or more"],
  [{ CpusetCpus: "0-4" }, "wanted some of 0-3"],
  [{ CpuRealtimeRuntime: 5 }, "no real-time limits"],
  [{ BlkioWeight: 5 }, "wanted 10 to 1000"],
])("%j is refused", (asked, why) => {
  expect(() => checkResources(asked, facts)).toThrow(why);
});

test.each(["/etc", "/nothere"])("a limit on %s, which is no device, is refused", (Path) => {
  expect(() => limits({ BlkioDeviceReadBps: [{ Path, Rate: 1 }] }, facts)).toThrow(
    `cannot limit device "${Path}"`,
  );
});

test("an update changes what it names, and leaves the rest", () => {
  const body = {
    Image: "x",
    HostConfig: { Memory: 2 ** 26, MemorySwap: 2 ** 27, NanoCpus: 5e8, Binds: ["/a:/b"] },
  };
  const { body: changed, resources } = updateResources(
    body,
    { CpuQuota: 20_000, Memory: 0, PidsLimit: 5 },
    facts,
  );
  expect(changed.HostConfig).toMatchObject({
    Memory: 2 ** 26,
    NanoCpus: 0,
    CpuQuota: 20_000,
    PidsLimit: 5,
    Binds: ["/a:/b"],
  });
  expect(resources).toEqual({
    memory: { limit: 2 ** 26, swap: 2 ** 27 },
    cpu: { quota: 20_000 },
    pids: { limit: 5 },
  });
  expect(updateResources(body, { NanoCpus: 1e9 }, facts).resources.cpu).toEqual({
    period: 100_000,
    quota: 100_000,
  });
  expect(
    updateResources({ HostConfig: { PidsLimit: 5 } }, { PidsLimit: 0 }, facts).body.HostConfig?.PidsLimit,
  ).toBe(0);
});

test("an update never takes what is for a new container", () => {
  const { body } = updateResources({}, { Devices: [{ PathOnHost: "/dev/sda" }], CgroupParent: "/x" }, facts);
  expect(body.HostConfig).toEqual({});
});

test("more memory than memory and swap together is refused", () => {
  const body = { HostConfig: { Memory: 2 ** 25, MemorySwap: 2 ** 26 } };
  expect(() => updateResources(body, { Memory: 2 ** 27 }, facts)).toThrow("update it at the same time");
});
