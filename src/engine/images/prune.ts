/** Removes images that nobody needs: those without a name, or with `all` every one that no container uses. */
import type { Digest } from "../../spec/image/digest.ts";
import { SampanError } from "../../base/errors.ts";
import { filterImages, type Filters } from "./filter.ts";
import { removeRecord, type RemovedLine, type RemoveParts } from "./remove.ts";
import { tellPruned, tellRemoved } from "./tell.ts";

export interface PruneOptions {
  readonly all?: boolean;
  /** until, label, label!; dangling=false is the same as `all`. */
  readonly filters?: Filters;
  readonly signal?: AbortSignal;
}

export interface Pruned {
  readonly deleted: readonly RemovedLine[];
  /** Bytes given back to the file system. */
  readonly reclaimed: number;
}

const taken: ReadonlySet<string> = new Set(["until", "label", "label!", "dangling"]);

export async function pruneImages(engine: RemoveParts, options: PruneOptions = {}): Promise<Pruned> {
  const { dangling, ...filters } = options.filters ?? {};
  const stranger = Object.keys(filters).find((name) => !taken.has(name));
  if (stranger !== undefined)
    throw new SampanError(
      "invalid_argument",
      `cannot prune images: there is no filter "${stranger}", wanted until, label or label!`,
    );
  const all = (options.all ?? false) || (dangling ?? []).some((value) => /^(?:false|0)$/i.test(value));
  const lines: RemovedLine[] = [];
  const chains: Digest[] = [];
  for (const { target } of filterImages(engine.images, filters)) {
    options.signal?.throwIfAborted();
    const removed = engine.store.transaction(() => {
      // Named, used or removed meanwhile by another: what counts is now.
      const [image] = engine.images.platforms(target.digest);
      if (!image || (image.names.length > 0 && !all) || isUsed(engine, target.digest)) return undefined;
      return {
        id: image.id,
        ...removeRecord(engine, image, { force: true, byId: true, reference: target.digest }),
      };
    });
    if (!removed) continue;
    tellRemoved(engine, removed.id, removed.lines);
    lines.push(...removed.lines);
    chains.push(...removed.chains);
  }
  const collected = await engine.gc.collect(options.signal);
  tellPruned(engine, collected.bytes);
  const gone = [...new Set(chains)].filter((chain) => !engine.snapshots.stat(chain));
  return { deleted: [...lines, ...gone.map((chain) => ({ Deleted: chain }))], reclaimed: collected.bytes };
}

function isUsed(engine: RemoveParts, target: Digest): boolean {
  const manifests = new Set(engine.images.platforms(target).map(({ manifest }) => manifest.digest));
  return engine.containers.list().some(({ manifest }) => manifests.has(manifest));
}
