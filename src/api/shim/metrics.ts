/** The counters of a container in containerd's shape for the version of cgroups that the host has. */
import { cgroupDirs, loadState } from "../../runtime/native/state.ts";
import {
  type BlkioEntry,
  type ContainerStats,
  containerStats,
  oomKills,
} from "../../runtime/native/cgroups/stats.ts";
import { MetricsSchema as Metrics1 } from "../../wire/containerd/cgroups1_pb.ts";
import { MetricsSchema as Metrics2 } from "../../wire/containerd/cgroups2_pb.ts";
import { packed } from "./any.ts";

/** Packed. Errors: `not_found`. */
export function metricsOf(root: string, id: string) {
  const dirs = cgroupDirs(loadState(root, id));
  const stats = containerStats(dirs);
  const kills = BigInt(oomKills(dirs));
  return dirs.version === 2
    ? packed(Metrics2, version2(stats, kills))
    : packed(Metrics1, version1(stats, kills));
}

const none = 0n;

function version1({ cpu, memory, pids, blkio, hugetlb }: ContainerStats, oomKill: bigint) {
  const { raw = {} } = memory;
  const stat = (name: string): bigint => raw[name] ?? none;
  const entry = ({ limit, usage = none, max = none, failcnt }: ContainerStats["memory"]["usage"]) => ({
    limit,
    usage,
    max,
    failcnt,
  });
  return {
    hugetlb: Object.entries(hugetlb).map(([pagesize, { usage = none, max = none, failcnt }]) => ({
      pagesize,
      usage,
      max,
      failcnt,
    })),
    pids: { current: pids.current ?? none, limit: pids.limit ?? none },
    cpu: {
      usage: {
        total: cpu.usage.total ?? none,
        kernel: cpu.usage.kernel,
        user: cpu.usage.user,
        perCpu: [...(cpu.usage.percpu ?? [])],
      },
      throttling: {
        periods: cpu.throttling.periods ?? none,
        throttledPeriods: cpu.throttling.throttledPeriods ?? none,
        throttledTime: cpu.throttling.throttledTime ?? none,
      },
    },
    memory: {
      ...Object.fromEntries(
        Object.entries(memoryNames1).map(([field, name]) => [field, stat(name)] as const),
      ),
      usage: entry(memory.usage),
      swap: entry(memory.swap),
      kernel: entry(memory.kernel),
      kernelTcp: entry(memory.kernelTCP),
    },
    blkio: {
      ioServiceBytesRecursive: entries(blkio["ioServiceBytesRecursive"]),
      ioServicedRecursive: entries(blkio["ioServicedRecursive"]),
      ioQueuedRecursive: entries(blkio["ioQueueRecursive"]),
      ioServiceTimeRecursive: entries(blkio["ioServiceTimeRecursive"]),
      ioWaitTimeRecursive: entries(blkio["ioWaitTimeRecursive"]),
      ioMergedRecursive: entries(blkio["ioMergedRecursive"]),
      ioTimeRecursive: entries(blkio["ioTimeRecursive"]),
      sectorsRecursive: entries(blkio["sectorsRecursive"]),
    },
    memoryOomControl: { oomKill },
  };
}

/** Fields that memory.stat has under other names. */
const memoryNames1 = {
  cache: "cache",
  rss: "rss",
  rssHuge: "rss_huge",
  mappedFile: "mapped_file",
  dirty: "dirty",
  writeback: "writeback",
  pgPgIn: "pgpgin",
  pgPgOut: "pgpgout",
  pgFault: "pgfault",
  pgMajFault: "pgmajfault",
  inactiveAnon: "inactive_anon",
  activeAnon: "active_anon",
  inactiveFile: "inactive_file",
  activeFile: "active_file",
  unevictable: "unevictable",
  hierarchicalMemoryLimit: "hierarchical_memory_limit",
  hierarchicalSwapLimit: "hierarchical_memsw_limit",
  totalCache: "total_cache",
  totalRss: "total_rss",
  totalRssHuge: "total_rss_huge",
  totalMappedFile: "total_mapped_file",
  totalDirty: "total_dirty",
  totalWriteback: "total_writeback",
  totalPgPgIn: "total_pgpgin",
  totalPgPgOut: "total_pgpgout",
  totalPgFault: "total_pgfault",
  totalPgMajFault: "total_pgmajfault",
  totalInactiveAnon: "total_inactive_anon",
  totalActiveAnon: "total_active_anon",
  totalInactiveFile: "total_inactive_file",
  totalActiveFile: "total_active_file",
  totalUnevictable: "total_unevictable",
} as const;

type Entries = ContainerStats["blkio"][string];

function listOf(value: Entries): readonly BlkioEntry[] {
  return Array.isArray(value) ? (value as readonly BlkioEntry[]) : [];
}

function entries(value: Entries) {
  return listOf(value).map(({ op = "", major = none, minor = none, value: amount = none }) => ({
    op,
    device: `${major}:${minor}`,
    major,
    minor,
    value: amount,
  }));
}

const micro = 1000n;

function version2({ cpu, memory, pids, blkio, hugetlb }: ContainerStats, oomKill: bigint) {
  const { raw = {} } = memory;
  const stat = (name: string): bigint => raw[name] ?? none;
  const { usage, swap } = memory;
  const swapUsage = (swap.usage ?? none) - (usage.usage ?? none);
  return {
    pids: { current: pids.current ?? none, limit: pids.limit ?? none },
    cpu: {
      usageUsec: (cpu.usage.total ?? none) / micro,
      userUsec: cpu.usage.user / micro,
      systemUsec: cpu.usage.kernel / micro,
      nrPeriods: cpu.throttling.periods ?? none,
      nrThrottled: cpu.throttling.throttledPeriods ?? none,
      throttledUsec: (cpu.throttling.throttledTime ?? none) / micro,
      ...(cpu.psi && { psi: cpu.psi }),
    },
    memory: {
      ...Object.fromEntries(
        Object.entries(memoryNames2).map(([field, name]) => [field, stat(name)] as const),
      ),
      usage: usage.usage ?? none,
      usageLimit: usage.limit,
      maxUsage: usage.max ?? none,
      swapUsage: swapUsage > none ? swapUsage : none,
      swapLimit: swap.limit > usage.limit ? swap.limit - usage.limit : none,
      ...(memory.psi && { psi: memory.psi }),
    },
    io: { usage: devices(blkio) },
    hugetlb: Object.entries(hugetlb).map(([pagesize, { usage: current = none, max = none, failcnt }]) => ({
      pagesize,
      current,
      max,
      failcnt,
    })),
    memoryEvents: { oomKill },
  };
}

const memoryNames2 = {
  anon: "anon",
  file: "file",
  kernelStack: "kernel_stack",
  slab: "slab",
  sock: "sock",
  shmem: "shmem",
  fileMapped: "file_mapped",
  fileDirty: "file_dirty",
  fileWriteback: "file_writeback",
  anonThp: "anon_thp",
  inactiveAnon: "inactive_anon",
  activeAnon: "active_anon",
  inactiveFile: "inactive_file",
  activeFile: "active_file",
  unevictable: "unevictable",
  slabReclaimable: "slab_reclaimable",
  slabUnreclaimable: "slab_unreclaimable",
  pgfault: "pgfault",
  pgmajfault: "pgmajfault",
  workingsetRefault: "workingset_refault_file",
  workingsetActivate: "workingset_activate_file",
  workingsetNodereclaim: "workingset_nodereclaim",
  pgrefill: "pgrefill",
  pgscan: "pgscan",
  pgsteal: "pgsteal",
  pgactivate: "pgactivate",
  pgdeactivate: "pgdeactivate",
  pglazyfree: "pglazyfree",
  pglazyfreed: "pglazyfreed",
  thpFaultAlloc: "thp_fault_alloc",
  thpCollapseAlloc: "thp_collapse_alloc",
} as const;

const directions = {
  Read: ["rbytes", "rios"],
  Write: ["wbytes", "wios"],
} as const;

function devices(blkio: ContainerStats["blkio"]) {
  const found = new Map<string, Record<string, bigint>>();
  const add = (list: readonly BlkioEntry[], which: 0 | 1): void => {
    for (const { major = none, minor = none, op = "", value = none } of list) {
      const names = Object.hasOwn(directions, op) ? directions[op as keyof typeof directions] : undefined;
      if (!names) continue;
      const key = `${major}:${minor}`;
      const device = found.get(key) ?? { major, minor };
      device[names[which]] = value;
      found.set(key, device);
    }
  };
  add(listOf(blkio["ioServiceBytesRecursive"]), 0);
  add(listOf(blkio["ioServicedRecursive"]), 1);
  return [...found.values()];
}
