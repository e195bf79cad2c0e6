import { expect, test } from "bun:test";
import { hostCpu, hostMemory, memoryLimit } from "./stats-figures.ts";

const memory = (usage: number, stat: Record<string, number>, limit?: number) => ({
  usage,
  stat,
  oomKills: 0,
  ...(limit === undefined ? {} : { limit }),
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
