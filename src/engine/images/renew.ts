/** What `system check` asks for: a layer held against its archive, and parts of images brought from where they came. */
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { layerFormat } from "../../spec/image/layers.ts";
import { compareSnapshot } from "../verify/snapshot.ts";
import { ensureUnpacked, type EnsureOptions, type EnsureParts } from "./ensure.ts";
import type { LocalImage } from "./images.ts";
import { obtain, obtainBytes } from "./_obtain.ts";

/** The first difference between a committed snapshot and its layer, every byte read; undefined for none, and for what is no image's layer. Errors: as Content.open. */
export async function compareWithLayer(
  engine: EnsureParts,
  chainId: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const layer = imageWith(engine, (image) => layerOf(image, chainId) !== undefined)?.layers.find(
    (each) => each.chainId === chainId,
  );
  if (!layer) return undefined;
  const path = await engine.content.open(layer.descriptor.digest);
  const { compression } = layerFormat(layer.descriptor.mediaType);
  return compareSnapshot(engine.snapshots, { chainId, path, compression }, { depth: "all", signal });
}

/** Unpacks a layer anew, in place of a snapshot that is damaged. Errors: `failed_precondition` while a container runs on it; `data_loss` when its blob cannot be had. */
export async function renewSnapshot(
  engine: EnsureParts,
  chainId: string,
  options: EnsureOptions = {},
): Promise<void> {
  const image = imageWith(engine, (each) => layerOf(each, chainId) !== undefined);
  if (!image) throw new SampanError("not_found", `cannot unpack snapshot "${chainId}": no image has it`);
  await ensureUnpacked(engine, image, { ...options, distrusted: new Set([chainId]) });
}

/** Brings one blob of an image from where it came, when it is not whole here. Errors: `data_loss` when nobody gives it. */
export async function fetchPart(
  engine: EnsureParts,
  digest: Digest,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const image = imageWith(engine, (each) => partsOf(each).includes(digest));
  if (!image) throw new SampanError("not_found", `cannot fetch blob "${digest}": no image needs it`);
  await using lease = engine.leases.acquire(`fetch ${image.names[0] ?? image.id}`);
  engine.store.transaction(() => {
    for (const part of partsOf(image)) lease.add("blob", part);
  });
  for (const document of [image.target, image.manifest])
    if (document.digest === digest) return void (await obtainBytes(engine, document, signal));
  const layer = image.layers.find(({ descriptor }) => descriptor.digest === digest);
  if (layer) return void (await obtain(engine, layer.descriptor, signal));
  // The manifest says how long the configuration is.
  await obtainBytes(engine, image.manifest, signal);
  await obtainBytes(engine, (await engine.images.manifest(image)).config, signal);
}

function imageWith({ images }: EnsureParts, fits: (image: LocalImage) => boolean): LocalImage | undefined {
  return images.list().find(fits);
}

const layerOf = ({ layers }: LocalImage, chainId: string) =>
  layers.find((layer) => layer.chainId === chainId);

function partsOf({ target, manifest, id, layers }: LocalImage): Digest[] {
  return [target.digest, manifest.digest, id, ...layers.map(({ descriptor }) => descriptor.digest)];
}
