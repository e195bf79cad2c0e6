/** All that nobody needs, in one go: containers first, since they hold images and networks. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { pruneNetworks } from "../networks/prune.ts";

export interface PrunedSystem {
  readonly removed: readonly string[];
  readonly reclaimed: number;
}

export async function pruneAll(
  engine: LiveEngine,
  { all, signal }: { readonly all: boolean; readonly signal: AbortSignal },
): Promise<PrunedSystem> {
  const { pruneContainers } = await import("../../../engine/containers/prune.ts");
  const { pruneImages } = await import("../../../engine/images/prune.ts");
  const containers = await pruneContainers(engine, { signal });
  const networks = await pruneNetworks(engine, {});
  const images = await pruneImages(engine, { all, signal });
  const rest = await engine.gc.collect(signal, { ingests: "all", found: "take" });
  return {
    removed: [
      ...containers.removed,
      ...networks,
      ...images.deleted.map((line) => ("Deleted" in line ? line.Deleted : line.Untagged)),
      ...rest.removed,
    ],
    reclaimed: containers.reclaimed + images.reclaimed + rest.bytes,
  };
}

/** What it would take, with its size in bytes. With `all`, images that no container uses too. */
export async function prunePlan(engine: LiveEngine, all: boolean) {
  const { diskUsage } = await import("../../../engine/disk/usage.ts");
  const { categories } = await diskUsage(engine);
  const items = categories
    .filter(({ name }) => name !== "volumes")
    .flatMap(({ name: category, items: each }) =>
      each
        .filter(({ reclaimable, usedBy }) => reclaimable && (all || !isNamed(category, usedBy)))
        .map(({ name, size }) => ({ category, name, size })),
    );
  return { items, reclaimable: items.reduce((sum, { size }) => sum + size, 0) };
}

/** An image that has a name, and its layers, stay without `all`. */
function isNamed(category: string, usedBy: readonly string[]): boolean {
  return (category === "images" || category === "layers") && usedBy.length > 0;
}
