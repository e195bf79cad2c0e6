import { expect, test } from "bun:test";
import { mergeResources } from "./update.ts";

test("given fields replace those of before, the others of the same section stay", () => {
  const before = {
    cpu: { shares: 100, quota: 5000, cpus: "0" },
    memory: { limit: 1000, swap: 2000 },
    pids: { limit: 5 },
    devices: [{ allow: false }],
    unified: { "memory.high": "1" },
  };
  const given = { cpu: { quota: 7000 }, memory: { limit: 3000 }, unified: { "memory.low": "2" } };
  expect(mergeResources(before, given)).toEqual({
    cpu: { shares: 100, quota: 7000, cpus: "0" },
    memory: { limit: 3000, swap: 2000 },
    pids: { limit: 5 },
    devices: [{ allow: false }],
    unified: { "memory.high": "1", "memory.low": "2" },
  });
  expect(before.cpu.quota).toBe(5000);
});

test("lists are replaced as a whole", () => {
  const merged = mergeResources(
    { hugepageLimits: [{ pageSize: "2MB", limit: 1 }] },
    { hugepageLimits: [{ pageSize: "1GB", limit: 2 }] },
  );
  expect(merged.hugepageLimits).toEqual([{ pageSize: "1GB", limit: 2 }]);
});
