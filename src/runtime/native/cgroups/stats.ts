/**
 * The counters of a container, in the shape that `runc events --stats` prints (runc's types/events.go, 1.3). Counters are bigint: limits
 * like 2^64-1 have to come through exactly.
 */
import { keyed } from "./_stats_read.ts";
import { blkioCounts, v1Stats } from "./_stats_v1.ts";
import { v2Stats } from "./_stats_v2.ts";
import type { CgroupDirs } from "./procs.ts";

/** undefined is left out of the JSON. Times are nanoseconds, sizes bytes. */
export interface ContainerStats {
  readonly cpu: {
    readonly usage: CpuUsage;
    readonly throttling: Optional<"periods" | "throttledPeriods" | "throttledTime">;
    readonly psi?: Pressure | undefined;
  };
  readonly cpuset: CpusetStats;
  readonly memory: MemoryStats;
  readonly pids: Optional<"current" | "limit">;
  readonly blkio: Readonly<Record<string, readonly BlkioEntry[] | Pressure | undefined>>;
  readonly hugetlb: Readonly<Record<string, Optional<"usage" | "max"> & { readonly failcnt: bigint }>>;
  readonly intel_rdt: Readonly<Record<string, never>>;
  /** runc has numbers only for interfaces that it made itself, which it does not any more. */
  readonly network_interfaces: null;
}

type Optional<K extends string> = { readonly [key in K]?: bigint | undefined };

export interface CpuUsage extends Optional<"total"> {
  readonly percpu?: readonly bigint[] | undefined;
  readonly percpu_kernel?: readonly bigint[] | undefined;
  readonly percpu_user?: readonly bigint[] | undefined;
  readonly kernel: bigint;
  readonly user: bigint;
}

export interface CpusetStats {
  readonly cpus?: readonly number[] | undefined;
  readonly mems?: readonly number[] | undefined;
  readonly [flag: string]: bigint | readonly number[] | undefined;
}

export interface MemoryEntry extends Optional<"usage" | "max"> {
  readonly limit: bigint;
  readonly failcnt: bigint;
}

export interface MemoryStats extends Optional<"cache"> {
  readonly usage: MemoryEntry;
  /** Memory and swap together, on v2 as well. */
  readonly swap: MemoryEntry;
  readonly kernel: MemoryEntry;
  readonly kernelTCP: MemoryEntry;
  /** memory.stat as it is. */
  readonly raw?: Readonly<Record<string, bigint>> | undefined;
  readonly psi?: Pressure | undefined;
}

export interface BlkioEntry extends Optional<"major" | "minor" | "value"> {
  readonly op?: string | undefined;
}

/** Pressure stall information (Documentation/accounting/psi.rst), v2 only. */
export interface Pressure {
  readonly some: PressureLine;
  readonly full: PressureLine;
}

export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Microseconds. */
  readonly total: bigint;
}

/** Reads them now. A file that is not there counts as zeros, as does a controller that the container has not. */
export function containerStats({ version, dirs }: CgroupDirs): ContainerStats {
  return version === 2 ? v2Stats(dirs[""] ?? "") : v1Stats(dirs);
}

/** Of `blkio` what was read and written, and how often. */
export function diskCounters({ version, dirs }: CgroupDirs, stats: ContainerStats): ContainerStats["blkio"] {
  return version === 2 ? stats.blkio : blkioCounts(dirs["blkio"]);
}

/** How often the kernel killed a process of the container for memory: memory.oom_control (v1, Linux 4.13), memory.events (v2). */
export function oomKills({ version, dirs }: CgroupDirs): number {
  const counts =
    version === 2 ? keyed(dirs[""], "memory.events") : keyed(dirs["memory"], "memory.oom_control");
  return Number(counts["oom_kill"] ?? 0n);
}

/** One line of `events`: `{"type":"stats","id":…,"data":…}`. */
export function statsEvent(id: string, data: ContainerStats): string {
  return encode({ type: "stats", id, data });
}

/** JSON with bigint as plain numbers, which JSON.stringify has no way to. */
function encode(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${encode(field)}`).join(",")}}`;
}
