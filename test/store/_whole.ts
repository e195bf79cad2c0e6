/** What must be true of a data root at every moment at which nobody works on it. */
import { expect } from "bun:test";
import type { Problem } from "../../src/spec/docker/images.ts";
import { check } from "../../src/engine/disk/check.ts";
import { diskUsage } from "../../src/engine/disk/usage.ts";
import { openContent } from "../../src/engine/content/open.ts";
import { openCollector } from "../../src/engine/gc/collect.ts";
import { openLeases } from "../../src/engine/gc/leases.ts";
import type { EngineSettings } from "../../src/engine/settings.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { foldersOf, noSync } from "./_child.ts";

export function openParts(root: string) {
  const store = openStore(root);
  const snapshots = foldersOf(store);
  return {
    store,
    snapshots,
    settings: { root, budget: 0 } as EngineSettings,
    content: openContent(store, noSync),
    leases: openLeases(store),
    gc: openCollector({ store, snapshots }),
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

/** No damage, ever; nothing that has no name. After a collection, nothing that is not needed. */
export async function expectWhole(root: string): Promise<void> {
  using parts = openParts(root);
  const severe = (problems: readonly Problem[]) => problems.filter(({ severity }) => severity !== "garbage");
  expect(severe(await check(parts, { repair: false, deep: true }))).toEqual([]);
  await parts.gc.collect(undefined, { ingests: "all" });
  expect(await check(parts, { repair: false, deep: true })).toEqual([]);
  const usage = await diskUsage(parts);
  const left = usage.categories.filter(({ name }) =>
    ["garbage", "unknown", "partial downloads"].includes(name),
  );
  expect(left.flatMap(({ items }) => items)).toEqual([]);
}
