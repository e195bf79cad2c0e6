/** The counters of a container's control groups in the shape of the runtime's contract. */
import type { RuntimeStats } from "../runtime.ts";
import type { CgroupDirs } from "./cgroups/procs.ts";
import { containerStats, oomKills, type BlkioEntry, type ContainerStats } from "./cgroups/stats.ts";

/** Counters are below 2^53 but for limits that mean none, which are left out. */
const unlimited = 2n ** 62n;

export function runtimeStats(dirs: CgroupDirs): RuntimeStats {
  const stats = containerStats(dirs);
  return {
    version: dirs.version,
    cpu: cpu(stats),
    memory: memory(stats, oomKills(dirs)),
    pids: { current: Number(stats.pids.current ?? 0n), ...limitOf(stats.pids.limit) },
    io: io(stats),
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

function memory({ memory: { usage, raw = {} } }: ContainerStats, kills: number): RuntimeStats["memory"] {
  return {
    usage: Number(usage.usage ?? 0n),
    ...(usage.max !== undefined && { maxUsage: Number(usage.max) }),
    ...limitOf(usage.limit),
    failures: Number(usage.failcnt),
    stat: Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, Number(value)])),
    oomKills: kills,
  };
}

function limitOf(limit: bigint | undefined): { readonly limit?: number } {
  return limit === undefined || limit === 0n || limit >= unlimited ? {} : { limit: Number(limit) };
}

function io({ blkio }: ContainerStats): RuntimeStats["io"] {
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
