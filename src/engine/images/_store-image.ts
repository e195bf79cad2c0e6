/**
 * The end of load, import and commit: documents and layers that are whole in content (published, or finished in ingest) become an image. As with pull, the layers are
 * unpacked, everything is made durable, and one transaction names it (decision 011).
 */
import { chainIds } from "../../spec/image/chain-id.ts";
import { digestOf, type Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import type { Descriptor, ImageConfig, Manifest, Platform } from "../../spec/image/types.ts";
import type { Content } from "../content/content.ts";
import { ingestPath } from "../content/paths.ts";
import type { Engine } from "../engine.ts";
import type { Lease } from "../gc/gc.ts";
import type { Document } from "./_documents.ts";
import type { OnProgress } from "./images.ts";
import { ingestBytes } from "./_ingest-bytes.ts";
import { unpackKey, unpackLayers, type PackedLayer, type UnpackedLayer } from "./_unpack-layers.ts";

export type StoreParts = Pick<
  Engine,
  "settings" | "store" | "content" | "leases" | "snapshots" | "unpacker" | "images" | "gc"
>;

export interface MadePlatform {
  readonly manifest: Document;
  readonly parsed: Manifest;
  readonly config: Document;
  readonly parsedConfig: ImageConfig;
  /** What the index says that it is for. */
  readonly said?: Platform | undefined;
}

export interface MadeImage {
  readonly target: Document;
  readonly platforms: readonly MadePlatform[];
  /** Normalised. */
  readonly names: readonly string[];
}

export interface Storing {
  readonly lease: Lease;
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress | undefined;
  /** Layers that are unpacked already, the lowest first. */
  readonly ready?: readonly UnpackedLayer[];
  /** Until the bytes of a blob, or of all, are verified and on disk: they may be read before. */
  readonly finished?: (digest?: Digest) => Promise<unknown>;
}

/** Takes a lease on a blob before its first byte is written. */
export function leaseBlob(engine: Pick<Engine, "store">, lease: Lease, digests: readonly Digest[]): void {
  engine.store.transaction(() => {
    for (const digest of digests) for (const kind of ["blob", "ingest"] as const) lease.add(kind, digest);
  });
}

export function documentOf(bytes: Uint8Array, mediaType: string): Document {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** The file of a blob that is published, or finished and not yet published. */
export async function fileOf(
  { store, content }: { store: Engine["store"]; content: Content },
  digest: Digest,
): Promise<string> {
  return content.stat(digest) ? await content.open(digest) : ingestPath(store.root, digest);
}

/** On an error the image's blobs are removed again, but for those of other images. */
export async function storeImage(engine: StoreParts, image: MadeImage, storing: Storing): Promise<void> {
  const documents = [image.target, ...image.platforms.flatMap(({ manifest, config }) => [manifest, config])];
  const blobs = [
    ...documents.map(({ descriptor }) => descriptor),
    ...image.platforms.flatMap(({ parsed }) => parsed.layers),
  ].map(({ digest }) => digest);
  try {
    await storeWhole(engine, image, { ...storing, documents, blobs });
  } catch (error) {
    await engine.content.abandon(blobs, storing.lease);
    throw error;
  }
}

async function storeWhole(
  engine: StoreParts,
  image: MadeImage,
  storing: Storing & { readonly documents: readonly Document[]; readonly blobs: readonly Digest[] },
): Promise<void> {
  const { lease, signal, documents, blobs } = storing;
  leaseBlob(engine, lease, blobs);
  const { ready = [] } = storing;
  for (const document of documents) await ingestBytes(engine.content, document, signal);
  const all = packedLayers(engine, image, storing);
  const isReady = ({ chainId }: PackedLayer) => ready.some((layer) => layer.chainId === chainId);
  for (const layer of all.filter(isReady)) layer.onUnpacked?.();
  const packed = all.filter((layer) => !isReady(layer));
  engine.store.transaction(() => {
    for (const { chainId } of packed)
      for (const key of [chainId, unpackKey(chainId)]) lease.add("snapshot", key);
  });
  await using unpacked = await unpackLayers(engine, packed, signal);
  await storing.finished?.();
  signal.throwIfAborted();
  await engine.unpacker.sync(engine.store.root);
  await engine.content.publish([...new Set(blobs)], () => {
    engine.snapshots.commitLayers([...unpacked.layers, ...ready]);
    engine.images.put({ target: image.target.descriptor, platforms: image.platforms.map(newPlatform) });
    for (const name of image.names) engine.images.name(name, image.target.descriptor.digest);
  });
}

function newPlatform({ manifest, said, parsed, parsedConfig }: MadePlatform) {
  const described: Descriptor = said ? { ...manifest.descriptor, platform: said } : manifest.descriptor;
  return { manifest: described, document: parsed, config: parsedConfig };
}

/** Each once, though platforms may share some: those below first. */
function packedLayers(
  engine: StoreParts,
  image: MadeImage,
  { onProgress, finished }: Storing,
): PackedLayer[] {
  const byChain = new Map<Digest, PackedLayer>();
  for (const { parsed, parsedConfig } of image.platforms) {
    const diffIds = parsedConfig.rootfs.diff_ids;
    const chains = chainIds(diffIds);
    parsed.layers.forEach((descriptor, index) => {
      const { digest, mediaType, size } = descriptor;
      const chainId = chains[index] as Digest;
      if (byChain.has(chainId)) return;
      const file = () => fileOf(engine, digest);
      byChain.set(chainId, {
        digest,
        diffId: diffIds[index] as Digest,
        chainId,
        parent: chains[index - 1],
        compression: layerFormat(mediaType).compression,
        file,
        whole: file,
        fetched: () => finished?.(digest) ?? Promise.resolve(),
        onUnpacked: () => onProgress?.({ kind: "layer", digest, step: "done", done: size, total: size }),
      });
    });
  }
  return [...byChain.values()];
}
