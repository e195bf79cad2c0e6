import { expect, test } from "bun:test";
import { cpuUsage, type Counters, ioUsage, memoryUsage, swapUsage } from "./figures.ts";

const counters = (
  version: 1 | 2,
  memory: Partial<Counters["memory"]>,
  more: Partial<Counters> = {},
): Counters => ({
  version,
  cpu: { total: 5e9, user: 3e9, kernel: 2e9 },
  memory: { usage: 1000, stat: {}, oomKills: 0, ...memory },
  pids: { current: 1 },
  io: [],
  ...more,
});
const at = 7n;

test("the working set is without what was not used lately, and the rest of the limit is available", () => {
  const stat = { inactive_file: 300, anon: 200, pgfault: 9, pgmajfault: 4 };
  expect(memoryUsage({ at, used: counters(2, { stat, limit: 5000 }) })).toEqual({
    timestamp: 7n,
    workingSetBytes: { value: 700n },
    availableBytes: { value: 4300n },
    usageBytes: { value: 1000n },
    rssBytes: { value: 200n },
    pageFaults: { value: 9n },
    majorPageFaults: { value: 4n },
  });
});

test("version 1 has its totals under other names, and without a limit nothing is said to be available", () => {
  const stat = { inactive_file: 1, total_inactive_file: 400, rss: 1, total_rss: 250 };
  const usage = memoryUsage({ at, used: counters(1, { stat }) });
  expect(usage).toMatchObject({ workingSetBytes: { value: 600n }, rssBytes: { value: 250n } });
  expect(usage).not.toHaveProperty("availableBytes");
});

test("a working set is never below nothing", () => {
  const used = counters(2, { usage: 10, stat: { inactive_file: 500 }, limit: 5 });
  expect(memoryUsage({ at, used }).workingSetBytes).toEqual({ value: 0n });
});

test("waiting is told in nanoseconds, and only where the kernel tells it", () => {
  const share = { avg10: 1.5, avg60: 1, avg300: 0.5, total: 12 };
  const used = counters(
    2,
    {},
    { pressure: { cpu: { some: share, full: share }, io: { some: share, full: share } } },
  );
  const psi = { Total: 12_000n, Avg10: 1.5, Avg60: 1, Avg300: 0.5 };
  expect(cpuUsage({ at, used }, 1e9)).toEqual({
    timestamp: 7n,
    usageCoreNanoSeconds: { value: 5_000_000_000n },
    usageNanoCores: { value: 1_000_000_000n },
    psi: { Full: psi, Some: psi },
  });
  expect(ioUsage({ at, used })).toEqual({ io: { timestamp: 7n, psi: { Full: psi, Some: psi } } });
  expect(ioUsage({ at, used: counters(2, {}) })).toEqual({});
  expect(cpuUsage({ at, used: counters(2, {}) }, undefined)).not.toHaveProperty("usageNanoCores");
});

test("swap is there where it is counted", () => {
  expect(swapUsage({ at, used: counters(2, {}) })).toEqual({});
  expect(swapUsage({ at, used: counters(2, { swap: { usage: 10, limit: 30 } }) })).toEqual({
    swap: { timestamp: 7n, swapUsageBytes: { value: 10n }, swapAvailableBytes: { value: 20n } },
  });
});
