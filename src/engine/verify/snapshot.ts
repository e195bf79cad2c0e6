/**
 * Whether the folder of an unpacked layer still is what its archive holds. The archive is read as a stream: no byte is written, and memory does not grow with
 * its contents. A disk of an edge device may wear out, so nothing is unpacked for the sake of a comparison.
 */
import { createReadStream, lstatSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { Compression } from "../../spec/image/types.ts";
import { decompressed } from "../archive/packing.ts";
import { overlayValue } from "../archive/merged.ts";
import { openRoot } from "../archive/node.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import { TarReader } from "../unpack/reader.ts";
import { Below } from "./below.ts";
import { Comparer, damageOf } from "./compare.ts";
import { Contents, type Depth } from "./contents.ts";
import { LayerModel } from "./layer-model.ts";

export interface UnpackedLayer {
  /** The snapshot: committed. */
  readonly chainId: string;
  /** The layer's blob, verified. */
  readonly path: string;
  readonly compression: Compression;
}

export interface CompareOptions {
  readonly depth: Depth;
  readonly signal?: AbortSignal | undefined;
}

type Snapshots = Pick<Snapshotter, "sequential" | "stat" | "directory">;

/** The first difference, or undefined. Errors: `cancelled`; what says nothing about the snapshot (no descriptors left). */
export async function compareSnapshot(
  snapshots: Snapshots,
  layer: UnpackedLayer,
  { depth, signal = new AbortController().signal }: CompareOptions,
): Promise<string | undefined> {
  try {
    using below = new Below(foldersBelow(snapshots, layer.chainId));
    const work = {
      folder: snapshots.directory(layer.chainId),
      below,
      depth,
      signal,
      layer,
      isTree: snapshots.sequential,
    };
    return await compareOnce(work);
  } catch (error) {
    if (signal.aborted) throw new SampanError("cancelled", "cannot compare a snapshot: it was cancelled");
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return damage;
  }
}

interface Work {
  readonly folder: string;
  readonly below: Below;
  readonly depth: Depth;
  readonly signal: AbortSignal;
  readonly layer: UnpackedLayer;
  readonly isTree: boolean;
}

async function compareOnce({
  folder,
  below,
  depth,
  signal,
  layer,
  isTree,
}: Work): Promise<string | undefined> {
  using root = openRoot(folder);
  // Where an entry's path goes through a symlink of a lower layer, the layer was unpacked over the mounted ones (Snapshotter.settleLayer). overlayfs then
  // brought something up, which it notes on the topmost folder.
  const kernelWhiteouts = !isTree && overlayValue(root, "impure") !== undefined;
  const followsBelow = isTree || kernelWhiteouts;
  const contents = new Contents(root, depth);
  const mode = isTree ? "tree" : "layer";
  const model = new LayerModel({
    mode,
    below,
    followsBelow,
    beginFile: (path, file, entry) => contents.begin(path, file, entry),
    data: (bytes, start, end) => contents.data(bytes, start, end),
    endFile: () => contents.end(),
  });
  try {
    await feed(layer, new TarReader(model), signal);
  } finally {
    contents.end();
  }
  model.complete();
  return await new Comparer({ model, root, mode, below, depth, kernelWhiteouts, signal }).run();
}

async function feed({ path, compression }: UnpackedLayer, reader: TarReader, signal: AbortSignal) {
  const file = createReadStream(path, { highWaterMark: 256 << 10 });
  try {
    for await (const piece of decompressed(file as AsyncIterable<Buffer>, compression)) {
      signal.throwIfAborted();
      reader.feed(piece as Buffer);
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  } finally {
    file.destroy();
  }
  reader.finish();
}

/** Topmost first; what is not there is left out. */
function foldersBelow(snapshots: Snapshots, chainId: string): string[] {
  const folders: string[] = [];
  for (let at = snapshots.stat(chainId)?.parent; at !== undefined; at = snapshots.stat(at)?.parent) {
    if (!snapshots.stat(at)) break;
    const folder = snapshots.directory(at);
    // One that is gone is its own damage.
    if (lstatSync(folder, { throwIfNoEntry: false })) folders.push(folder);
    if (snapshots.sequential) break;
  }
  return folders;
}
