/**
 * Everything that running an image needs, whole: its documents and its layers as snapshots. What is damaged or missing is unpacked anew, from blobs that
 * are fetched again where they are damaged too. When all is well it reads two small files.
 */
import { lstatSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import type { Engine } from "../engine.ts";
import { dropSnapshots } from "../verify/drop.ts";
import { compareSnapshot } from "../verify/snapshot.ts";
import type { LocalImage, OnProgress } from "./images.ts";
import { isLost, obtain, obtainBytes, type ObtainParts } from "./_obtain.ts";
import { reasonOf } from "./_reason.ts";
import { isCommitted, unpackKey, unpackLayers } from "./_unpack-layers.ts";

export type EnsureParts = ObtainParts &
  Pick<Engine, "settings" | "store" | "leases" | "snapshots" | "unpacker" | "images">;

export interface EnsureOptions {
  /** Chain ids of snapshots that are known to be damaged: they are unpacked again, whatever their rows say. */
  readonly distrusted?: ReadonlySet<string>;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** After it, the image's topmost chain id is a committed snapshot (an image without layers has none). */
export async function ensureUnpacked(
  engine: EnsureParts,
  image: LocalImage,
  options: EnsureOptions = {},
): Promise<void> {
  if (!options.distrusted && (await isReady(engine, image))) return;
  const signal = options.signal ?? new AbortController().signal;
  const name = image.names[0] ?? image.id;
  await using lease = engine.leases.acquire(`unpack ${name}`);
  engine.store.transaction(() => {
    for (const digest of [
      image.manifest.digest,
      image.id,
      ...image.layers.map(({ descriptor }) => descriptor.digest),
    ])
      lease.add("blob", digest);
    for (const { chainId } of image.layers) {
      lease.add("snapshot", chainId);
      lease.add("snapshot", unpackKey(chainId));
    }
  });
  try {
    await obtainDocuments(engine, image, signal);
    await dropDamaged(engine, image, { ...options, signal });
    if (!image.layers.every(({ chainId }) => isCommitted(engine, chainId)))
      await unpack(engine, image, { ...options, signal });
  } catch (error) {
    throw SampanError.wrap(`cannot use image "${name}"`, reasonOf(error));
  }
}

/** The usual case, for which nothing is written and no lease is needed: a container that is being made holds its image by its own row. */
async function isReady(engine: EnsureParts, image: LocalImage): Promise<boolean> {
  if (!image.layers.every(({ chainId }) => isCommitted(engine, chainId) && isVerified(engine, chainId)))
    return false;
  try {
    for (const digest of [image.manifest.digest, image.id]) await engine.content.read(digest);
    return true;
  } catch (error) {
    if (isLost(error)) return false;
    throw error;
  }
}

async function obtainDocuments(engine: EnsureParts, image: LocalImage, signal: AbortSignal): Promise<void> {
  await obtainBytes(engine, image.manifest, signal);
  const { config } = await engine.images.manifest(image);
  await obtainBytes(engine, config, signal);
}

async function unpack(
  engine: EnsureParts,
  image: LocalImage,
  options: EnsureOptions & { signal: AbortSignal },
): Promise<void> {
  const layers = image.layers.map(({ descriptor, diffId, chainId }, index) => {
    const path = () => obtain(engine, descriptor, options.signal);
    const report = (step: "unpacking" | "done") =>
      options.onProgress?.({
        kind: "layer",
        digest: descriptor.digest,
        step,
        done: descriptor.size,
        total: descriptor.size,
      });
    return {
      digest: descriptor.digest,
      diffId,
      chainId,
      parent: image.layers[index - 1]?.chainId,
      compression: layerFormat(descriptor.mediaType).compression,
      file: () => {
        report("unpacking");
        return path();
      },
      whole: path,
      fetched: path,
      onUnpacked: () => report("done"),
    };
  });
  await using unpacked = await unpackLayers(engine, layers, options.signal);
  if (unpacked.layers.length === 0) return;
  await engine.unpacker.sync(engine.store.root);
  engine.store.transaction(() => engine.snapshots.commitLayers(unpacked.layers));
}

/** It was unpacked or compared since the machine's last start, and is not gone. */
function isVerified({ store, snapshots }: EnsureParts, chainId: Digest): boolean {
  const row = store.db
    .query<{ verified_epoch: number }, [string]>("SELECT verified_epoch FROM snapshots WHERE key = ?")
    .get(chainId);
  if (row?.verified_epoch !== store.epoch) return false;
  return lstatSync(snapshots.directory(chainId), { throwIfNoEntry: false }) !== undefined;
}

/**
 * After a start of the machine each layer is compared once with its archive, programs to the last byte (verify/contents.ts): what a power cut has
 * damaged is never run. What differs goes, to be unpacked again; layers and containers that stand on it find the new one by its name.
 */
async function dropDamaged(
  engine: EnsureParts,
  image: LocalImage,
  options: EnsureOptions & { signal: AbortSignal },
): Promise<void> {
  const damaged: Digest[] = [];
  for (const { chainId, descriptor } of image.layers) {
    const distrusted = options.distrusted?.has(chainId) === true;
    if (!isCommitted(engine, chainId) || (!distrusted && isVerified(engine, chainId))) continue;
    // Also what cannot be compared since its blob cannot be had is not used; and what can be had no more is not thrown away.
    const path = await obtain(engine, descriptor, options.signal);
    const { compression } = layerFormat(descriptor.mediaType);
    const difference = distrusted
      ? ""
      : await compareSnapshot(
          engine.snapshots,
          { chainId, path, compression },
          { depth: "programs", signal: options.signal },
        );
    if (difference === undefined) markVerified(engine, chainId);
    else damaged.push(chainId);
  }
  if (damaged.length > 0) await dropSnapshots(engine, damaged);
}

function markVerified({ store }: EnsureParts, chainId: Digest): void {
  store.transaction(() =>
    store.db.query("UPDATE snapshots SET verified_epoch = ? WHERE key = ?").run(store.epoch, chainId),
  );
}
