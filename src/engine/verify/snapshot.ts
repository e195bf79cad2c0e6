/**
 * Whether the folder of an unpacked layer still is what its archive holds. The archive is read as a stream: no byte is written, and memory does not grow with
 * its contents. A disk of an edge device may wear out, so nothing is unpacked for the sake of a comparison.
 */
import { createReadStream, lstatSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { Compression } from "../../spec/image/types.ts";
import { decompressed } from "../archive/packing.ts";
import { openRoot, type Node } from "../archive/node.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import { TarReader } from "../unpack/reader.ts";
import { Below } from "./below.ts";
import { Comparer, damageOf } from "./compare.ts";
import { Contents, type Depth } from "./contents.ts";
import { LayerModel, type Folder } from "./layer-model.ts";

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
    using root = openRoot(snapshots.directory(layer.chainId));
    using below = new Below(foldersBelow(snapshots, layer.chainId));
    const work = { root, below, depth, signal, layer, isTree: snapshots.sequential };
    const first = await compareOnce(work, snapshots.sequential);
    // A folder that no entry names may be a symlink below: the layer was then unpacked over the mounted layers, where paths lead through it.
    return first.again ? (await compareOnce(work, true)).difference : first.difference;
  } catch (error) {
    if (signal.aborted) throw new SampanError("cancelled", "cannot compare a snapshot: it was cancelled");
    const damage = damageOf(error);
    if (damage === undefined) throw error;
    return damage;
  }
}

interface Work {
  readonly root: Node;
  readonly below: Below;
  readonly depth: Depth;
  readonly signal: AbortSignal;
  readonly layer: UnpackedLayer;
  readonly isTree: boolean;
}

async function compareOnce(
  { root, below, depth, signal, layer, isTree }: Work,
  followsBelow: boolean,
): Promise<{ difference: string | undefined; again: boolean }> {
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
  const wanted = model.complete();
  if (!followsBelow && leadsThroughLinks(wanted, below)) return { difference: undefined, again: true };
  const kernelWhiteouts = !isTree && followsBelow;
  const comparer = new Comparer({ model, root, mode, below, depth, kernelWhiteouts, signal });
  return { difference: await comparer.run(), again: false };
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

/** Whether settling had to begin anew: a folder without an entry of its own is something else below. */
function leadsThroughLinks(folder: Folder, below: Below, path = ""): boolean {
  for (const [name, item] of folder.children) {
    if (item.kind !== "folder") continue;
    const full = path === "" ? name : `${path}/${name}`;
    const seen = item.entry === undefined && !item.opaque ? below.look(full) : undefined;
    if (seen && seen.kind !== "folder") return true;
    if (leadsThroughLinks(item, below, full)) return true;
  }
  return false;
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
