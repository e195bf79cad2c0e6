/** Import: the archive of a root file system becomes an image of one layer. It is read once, as it comes; one that is packed by gzip or zstd stays as it is. */
import { SampanError } from "../../base/errors.ts";
import { hostPlatform, normalPlatform, parsePlatform } from "../../spec/image/platform.ts";
import { normalName, parseReference } from "../../spec/image/reference.ts";
import { mediaTypes, type ImageConfig, type Manifest, type Platform } from "../../spec/image/types.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { parseConfig } from "../../spec/image/parse.ts";
import type { Stream } from "../archive/packing.ts";
import { applyChanges } from "./_changes.ts";
import type { OnProgress } from "./images.ts";
import { keepLayer } from "./_pack-layer.ts";
import { documentOf, storeImage, type MadeImage, type StoreParts } from "./_store-image.ts";
import { tellImage, type Told } from "./tell.ts";

export interface ImportOptions {
  readonly reference?: string | undefined;
  readonly changes?: readonly string[];
  readonly message?: string | undefined;
  readonly platform?: Platform | string | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The time that the image says it was made at. */
  readonly now?: Date;
}

/** The new image's id. */
export async function importArchive(
  engine: StoreParts & Told,
  archive: Stream,
  options: ImportOptions = {},
): Promise<Digest> {
  const names = newName(options.reference);
  const run = applyChanges({}, options.changes ?? []);
  const platform = platformOf(options.platform);
  const signal = options.signal ?? new AbortController().signal;
  try {
    await using lease = engine.leases.acquire(`import ${names[0] ?? ""}`.trim());
    await using layer = await keepLayer(engine, archive, { lease, signal, below: [] });
    const created = (options.now ?? new Date()).toISOString();
    const config: ImageConfig = {
      created,
      ...platform,
      config: run,
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
      history: [{ created, comment: options.message ?? "Imported from an archive" }],
    };
    const image = newImage(config, [layer.descriptor], names);
    const { ready } = layer;
    await storeImage(engine, image, { lease, signal, ready, onProgress: options.onProgress });
    const id = imageId(image);
    tellImage(engine, "import", { id });
    return id;
  } catch (error) {
    if (signal.aborted)
      throw new SampanError("cancelled", "cannot import the archive: it was cancelled", { cause: error });
    throw SampanError.wrap("cannot import the archive", error);
  }
}

function platformOf(wanted: Platform | string | undefined): Platform {
  return typeof wanted === "string" ? parsePlatform(wanted) : normalPlatform(wanted ?? hostPlatform());
}

/** The name that a made image gets. Errors: `invalid_argument` for one with a digest. */
export function newName(reference: string | undefined): string[] {
  if (reference === undefined || reference === "") return [];
  const parsed = parseReference(reference);
  if (parsed.digest === undefined) return [normalName(parsed)];
  throw new SampanError(
    "invalid_argument",
    `cannot name an image "${reference}": the digest of what is made is not known before`,
  );
}

/** One manifest and its configuration, as OCI's documents. */
export function newImage(
  config: ImageConfig | Readonly<Record<string, unknown>>,
  layers: Manifest["layers"],
  names: readonly string[],
): MadeImage {
  const configuration = documentOf(Buffer.from(JSON.stringify(config)), mediaTypes.ociConfig);
  const parsed: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: configuration.descriptor,
    layers,
  };
  const manifest = documentOf(Buffer.from(JSON.stringify(parsed)), mediaTypes.ociManifest);
  const parsedConfig = parseConfig(configuration.bytes, parsed);
  return { target: manifest, platforms: [{ manifest, parsed, config: configuration, parsedConfig }], names };
}

export function imageId(image: MadeImage): Digest {
  return (image.platforms[0] as MadeImage["platforms"][number]).config.descriptor.digest;
}
