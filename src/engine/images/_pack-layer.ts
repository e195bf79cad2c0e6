/** A layer that is made here: its archive hashed, packed by gzip and kept in a file without name, in one pass. */
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { mediaTypes, type Compression, type Descriptor } from "../../spec/image/types.ts";
import { compressionOf, decompressed, gzipped, withHead, type Stream } from "../archive/packing.ts";
import { ensureRoom } from "../disk/budget.ts";
import type { Lease } from "../gc/gc.ts";
import { Spool } from "./_spool.ts";
import { discard, leaseBlob, type StoreParts } from "./_store-image.ts";

export interface PackedByUs {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

export interface Packing {
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

const layerTypes: Readonly<Record<Compression, string>> = {
  plain: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

/** From a plain tar archive. */
export async function packLayer(engine: StoreParts, plain: Stream, packing: Packing): Promise<PackedByUs> {
  return keep(engine, packing, async (spool) => {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const piece of gzipped(observed(plain, (bytes) => void hasher.update(bytes), packing.signal)))
      await spool.write(piece);
    return { compression: "gzip", diffId: digestFrom(hasher) };
  });
}

/** From an archive as it came: one that is packed already is kept as it is. */
export async function keepLayer(engine: StoreParts, archive: Stream, packing: Packing): Promise<PackedByUs> {
  const { head, stream } = await withHead(archive);
  const compression = compressionOf(head);
  if (compression === "plain") return packLayer(engine, stream, packing);
  return keep(engine, packing, async (spool) => {
    const hasher = new Bun.CryptoHasher("sha256");
    const raw = spooled(stream, spool, packing.signal);
    let size = 0;
    for await (const piece of decompressed(raw, compression)) {
      size += piece.length;
      if (size > engine.settings.maxLayerSize)
        throw new SampanError(
          "resource_exhausted",
          `it has more than ${engine.settings.maxLayerSize} bytes unpacked ([images] max_layer_size)`,
        );
      hasher.update(piece);
    }
    return { compression, diffId: digestFrom(hasher) };
  });
}

async function keep(
  engine: StoreParts,
  { lease, signal }: Packing,
  fill: (spool: Spool) => Promise<{ compression: Compression; diffId: Digest }>,
): Promise<PackedByUs> {
  await using spool = await Spool.open(engine.store.root, engine.settings.maxLayerSize);
  const { compression, diffId } = await fill(spool);
  const digest = spool.digest();
  await ensureRoom(engine, spool.size, signal);
  leaseBlob(engine, lease, [digest]);
  try {
    await spool.ingest(engine.content, signal);
  } catch (error) {
    await discard(engine, [digest]);
    throw error;
  }
  const mediaType = layerTypes[compression];
  return { descriptor: { mediaType, digest, size: spool.size }, diffId };
}

function digestFrom(hasher: Bun.CryptoHasher): Digest {
  return `sha256:${hasher.digest("hex")}` as Digest;
}

async function* observed(
  source: Stream,
  see: (bytes: Uint8Array) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    signal.throwIfAborted();
    see(bytes);
    yield bytes;
  }
}

async function* spooled(source: Stream, spool: Spool, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    signal.throwIfAborted();
    await spool.write(bytes);
    yield bytes;
  }
}
