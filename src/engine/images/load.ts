/**
 * Load: the images of an archive of `save` (docker's old form and its present one) or of an OCI layout, plain or packed by gzip or zstd. The archive is read once, as it comes; its
 * files may stand in any order. Every digest is verified. An archive that is refused leaves nothing; of several images each is kept whole or not at all.
 */
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import type { Platform } from "../../spec/image/types.ts";
import type { Stream } from "../archive/packing.ts";
import { ArchiveContents } from "./_archive-contents.ts";
import { readArchive } from "./_archive-files.ts";
import { imagesOf } from "./_archive-images.ts";
import type { OnProgress } from "./images.ts";
import { storeImage, type StoreParts } from "./_store-image.ts";
import { tellImage, type Told } from "./tell.ts";

export interface LoadOptions {
  readonly platform?: Platform | string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** Names of the images, normalised; of one without a name its id. */
export async function load(
  engine: StoreParts & Told,
  archive: Stream,
  options: LoadOptions = {},
): Promise<readonly string[]> {
  const signal = options.signal ?? new AbortController().signal;
  const platform = typeof options.platform === "string" ? parsePlatform(options.platform) : options.platform;
  const loaded: string[] = [];
  try {
    await using lease = engine.leases.acquire("load");
    await using contents = new ArchiveContents(engine, lease, signal);
    await readArchive(archive, contents, signal);
    for (const image of await imagesOf(contents, platform)) {
      const finished = (digest?: Digest) => contents.finished(digest);
      await storeImage(engine, image, { lease, signal, finished, onProgress: options.onProgress });
      const ids = image.platforms.map(({ config }) => config.descriptor.digest);
      for (const id of ids) tellImage(engine, "load", { id });
      loaded.push(...(image.names.length > 0 ? image.names : ids));
    }
    return loaded;
  } catch (error) {
    if (signal.aborted)
      throw new SampanError("cancelled", "cannot load the archive: it was cancelled", { cause: error });
    throw SampanError.wrap("cannot load the archive", error);
  }
}
