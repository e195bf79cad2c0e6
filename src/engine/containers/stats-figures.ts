/** What is made of a container's counters, as `docker stats` shows it. Pure. */
import type { RuntimeStats } from "../../runtime/runtime.ts";

/** The counters that a per cent of the processor is made of; all nanoseconds. */
export interface CpuSample {
  /** Used by the container. */
  readonly used: number;
  /** Passed on all processors of the host together, idle or not. */
  readonly system: number;
  readonly processors: number;
}

/** Between two samples, of one processor: two that are busy make 200. 0 where nothing has passed. */
export function cpuPercent(before: CpuSample, now: CpuSample): number {
  const used = now.used - before.used;
  const system = now.system - before.system;
  return used > 0 && system > 0 ? (used / system) * now.processors * 100 : 0;
}

/** The same against what the container may use: of a limit of half a processor, 100 is all of that half. Undefined without a limit. */
export function cpuPercentOfLimit(percent: number, limit: number | undefined): number | undefined {
  return limit === undefined || limit <= 0 ? undefined : percent / limit;
}

/**
 * Memory without the page cache that the kernel can take back at once: its inactive half. That is `usage - total_inactive_file` with cgroups version 1 (the whole subtree's,
 * as usage is) and `usage - inactive_file` with version 2. The active half of the cache is counted: it is what the container works with.
 */
export function memoryUsed({ version, memory }: Pick<RuntimeStats, "version" | "memory">): number {
  const cache = memory.stat[version === 1 ? "total_inactive_file" : "inactive_file"] ?? 0;
  return cache < memory.usage ? memory.usage - cache : memory.usage;
}

/** Its own limit, or all that the host has where that is less or there is none. */
export function memoryLimit({ memory }: Pick<RuntimeStats, "memory">, host: number): number {
  return memory.limit === undefined ? host : Math.min(memory.limit, host);
}

/**
 * proc_stat(5): the first line's user, nice, system, idle, iowait, irq and softirq, in ticks of a hundredth of a second; steal is left out as Docker does, whose numbers
 * clients compare. A processor that is online has a line of its own.
 */
export function hostCpu(stat: string): { readonly system: number; readonly processors: number } {
  const lines = stat.split("\n");
  const fields = lines.find((line) => line.startsWith("cpu "))?.split(/\s+/) ?? [];
  const ticks = fields.slice(1, 8).reduce((sum, field) => sum + Number(field), 0);
  const processors = lines.filter((line) => /^cpu\d/.test(line)).length;
  return { system: ticks * 10_000_000, processors };
}

/** proc_meminfo(5): MemTotal, in bytes. */
export function hostMemory(meminfo: string): number {
  return Number(/^MemTotal:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024;
}
