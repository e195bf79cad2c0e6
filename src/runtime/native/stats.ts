/** The counters of a container's control groups in the shape of the runtime's contract. */
import type { RuntimeStats } from "../runtime.ts";
import type { CgroupDirs } from "./cgroups/procs.ts";
import {
  containerStats,
  diskCounters,
  oomKills,
  type BlkioEntry,
  type ContainerStats,
  type MemoryEntry,
  type Pressure,
  type PressureLine,
} from "./cgroups/stats.ts";

/** Counters are below 2^53 but for limits that mean none, which are left out. */
const unlimited = 2n ** 62n;

export function runtimeStats(dirs: CgroupDirs): RuntimeStats {
  const stats = containerStats(dirs);
  return {
    version: dirs.version,
    cpu: cpu(stats),
    memory: memory(stats, oomKills(dirs)),
    pids: { current: Number(stats.pids.current ?? 0n), ...limitOf(stats.pids.limit) },
    io: io(diskCounters(dirs, stats)),
    ...(dirs.version === 2 && pressureOf(stats)),
    ...hugepagesOf(stats),
  };
}

function cpu({ cpu: { usage, throttling } }: ContainerStats): RuntimeStats["cpu"] {
  const { percpu } = usage;
  return {
    total: Number(usage.total ?? 0n),
    user: Number(usage.user),
    kernel: Number(usage.kernel),
    ...(percpu && { perCpu: percpu.map(Number) }),
    periods: Number(throttling.periods ?? 0n),
    throttledPeriods: Number(throttling.throttledPeriods ?? 0n),
    throttledTime: Number(throttling.throttledTime ?? 0n),
  };
}

function memory(
  { memory: { usage, swap, raw = {} } }: ContainerStats,
  kills: number,
): RuntimeStats["memory"] {
  return {
    usage: Number(usage.usage ?? 0n),
    ...(usage.max !== undefined && { maxUsage: Number(usage.max) }),
    ...limitOf(usage.limit),
    failures: Number(usage.failcnt),
    ...swapOf(usage, swap),
    stat: Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, Number(value)])),
    oomKills: kills,
  };
}

/** The kernel's counters of both together, without those of memory; a moment lies between the two. */
function swapOf(memory: MemoryEntry, both: MemoryEntry): Pick<RuntimeStats["memory"], "swap"> {
  if (both.usage === undefined) return {};
  const usage = Math.max(0, Number(both.usage - (memory.usage ?? 0n)));
  const unlimitedBoth = both.limit === 0n || both.limit >= unlimited || memory.limit >= unlimited;
  return { swap: { usage, ...(!unlimitedBoth && { limit: Number(both.limit - memory.limit) }) } };
}

function pressureOf({ cpu: { psi }, memory: m, blkio }: ContainerStats): Pick<RuntimeStats, "pressure"> {
  const io = blkio["psi"] as Pressure | undefined;
  const kinds = { cpu: psi, memory: m.psi, io };
  const known = Object.entries(kinds).flatMap(([kind, each]) =>
    each ? [[kind, { some: shareOf(each.some), full: shareOf(each.full) }] as const] : [],
  );
  return known.length === 0 ? {} : { pressure: Object.fromEntries(known) };
}

const shareOf = ({ total, ...averages }: PressureLine) => ({ ...averages, total: Number(total) });

function hugepagesOf({ hugetlb }: ContainerStats): Pick<RuntimeStats, "hugepages"> {
  const sizes = Object.entries(hugetlb).map(([size, { usage = 0n, max }]) => {
    return [size, { usage: Number(usage), ...(max !== undefined && { maxUsage: Number(max) }) }] as const;
  });
  return sizes.length === 0 ? {} : { hugepages: Object.fromEntries(sizes) };
}

function limitOf(limit: bigint | undefined): { readonly limit?: number } {
  return limit === undefined || limit === 0n || limit >= unlimited ? {} : { limit: Number(limit) };
}

function io(blkio: ContainerStats["blkio"]): RuntimeStats["io"] {
  const list = (name: string): readonly BlkioEntry[] => {
    const entries = blkio[name];
    return Array.isArray(entries) ? (entries as readonly BlkioEntry[]) : [];
  };
  const operations = list("ioServicedRecursive");
  return list("ioServiceBytesRecursive").flatMap(({ major = 0n, minor = 0n, op, value = 0n }) => {
    const direction = op?.toLowerCase();
    if (direction !== "read" && direction !== "write") return [];
    const same = operations.find(
      (each) => (each.major ?? 0n) === major && (each.minor ?? 0n) === minor && each.op === op,
    );
    const count = Number(same?.value ?? 0n);
    return [
      {
        major: Number(major),
        minor: Number(minor),
        op: direction,
        bytes: Number(value),
        operations: count,
      } as const,
    ];
  });
}
