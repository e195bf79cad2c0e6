import {
  blkioEntry,
  hugePageSizes,
  keyed,
  memoryEntry,
  numberIn,
  pressure,
  unlessEmpty,
  unlessZero,
} from "./_stats_read.ts";
import { cpuset } from "./_stats_v1.ts";
import { hostFiles } from "./host.ts";
import type { BlkioEntry, ContainerStats, MemoryStats } from "./stats.ts";

const unlimited = 2n ** 64n - 1n;

export function v2Stats(dir: string): ContainerStats {
  return {
    cpu: cpu(dir),
    // Read when they are looked at: statistics of many containers leave most of it out.
    get cpuset() {
      return cpuset(undefined);
    },
    memory: memory(dir),
    pids: pids(dir),
    blkio: { ...blkio(dir), psi: pressure(dir, "io.pressure") },
    hugetlb: hugetlb(dir),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** cpu.stat is in microseconds. */
function cpu(dir: string): ContainerStats["cpu"] {
  const stat = keyed(dir, "cpu.stat");
  const nanoseconds = (name: string): bigint => (stat[name] ?? 0n) * 1000n;
  return {
    usage: {
      total: unlessZero(nanoseconds("usage_usec")),
      kernel: nanoseconds("system_usec"),
      user: nanoseconds("user_usec"),
    },
    throttling: {
      periods: unlessZero(stat["nr_periods"]),
      throttledPeriods: unlessZero(stat["nr_throttled"]),
      throttledTime: unlessZero(nanoseconds("throttled_usec")),
    },
    psi: pressure(dir, "cpu.pressure"),
  };
}

function memory(dir: string): MemoryStats {
  const raw = keyed(dir, "memory.stat");
  const usage = numberIn(dir, "memory.current") ?? 0n;
  const limit = numberIn(dir, "memory.max") ?? 0n;
  const swapLimit = numberIn(dir, "memory.swap.max") ?? 0n;
  // v1 counts memory and swap together, so that is what the field means. A peak of the sum is not known.
  const bothLimit = limit === unlimited || swapLimit === unlimited ? unlimited : limit + swapLimit;
  return {
    cache: unlessZero(raw["file"]),
    usage: memoryEntry({ limit, usage, max: numberIn(dir, "memory.peak") }),
    swap: memoryEntry({ limit: bothLimit, usage: usage + (numberIn(dir, "memory.swap.current") ?? 0n) }),
    kernel: memoryEntry({}),
    kernelTCP: memoryEntry({}),
    raw: Object.keys(raw).length === 0 ? undefined : raw,
    psi: pressure(dir, "memory.pressure"),
  };
}

function pids(dir: string): ContainerStats["pids"] {
  const limit = numberIn(dir, "pids.max");
  return {
    current: unlessZero(numberIn(dir, "pids.current") ?? countProcesses(dir)),
    limit: limit === unlimited ? undefined : unlessZero(limit),
  };
}

/** Without the pids controller. */
function countProcesses(dir: string): bigint {
  const text = hostFiles.read(`${dir}/cgroup.procs`) ?? "";
  return BigInt(text.split("\n").filter((line) => line !== "").length);
}

/** io.stat's keys by v1's tables and words. */
const ioKeys = {
  rbytes: ["ioServiceBytesRecursive", "Read"],
  wbytes: ["ioServiceBytesRecursive", "Write"],
  rios: ["ioServicedRecursive", "Read"],
  wios: ["ioServicedRecursive", "Write"],
} as const;

/** `8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=0 dios=0` */
function blkio(dir: string): Record<string, readonly BlkioEntry[] | undefined> {
  const tables = { ioServiceBytesRecursive: [] as BlkioEntry[], ioServicedRecursive: [] as BlkioEntry[] };
  for (const line of (hostFiles.read(`${dir}/io.stat`) ?? "").split("\n")) {
    const [device = "", ...items] = line.split(" ");
    if (!/^\d+:\d+$/.test(device)) continue;
    for (const item of items) {
      const [key = "", value = ""] = item.split("=");
      const place = ioKeys[key as keyof typeof ioKeys] as (typeof ioKeys)[keyof typeof ioKeys] | undefined;
      if (place !== undefined) tables[place[0]].push(blkioEntry(device, place[1], BigInt(value)));
    }
  }
  return {
    ioServiceBytesRecursive: unlessEmpty(tables.ioServiceBytesRecursive),
    ioServicedRecursive: unlessEmpty(tables.ioServicedRecursive),
  };
}

function hugetlb(dir: string): ContainerStats["hugetlb"] {
  const entry = (size: string) => {
    const current = numberIn(dir, `hugetlb.${size}.rsvd.current`) ?? numberIn(dir, `hugetlb.${size}.current`);
    return { usage: unlessZero(current), failcnt: keyed(dir, `hugetlb.${size}.events`)["max"] ?? 0n };
  };
  return Object.fromEntries(hugePageSizes(dir, "current").map((size) => [size, entry(size)]));
}
