/**
 * Docker's archive for readers that know no zstd (Docker's classic store, docker load up to 28): layers that are packed by it go unpacked into the archive. Their digest is
 * then their diff id, so the image's configuration and with it its id stay; its manifest, and an index above it, are other documents.
 */
import { createReadStream } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { digestOf, type Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import { mediaTypes, type Descriptor } from "../../spec/image/types.ts";
import { decompressed } from "../archive/packing.ts";
import type { Engine } from "../engine.ts";
import type { LocalImage, OnProgress } from "./images.ts";

type Parts = Pick<Engine, "content">;
type Layer = LocalImage["layers"][number];

/** A document that is only in the archive. */
export interface Rewritten {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What is in the archive instead of what is in content. */
export interface PlainLayers {
  /** By the digest of the layer as it is here. */
  readonly layers: ReadonlyMap<Digest, Descriptor>;
  /** Manifests and indexes by the digest of the one that each stands for. */
  readonly documents: ReadonlyMap<Digest, Rewritten>;
}

export interface Saved {
  readonly target: Descriptor;
  readonly images: readonly LocalImage[];
}

/** Layers that are said to lie elsewhere stay as they are. */
function isZstd({ descriptor }: Layer): boolean {
  const { compression, foreign } = layerFormat(descriptor.mediaType);
  return compression === "zstd" && !foreign;
}

/** Reads each such layer once for its size, which stands in the manifest and before its bytes. */
export async function plainLayers(
  { content }: Parts,
  saved: readonly Saved[],
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress },
): Promise<PlainLayers> {
  const layers = new Map<Digest, Descriptor>();
  const documents = new Map<Digest, Rewritten>();
  for (const { target, images } of saved) {
    for (const image of images.filter((each) => each.layers.some(isZstd))) {
      for (const layer of image.layers.filter(isZstd))
        layers.set(layer.descriptor.digest, await plainOf(content, layer, signal));
      const said = await rewrite(content, image.manifest, (raw) => withLayers(raw, layers));
      documents.set(image.manifest.digest, said);
    }
    const isIndex = !images.some(({ manifest }) => manifest.digest === target.digest);
    if (isIndex && images.some(({ manifest }) => documents.has(manifest.digest)))
      documents.set(target.digest, await rewrite(content, target, (raw) => withManifests(raw, documents)));
  }
  if (layers.size > 0)
    onProgress?.({
      kind: "note",
      text: `${layers.size} ${layers.size === 1 ? "layer" : "layers"} packed by zstd, which docker load does not read, saved unpacked: the manifest has another digest, the image the same id`,
    });
  return { layers, documents };
}

async function plainOf(content: Engine["content"], layer: Layer, signal?: AbortSignal): Promise<Descriptor> {
  const { mediaType, digest } = layer.descriptor;
  const hasher = new Bun.CryptoHasher("sha256");
  let size = 0;
  for await (const piece of unpacked(await content.open(digest))) {
    signal?.throwIfAborted();
    hasher.update(piece);
    size += piece.length;
  }
  if (`sha256:${hasher.digest("hex")}` !== layer.diffId) {
    await content.verify(digest);
    throw new SampanError("data_loss", `its layer "${digest}" is not the one that its configuration names`);
  }
  const plain = mediaType === mediaTypes.dockerLayerZstd ? mediaTypes.dockerLayer : mediaTypes.ociLayer;
  return { mediaType: plain, digest: layer.diffId, size };
}

/** The bytes of the tar archive. */
export function unpacked(path: string): AsyncGenerator<Uint8Array> {
  return decompressed(createReadStream(path), "zstd");
}

type Raw = Record<string, unknown>;

async function rewrite(
  content: Engine["content"],
  descriptor: Descriptor,
  change: (raw: Raw) => Raw,
): Promise<Rewritten> {
  const raw = JSON.parse(new TextDecoder().decode(await content.read(descriptor.digest))) as Raw;
  const bytes = Buffer.from(JSON.stringify(change(raw)));
  return { descriptor: { ...descriptor, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function withLayers(raw: Raw, layers: ReadonlyMap<Digest, Descriptor>): Raw {
  const all = raw["layers"] as readonly Descriptor[];
  return { ...raw, layers: all.map((layer) => layers.get(layer.digest) ?? layer) };
}

function withManifests(raw: Raw, documents: ReadonlyMap<Digest, Rewritten>): Raw {
  const all = raw["manifests"] as readonly Descriptor[];
  const changed = all.map((each) => {
    const other = documents.get(each.digest)?.descriptor;
    return other ? { ...each, digest: other.digest, size: other.size } : each;
  });
  return { ...raw, manifests: changed };
}
