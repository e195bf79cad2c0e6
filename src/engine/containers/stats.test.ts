import { expect, test } from "bun:test";
import {
  cpuPercent,
  cpuPercentOfLimit,
  hostCpu,
  hostMemory,
  memoryLimit,
  memoryUsed,
} from "./stats-figures.ts";

const second = 1e9;
const at = (used: number, system: number, processors = 4) => ({ used, system, processors });

test("a busy processor is 100, two are 200", () => {
  expect(cpuPercent(at(0, 0), at(second, 4 * second))).toBe(100);
  expect(cpuPercent(at(5 * second, 8 * second), at(7 * second, 12 * second))).toBe(200);
});

test("nothing passed, or counters that began anew, are 0", () => {
  expect(cpuPercent(at(5, 5), at(5, 5))).toBe(0);
  expect(cpuPercent(at(5, 5), at(4, 6))).toBe(0);
});

test("against a limit of half a processor, half a processor is all", () => {
  expect(cpuPercentOfLimit(50, 0.5)).toBe(100);
  expect(cpuPercentOfLimit(50, undefined)).toBeUndefined();
});

const memory = (usage: number, stat: Record<string, number>, limit?: number) => ({
  usage,
  stat,
  oomKills: 0,
  ...(limit === undefined ? {} : { limit }),
});

test("memory is without the cache that can be taken back, by each version's own counter", () => {
  const stat = { inactive_file: 10, total_inactive_file: 30 };
  expect(memoryUsed({ version: 2, memory: memory(100, stat) })).toBe(90);
  expect(memoryUsed({ version: 1, memory: memory(100, stat) })).toBe(70);
  expect(memoryUsed({ version: 2, memory: memory(5, stat) })).toBe(5);
  expect(memoryUsed({ version: 2, memory: memory(5, {}) })).toBe(5);
});

test("the limit is never more than the host has", () => {
  expect(memoryLimit({ memory: memory(1, {}, 50) }, 100)).toBe(50);
  expect(memoryLimit({ memory: memory(1, {}, 2 ** 62) }, 100)).toBe(100);
  expect(memoryLimit({ memory: memory(1, {}) }, 100)).toBe(100);
});

test("the host's counters are read from proc", () => {
  const stat = "cpu  1 2 3 4 5 6 7 100 100 100\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 1 1 1 1 1 1 1 1 1 1\nintr 5\n";
  expect(hostCpu(stat)).toEqual({ system: 280_000_000, processors: 2 });
  expect(hostMemory("MemTotal:       24580000 kB\nMemFree: 1 kB\n")).toBe(24_580_000 * 1024);
});
