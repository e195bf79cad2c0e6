/**
 * A layer that is made here, in one pass: its archive goes packed into content, and from there into its snapshot, while it comes. What it will be called, as a
 * blob and as a snapshot, is known when it has ended; until then both have names that nothing else gets.
 */
import { SampanError } from "../../base/errors.ts";
import { chainIds } from "../../spec/image/chain-id.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { mediaTypes, type Compression, type Descriptor } from "../../spec/image/types.ts";
import { compressionOf, gzipped, until, withHead, type Stream } from "../archive/packing.ts";
import type { UnknownIngest } from "../content/content.ts";
import { placeholderDigest } from "../content/paths.ts";
import { ensureRoom } from "../disk/budget.ts";
import type { Lease } from "../gc/gc.ts";
import { GrowingFile } from "./_growing.ts";
import { fileOf, leaseBlob, type StoreParts } from "./_store-image.ts";
import {
  isCommitted,
  removeUncommitted,
  unpackKey,
  unpackLayers,
  type UnpackedLayer,
} from "./_unpack-layers.ts";

/** Disposing removes the snapshot if it was not committed. */
export interface PackedByUs extends AsyncDisposable {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** For storeImage: its snapshot, unless it was here before. */
  readonly ready: readonly UnpackedLayer[];
}

export interface Packing {
  readonly lease: Lease;
  readonly signal: AbortSignal;
  /** Diff ids of the layers below. */
  readonly below: readonly Digest[];
}

const layerTypes: Readonly<Record<Compression, string>> = {
  plain: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

/** From a plain tar archive. */
export async function packLayer(engine: StoreParts, plain: Stream, packing: Packing): Promise<PackedByUs> {
  const hasher = new Bun.CryptoHasher("sha256");
  const bytes = (signal: AbortSignal) =>
    gzipped(observed(until(plain, signal), (piece) => void hasher.update(piece)));
  const diffId = () => `sha256:${hasher.digest("hex")}` as Digest;
  return await keep(engine, packing, { compression: "gzip", bytes, diffId });
}

/** From an archive as it came: one that is packed already is kept as it is. */
export async function keepLayer(engine: StoreParts, archive: Stream, packing: Packing): Promise<PackedByUs> {
  const { head, stream } = await withHead(until(archive, packing.signal));
  const compression = compressionOf(head);
  if (compression === "plain") return await packLayer(engine, stream, packing);
  return await keep(engine, packing, { compression, bytes: (signal) => until(stream, signal) });
}

interface Source {
  readonly compression: Compression;
  bytes(signal: AbortSignal): Stream;
  /** Once all bytes were taken, where it is known without the helper that unpacks. */
  diffId?(): Digest;
}

async function keep(engine: StoreParts, packing: Packing, source: Source): Promise<PackedByUs> {
  await ensureRoom(engine, 0, packing.signal);
  await using ingest = await engine.content.ingestUnknown(engine.settings.maxLayerSize);
  try {
    return await packAndUnpack(engine, ingest, { packing, source });
  } catch (error) {
    await ingest[Symbol.asyncDispose]();
    await engine.content.abandon([ingest.digest()], packing.lease);
    throw error;
  }
}

async function packAndUnpack(
  engine: StoreParts,
  ingest: UnknownIngest,
  { packing, source }: { packing: Packing; source: Source },
): Promise<PackedByUs> {
  const { lease, below } = packing;
  const stop = new AbortController();
  const signal = AbortSignal.any([packing.signal, stop.signal]);
  const file = new GrowingFile(ingest.path, 0);
  const filling = fill(engine, ingest, { lease, signal, file, source });
  const unpacking = beginUnpacking(engine, { lease, signal, below, source, file, filling });
  try {
    await Promise.all([filling, unpacking]);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled([filling, unpacking]);
    await unpacking.then((layers) => layers[Symbol.asyncDispose]()).catch(() => undefined);
    throw error;
  }
  await using stack = new AsyncDisposableStack();
  const { layers } = stack.use(await unpacking);
  const descriptor = await filling;
  const diffId = source.diffId?.() ?? layers[0]?.diffId;
  if (diffId === undefined || (layers[0] && layers[0].diffId !== diffId))
    throw new SampanError("data_loss", `it was unpacked as ${layers[0]?.diffId}, wanted ${diffId}`);
  const chainId = chainIds([...below, diffId]).at(-1) as Digest;
  const ready = await named(engine, layers, { lease, signal, chainId });
  stack.defer(() =>
    removeUncommitted(
      engine,
      ready.map((layer) => layer.chainId),
    ),
  );
  const kept = stack.move();
  return { descriptor, diffId, ready, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

interface Filling {
  readonly lease: Lease;
  readonly signal: AbortSignal;
  readonly file: GrowingFile;
  readonly source: Source;
}

async function fill(
  engine: StoreParts,
  ingest: UnknownIngest,
  { lease, signal, file, source }: Filling,
): Promise<Descriptor> {
  for await (const piece of source.bytes(signal)) {
    await ingest.write(piece);
    file.grew(ingest.written);
  }
  file.end();
  const digest = ingest.digest();
  leaseBlob(engine, lease, [digest]);
  // Only now it is known what it takes.
  await ensureRoom(engine, 0, signal);
  const { size } = await ingest.finish(signal);
  return { mediaType: layerTypes[source.compression], digest, size };
}

/** A layer on top of one that is not here waits for storeImage, which brings both. */
async function beginUnpacking(
  engine: StoreParts,
  {
    lease,
    signal,
    below,
    source,
    file,
    filling,
  }: Filling & Pick<Packing, "below"> & { filling: Promise<Descriptor> },
): ReturnType<typeof unpackLayers> {
  const parent = chainIds(below).at(-1);
  if (parent !== undefined && !isCommitted(engine, parent)) return await unpackLayers(engine, [], signal);
  const chainId = placeholderDigest();
  engine.store.transaction(() => {
    for (const key of [chainId, unpackKey(chainId)]) lease.add("snapshot", key);
  });
  const whole = async () => await fileOf(engine, (await filling).digest);
  const layer = {
    digest: undefined,
    diffId: undefined,
    chainId,
    parent,
    compression: source.compression,
    file: () => Promise.resolve(file),
    whole,
  };
  return await unpackLayers(engine, [layer], signal);
}

async function named(
  engine: StoreParts,
  layers: readonly UnpackedLayer[],
  { lease, signal, chainId }: Pick<Filling, "lease" | "signal"> & { chainId: Digest },
): Promise<readonly UnpackedLayer[]> {
  const [layer] = layers;
  if (!layer) return [];
  engine.store.transaction(() => {
    for (const key of [chainId, unpackKey(chainId)]) lease.add("snapshot", key);
  });
  const how = await engine.snapshots.renameLayer(layer.chainId, chainId, signal);
  return how === "renamed" ? [{ ...layer, chainId }] : [];
}

async function* observed(source: Stream, see: (bytes: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    see(bytes);
    yield bytes;
  }
}
