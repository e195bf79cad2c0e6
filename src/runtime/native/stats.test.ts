import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimeStats } from "./stats.ts";

function cgroup(files: Readonly<Record<string, string>>): Disposable & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "sampan-cgroup-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

const psi =
  "some avg10=1.50 avg60=0.25 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

test("of version 2, swap is alone and pressure is what the kernel says", () => {
  using group = cgroup({
    "memory.current": "4096\n",
    "memory.max": "8192\n",
    "memory.swap.current": "100\n",
    "memory.swap.max": "1000\n",
    "memory.pressure": psi,
    "hugetlb.2MB.current": "2097152\n",
  });
  const { memory, pressure, hugepages } = runtimeStats({ version: 2, dirs: { "": group.folder } });
  expect(memory).toMatchObject({ usage: 4096, limit: 8192, swap: { usage: 100, limit: 1000 } });
  expect(pressure).toEqual({
    memory: {
      some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 1234 },
      full: { avg10: 0, avg60: 0, avg300: 0, total: 7 },
    },
  });
  expect(hugepages).toEqual({ "2MB": { usage: 2_097_152 } });
});

test("a limit that is none is absent, and so is what the kernel does not count", () => {
  using group = cgroup({ "memory.current": "4096\n", "memory.max": "max\n", "memory.swap.max": "max\n" });
  const { memory, pressure } = runtimeStats({ version: 2, dirs: { "": group.folder } });
  expect(memory.limit).toBeUndefined();
  expect(memory.swap).toEqual({ usage: 0 });
  expect(pressure).toBeUndefined();
});

test("of version 1, swap is what both together have more than memory", () => {
  using group = cgroup({
    "memory.usage_in_bytes": "5000\n",
    "memory.limit_in_bytes": "10000\n",
    "memory.memsw.usage_in_bytes": "5100\n",
    "memory.memsw.limit_in_bytes": "12000\n",
  });
  const { memory } = runtimeStats({ version: 1, dirs: { memory: group.folder } });
  expect(memory.swap).toEqual({ usage: 100, limit: 2000 });
  using without = cgroup({ "memory.usage_in_bytes": "5000\n" });
  expect(runtimeStats({ version: 1, dirs: { memory: without.folder } }).memory.swap).toBeUndefined();
});
