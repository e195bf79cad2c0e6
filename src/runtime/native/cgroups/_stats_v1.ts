import { parseNumberList } from "../../../spec/oci/number-list.ts";
import {
  blkioEntry,
  hugePageSizes,
  keyed,
  memoryEntry,
  numberIn,
  unlessEmpty,
  unlessZero,
} from "./_stats_read.ts";
import { hostFiles } from "./host.ts";
import type { BlkioEntry, ContainerStats, CpusetStats, CpuUsage, MemoryEntry, MemoryStats } from "./stats.ts";

type Dirs = Readonly<Record<string, string>>;

/** cpuacct.stat counts in USER_HZ, which is 100 on every Linux (sysconf(3)). */
const nanosecondsPerTick = 10_000_000n;

export function v1Stats(dirs: Dirs): ContainerStats {
  const throttling = keyed(dirs["cpu"], "cpu.stat");
  const limit =
    hostFiles.read(`${dirs["pids"]}/pids.max`)?.trim() === "max" ? 0n : numberIn(dirs["pids"], "pids.max");
  return {
    cpu: {
      usage: cpuUsage(dirs["cpuacct"]),
      throttling: {
        periods: unlessZero(throttling["nr_periods"]),
        throttledPeriods: unlessZero(throttling["nr_throttled"]),
        throttledTime: unlessZero(throttling["throttled_time"]),
      },
    },
    // What has a getter is read when it is looked at: statistics of many containers leave most of it out.
    get cpuset() {
      return cpuset(dirs["cpuset"]);
    },
    memory: memory(dirs["memory"]),
    pids: { current: unlessZero(numberIn(dirs["pids"], "pids.current")), limit: unlessZero(limit) },
    get blkio() {
      return blkio(dirs["blkio"]);
    },
    hugetlb: hugetlb(dirs["hugetlb"]),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function cpuUsage(dir: string | undefined): CpuUsage {
  const ticks = keyed(dir, "cpuacct.stat");
  const percpu = numbersIn(dir, "cpuacct.usage_percpu");
  // `cpu user system` and then a line for each.
  const rows = (column: 1 | 2) => {
    const all = (hostFiles.read(`${dir}/cpuacct.usage_all`) ?? "").split("\n").slice(1);
    const found = all.map((line) => /^\d+ (\d+) (\d+)$/.exec(line)).filter((row) => row !== null);
    return unlessEmpty(found.map((row) => BigInt(row[column] ?? 0)));
  };
  return {
    total: unlessZero(numberIn(dir, "cpuacct.usage")),
    percpu: unlessEmpty(percpu),
    get percpu_kernel() {
      return rows(2);
    },
    get percpu_user() {
      return rows(1);
    },
    kernel: (ticks["system"] ?? 0n) * nanosecondsPerTick,
    user: (ticks["user"] ?? 0n) * nanosecondsPerTick,
  };
}

function numbersIn(dir: string | undefined, file: string): bigint[] {
  const text = hostFiles.read(`${dir}/${file}`)?.trim() ?? "";
  return text === "" ? [] : text.split(/\s+/).map(BigInt);
}

const cpusetFlags = [
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
] as const;

/** Also what v2 prints: all zeros. */
export function cpuset(dir: string | undefined): CpusetStats {
  const list = (file: string) => unlessEmpty(parseNumberList(hostFiles.read(`${dir}/${file}`) ?? "") ?? []);
  const flag = (name: string): bigint => numberIn(dir, `cpuset.${name}`) ?? 0n;
  const flags = Object.fromEntries(cpusetFlags.map((name) => [name, flag(name)]));
  // The only one with negative values: -1 is "as the scheduler does it anyway".
  const level = hostFiles.read(`${dir}/cpuset.sched_relax_domain_level`)?.trim() ?? "0";
  return {
    cpus: list("cpuset.cpus"),
    cpu_exclusive: flag("cpu_exclusive"),
    mems: list("cpuset.mems"),
    ...flags,
    sched_relax_domain_level: BigInt(level),
  };
}

function memory(dir: string | undefined): MemoryStats {
  const raw = keyed(dir, "memory.stat");
  const entry = (name: string): MemoryEntry =>
    memoryEntry({
      limit: numberIn(dir, `${name}.limit_in_bytes`),
      usage: numberIn(dir, `${name}.usage_in_bytes`),
      max: numberIn(dir, `${name}.max_usage_in_bytes`),
      failcnt: numberIn(dir, `${name}.failcnt`),
    });
  return {
    cache: unlessZero(raw["cache"]),
    usage: entry("memory"),
    swap: entry("memory.memsw"),
    get kernel() {
      return entry("memory.kmem");
    },
    get kernelTCP() {
      return entry("memory.kmem.tcp");
    },
    raw: Object.keys(raw).length === 0 ? undefined : raw,
  };
}

const blkioNames = {
  io_service_bytes: "ioServiceBytesRecursive",
  io_serviced: "ioServicedRecursive",
  io_queued: "ioQueueRecursive",
  io_service_time: "ioServiceTimeRecursive",
  io_wait_time: "ioWaitTimeRecursive",
  io_merged: "ioMergedRecursive",
  time: "ioTimeRecursive",
  sectors: "sectorsRecursive",
} as const;

/** Each I/O scheduler has its own files; the first family that has its own is taken, as by runc. */
const blkioFamilies = [
  (name: string) => `blkio.bfq.${name}_recursive`,
  (name: string) => `blkio.${name}_recursive`,
  (name: string) => `blkio.throttle.${name}_recursive`,
  (name: string) => `blkio.throttle.${name}`,
] as const;

/** Bytes and operations alone, of the same family. */
export function blkioCounts(dir: string | undefined): ContainerStats["blkio"] {
  for (const family of blkioFamilies) {
    const bytes = blkioEntries(dir, family("io_service_bytes"));
    if (bytes.length === 0) continue;
    return { ioServiceBytesRecursive: bytes, ioServicedRecursive: blkioEntries(dir, family("io_serviced")) };
  }
  return {};
}

function blkio(dir: string | undefined): ContainerStats["blkio"] {
  for (const family of blkioFamilies) {
    const entries = Object.entries(blkioNames).map(
      ([name, key]) => [key, blkioEntries(dir, family(name))] as const,
    );
    const filled = entries.filter(([, list]) => list.length > 0);
    if (filled.length > 0) return Object.fromEntries(filled);
  }
  return {};
}

/** `8:0 Read 1282048`, `8:0 6792`; the line of the sum is left out. */
function blkioEntries(dir: string | undefined, file: string): BlkioEntry[] {
  const lines = (hostFiles.read(`${dir}/${file}`) ?? "").split("\n");
  const matches = lines
    .map((line) => /^(\d+:\d+) (?:(\w+) )?(\d+)$/.exec(line))
    .filter((match) => match !== null);
  return matches.map(([, device = "", op, value = "0"]) => blkioEntry(device, op, BigInt(value)));
}

function hugetlb(dir: string | undefined): ContainerStats["hugetlb"] {
  if (dir === undefined) return {};
  const entry = (size: string) => {
    // Linux 5.7 counts reservations on their own, and they are what a limit is about.
    const name = numberIn(dir, `hugetlb.${size}.rsvd.usage_in_bytes`) === undefined ? size : `${size}.rsvd`;
    return {
      usage: unlessZero(numberIn(dir, `hugetlb.${name}.usage_in_bytes`)),
      max: unlessZero(numberIn(dir, `hugetlb.${name}.max_usage_in_bytes`)),
      failcnt: numberIn(dir, `hugetlb.${name}.failcnt`) ?? 0n,
    };
  };
  return Object.fromEntries(hugePageSizes(dir, "usage_in_bytes").map((size) => [size, entry(size)]));
}
