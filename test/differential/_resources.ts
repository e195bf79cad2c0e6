/** The random `linux.resources` of a bundle, and where its control groups are. */
import { readFileSync, statSync } from "node:fs";
import type {
  OciBlockIo,
  OciCpu,
  OciDeviceRule,
  OciMemory,
  OciResources,
} from "../../src/spec/oci/config.ts";
import type { Random } from "./random.ts";

const mebibyte = 2 ** 20;

function memory(random: Random): OciMemory {
  const limit = random.pick([64, 100, 256, 1024]) * mebibyte + random.pick([0, 0, 0, 4096]);
  return {
    ...(random.chance(0.8) && { limit: random.chance(0.9) ? limit : -1 }),
    ...(random.chance(0.3) && { reservation: random.pick([32 * mebibyte, 64 * mebibyte, -1]) }),
    ...(random.chance(0.3) && { swap: random.pick([limit, limit * 2, -1]) }),
    ...(random.chance(0.2) && { swappiness: random.pick([0, 10, 60, 100]) }),
    ...(random.chance(0.15) && { disableOOMKiller: random.chance(0.5) }),
    ...(random.chance(0.1) && { kernel: random.pick([-1, 50 * mebibyte]) }),
    ...(random.chance(0.1) && { kernelTCP: random.pick([-1, 50 * mebibyte]) }),
    ...(random.chance(0.1) && { useHierarchy: true }),
    ...(random.chance(0.1) && { checkBeforeUpdate: random.chance(0.5) }),
  };
}

function cpu(random: Random): OciCpu {
  return {
    ...(random.chance(0.5) && { shares: random.pick([2, 2, 10, 512, 1024, 2000, 262_144]) }),
    ...(random.chance(0.4) && { quota: random.pick([-1, 0, 10_000, 50_000, 200_000]) }),
    ...(random.chance(0.4) && { period: random.pick([0, 50_000, 100_000, 1_000_000]) }),
    ...(random.chance(0.05) && { realtimePeriod: 1_000_000 }),
    ...(random.chance(0.05) && { realtimeRuntime: random.pick([0, 1000]) }),
    ...(random.chance(0.3) && { cpus: random.pick(["0", "0-1", "1", "0,1", ""]) }),
    ...(random.chance(0.3) && { mems: random.pick(["0", ""]) }),
  };
}

/** The device that holds the temporary folder's file system, where throttles can be set. */
function disk(): { major: number; minor: number } | undefined {
  const [, major, minor] =
    /^\s*(\d+)\s+(\d+)\s+\d+\s+(?:vda|sda|nvme0n1)$/m.exec(readFileSync("/proc/partitions", "utf8")) ?? [];
  return major && minor ? { major: Number(major), minor: Number(minor) } : undefined;
}

function blockIO(random: Random): OciBlockIo {
  const device = disk();
  const throttle = () =>
    device ? [{ ...device, rate: random.pick([0, 1000, mebibyte, 100 * mebibyte]) }] : [];
  return {
    ...(random.chance(0.3) && { weight: random.pick([0, 10, 100, 500, 1000]) }),
    ...(random.chance(0.01) && { leafWeight: 100 }),
    ...(random.chance(0.3) && { throttleReadBpsDevice: throttle() }),
    ...(random.chance(0.3) && { throttleWriteBpsDevice: throttle() }),
    ...(random.chance(0.3) && { throttleReadIOPSDevice: throttle() }),
    ...(random.chance(0.3) && { throttleWriteIOPSDevice: throttle() }),
    ...(random.chance(0.05) && device && { weightDevice: [{ ...device, weight: 300 }] }),
  };
}

function deviceRule(random: Random): OciDeviceRule {
  return {
    allow: random.chance(0.7),
    ...(random.chance(0.98) && { type: random.pick(["c", "b", "c"] as const) }),
    ...(random.chance(0.8) && { major: random.pick([1, 5, 7, 10, 136, 254]) }),
    ...(random.chance(0.6) && { minor: random.pick([0, 1, 3, 5, 8, 229]) }),
    ...(random.chance(0.99) && { access: random.pick(["rwm", "r", "rw", "m", "w", "wm"]) }),
  };
}

function devices(random: Random): OciDeviceRule[] {
  const rules = Array.from({ length: random.integer(0, 4) }, () => deviceRule(random));
  return random.chance(0.8) ? [{ allow: false, access: "rwm" }, ...rules] : rules;
}

/** Whether this machine has the hierarchy of a controller. */
function mounted(controller: string): boolean {
  return statSync(`/sys/fs/cgroup/${controller}`, { throwIfNoEntry: false }) !== undefined;
}

export function randomResources(random: Random): OciResources {
  return {
    ...(random.chance(0.6) && { devices: devices(random) }),
    ...(random.chance(0.5) && { memory: memory(random) }),
    ...(random.chance(0.5) && { cpu: cpu(random) }),
    ...(random.chance(0.4) && { pids: { limit: random.pick([-1, 0, 10, 100, 4096]) } }),
    ...(random.chance(0.3) && { blockIO: blockIO(random) }),
    ...(mounted("hugetlb") &&
      random.chance(0.3) && { hugepageLimits: [{ pageSize: "2MB", limit: 4 * mebibyte }] }),
    ...(mounted("net_cls") && random.chance(0.3) && { network: { classID: random.integer(0, 2 ** 32 - 1) } }),
  };
}

/** `group` is the cgroup below which the test's own are. */
export function randomCgroupsPath(random: Random, group: string): string | undefined {
  return random.weighted([
    [3, undefined],
    [4, `/${group}/$ID`],
    [2, `${group}/$ID`],
    [1, `/${group}/some/where/../$ID`],
    [1, `/${group}//deep/er/$ID/`],
    [1, `../../../${group}/$ID`],
  ]);
}
