import { expect, test } from "bun:test";
import type { DiskUsage, ImageDiff, Problem } from "../../src/spec/docker/images.ts";
import { sampan } from "./_world.ts";

const usage: DiskUsage = {
  root: "/var/lib/sampan",
  total: 15_000_000,
  budget: 0,
  categories: [
    {
      name: "images",
      count: 1,
      active: 0,
      size: 10_000_000,
      reclaimable: 2_500_000,
      items: [
        { name: "sha256:small", size: 2_500_000, usedBy: [], shared: false, reclaimable: true },
        {
          name: "sha256:big",
          size: 7_500_000,
          usedBy: ["alpine:3.20", "web"],
          shared: true,
          reclaimable: false,
        },
      ],
    },
    { name: "partial downloads", count: 0, active: 0, size: 0, reclaimable: 0, items: [] },
    {
      name: "database",
      count: 1,
      active: 1,
      size: 5_000_000,
      reclaimable: 0,
      items: [{ name: "sampan.db", size: 5_000_000, usedBy: ["engine"], shared: false, reclaimable: false }],
    },
  ],
};

test("system df prints a line for each kind and the sum", async () => {
  const { out } = await sampan(["system", "df"], { engine: { diskUsage: async () => usage } });
  expect(out).toBe(
    [
      "TYPE                TOTAL     ACTIVE    SIZE      RECLAIMABLE",
      "Images              1         0         10MB      2.5MB (25%)",
      "Partial downloads   0         0         0B        0B",
      "Database            1         1         5MB       0B (0%)",
      "",
      "15MB in /var/lib/sampan",
      "",
    ].join("\n"),
  );
});

test("system df -v names every thing, largest first, and who uses it", async () => {
  const { out } = await sampan(["system", "df", "-v"], { engine: { diskUsage: async () => usage } });
  const lines = out.split("\n");
  expect(lines[0]).toBe("Images: 10MB");
  expect(lines[2]).toMatch(/^NAME +SIZE +SHARED +USED BY$/);
  expect(lines[3]).toMatch(/^sha256:big +7.5MB +yes +alpine:3.20, web$/);
  expect(lines[4]).toMatch(/^sha256:small +2.5MB +no +nobody$/);
  expect(out).not.toContain("Partial downloads");
});

test("system check exits with 1 while damage remains", async () => {
  const problem: Problem = {
    what: "blob sha256:1 does not have its digest",
    severity: "damage",
    repaired: false,
  };
  const check = (problems: readonly Problem[]) =>
    sampan(["system", "check", "--repair"], { engine: { check: async () => problems } });
  expect(await check([])).toMatchObject({ status: 0, out: "The store is whole.\n" });
  const damaged = await check([problem]);
  expect(damaged.status).toBe(1);
  expect(damaged.out).toMatch(/^damage +there +blob sha256:1/m);
  expect(damaged.out).toContain("Left: 1 damaged, 0 garbage");
  const repaired = await check([
    { ...problem, repaired: true },
    { ...problem, severity: "garbage" },
  ]);
  expect(repaired.status).toBe(0);
  expect(repaired.out).toMatch(/^damage +repaired/m);
});

test("system prune names what it will remove, and what it did", async () => {
  const nothing = async () => ({ deleted: [], reclaimed: 0 });
  const daemon = {
    pruneContainers: nothing,
    pruneNetworks: async () => [],
    pruneImages: nothing,
    pruneSystem: async () => ({ removed: ["sha256:1"], reclaimed: 1000 }),
  };
  const { out, asked } = await sampan(["system", "prune", "-a"], { daemon, answers: ["yes"] });
  expect(asked[0]?.question).toContain("all images without at least one container");
  expect(out).toBe("Deleted:\nsha256:1\n\nTotal reclaimed space: 1kB\n");
});

const diff: ImageDiff = {
  a: "app:1",
  b: "app:2",
  layers: { shared: 2, onlyA: [`sha256:${"1".repeat(64)}`], onlyB: [`sha256:${"2".repeat(64)}`] },
  config: [
    { path: "Env[0]", before: "A=1", after: "A=2" },
    { path: "User", before: undefined, after: "app" },
  ],
  files: [
    { path: "/etc/new", kind: "added", before: undefined, after: 1200, what: [] },
    { path: "/etc/old", kind: "removed", before: 500, after: undefined, what: [] },
    { path: "/bin/app", kind: "changed", before: 1000, after: 3000, what: ["content"] },
    { path: "/bin/su", kind: "changed", before: 10, after: 10, what: ["mode", "owner"] },
  ],
  sizeBefore: 10_000,
  sizeAfter: 12_700,
};

test("image diff tells layers, configuration, files and a summary", async () => {
  const { out, status } = await sampan(["image", "diff", "app:1", "app:2"], {
    engine: { diffImages: async () => diff },
  });
  expect(status).toBe(0);
  expect(out).toBe(
    [
      "Layers: 2 shared",
      "  - 111111111111",
      "  + 222222222222",
      "",
      "Configuration:",
      '  ~ Env[0]: "A=1" → "A=2"',
      '  + User: "app"',
      "",
      "Files:",
      "  +1.2kB  + /etc/new",
      "   -500B  - /etc/old",
      "    +2kB  ~ /bin/app (content)",
      "          ~ /bin/su (mode, owner)",
      "",
      "1 file added, 1 removed, 2 changed; 10kB → 12.7kB (+2.7kB)",
      "",
    ].join("\n"),
  );
});

test("a file name cannot make a line of image diff", async () => {
  const path = "/a\n  +9GB  + /etc/shadow\tx";
  const files = [{ path, kind: "added", before: undefined, after: 1, what: [] }] as const;
  const { out } = await sampan(["image", "diff", "app:1", "app:2"], {
    engine: { diffImages: async () => ({ ...diff, files }) },
  });
  expect(out).toContain("  +1B  + /a   +9GB  + /etc/shadow x\n");
  expect(out.split("\n").filter((line) => line.includes("shadow"))).toHaveLength(1);
});

test("image diff --json is for programs, --exit-code for scripts", async () => {
  const same = { ...diff, layers: { shared: 3, onlyA: [], onlyB: [] }, config: [], files: [] };
  const run = (given: ImageDiff, ...args: string[]) =>
    sampan(["image", "diff", ...args, "app:1", "app:2"], { engine: { diffImages: async () => given } });
  expect(JSON.parse((await run(diff, "--json")).out)).toMatchObject({ a: "app:1", sizeAfter: 12_700 });
  expect((await run(diff, "--exit-code")).status).toBe(1);
  expect(await run(same, "--exit-code")).toMatchObject({ status: 0, out: "app:1 and app:2 are the same\n" });
});
