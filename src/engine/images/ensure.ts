/**
 * Everything that running an image needs, whole: its documents and its layers as snapshots. What is damaged or missing is unpacked anew, from blobs that
 * are fetched again where they are damaged too. When all is well it reads two small files.
 */
import { statSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import type { Engine } from "../engine.ts";
import type { SnapshotInfo } from "../snapshots/snapshotter.ts";
import type { LocalImage, OnProgress } from "./images.ts";
import { isLost, obtain, obtainBytes, type ObtainParts } from "./_obtain.ts";
import { reasonOf } from "./_reason.ts";
import { isCommitted, unpackKey, unpackLayers } from "./_unpack-layers.ts";

export type EnsureParts = ObtainParts &
  Pick<Engine, "settings" | "store" | "leases" | "snapshots" | "unpacker" | "images">;

export interface EnsureOptions {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** After it, the image's topmost chain id is a committed snapshot (an image without layers has none). */
export async function ensureUnpacked(
  engine: EnsureParts,
  image: LocalImage,
  options: EnsureOptions = {},
): Promise<void> {
  if (await isReady(engine, image)) return;
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
    await dropDamaged(engine, image);
    if (!image.layers.every(({ chainId }) => isCommitted(engine, chainId)))
      await unpack(engine, image, { ...options, signal });
  } catch (error) {
    throw SampanError.wrap(`cannot use image "${name}"`, reasonOf(error));
  }
}

/** The usual case, for which nothing is written and no lease is needed: a container that is being made holds its image by its own row. */
async function isReady(engine: EnsureParts, image: LocalImage): Promise<boolean> {
  for (const { chainId } of image.layers) {
    const info = engine.snapshots.stat(chainId);
    if (info?.kind !== "committed" || !(await isWhole(engine, info))) return false;
  }
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

/** After an unclean stop each layer is looked at once; without its files, or with fewer of them, it is thrown away with all that stands on it. */
async function dropDamaged(engine: EnsureParts, image: LocalImage): Promise<void> {
  for (const { chainId } of image.layers) {
    const info = engine.snapshots.stat(chainId);
    if (!info || info.kind !== "committed") return;
    if (await isWhole(engine, info)) continue;
    await removeWithChildren(engine, chainId);
    return;
  }
}

async function isWhole(engine: EnsureParts, info: SnapshotInfo): Promise<boolean> {
  const { db, epoch } = engine.store;
  const row = db
    .query<{ verified_epoch: number }, [string]>("SELECT verified_epoch FROM snapshots WHERE key = ?")
    .get(info.key);
  try {
    if (row?.verified_epoch === epoch) {
      statSync(engine.snapshots.directory(info.key));
      return true;
    }
    const { inodes } = await engine.snapshots.usage(info.key);
    if (inodes !== info.usage.inodes) return false;
  } catch (error) {
    if (isNotThere(error)) return false;
    throw error;
  }
  engine.store.transaction(() =>
    db.query("UPDATE snapshots SET verified_epoch = ? WHERE key = ?").run(epoch, info.key),
  );
  return true;
}

function isNotThere(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ENOENT" || SampanError.from(error).code === "not_found";
}

async function removeWithChildren(engine: EnsureParts, key: Digest | string): Promise<void> {
  const children = engine.snapshots.list().filter(({ parent }) => parent === key);
  const user = children.find(({ kind }) => kind !== "committed");
  if (user)
    throw new SampanError(
      "data_loss",
      `its layer "${key}" is damaged, and "${user.key}" stands on it; remove that first`,
    );
  for (const child of children) await removeWithChildren(engine, child.key);
  await engine.snapshots.remove(key);
}
