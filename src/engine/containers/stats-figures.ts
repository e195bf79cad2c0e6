/** What a container's counters are held against. Pure. The per cents are made by who shows them: src/cli/container/_stats-row.ts. */
import type { RuntimeStats } from "../../runtime/runtime.ts";

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
