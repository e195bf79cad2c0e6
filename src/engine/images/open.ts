/** Images as rows of the store. */
import { SampanError } from "../../base/errors.ts";
import { chainIds } from "../../spec/image/chain-id.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { parseConfig, parseManifest } from "../../spec/image/parse.ts";
import { bestPlatform, formatPlatform, normalPlatform } from "../../spec/image/platform.ts";
import { familiarName, normalName, parseReference } from "../../spec/image/reference.ts";
import type { ImageConfig, Manifest, Platform } from "../../spec/image/types.ts";
import type { Content } from "../content/content.ts";
import type { Store } from "../store/store.ts";
import { rowsOf } from "./_find.ts";
import { allSurroundings, localImage, platformRows, surroundingsOfOne } from "./_rows.ts";
import type { Images, LocalImage, NewImage } from "./images.ts";

export function openImages(store: Store, content: Content): Images {
  const platforms = (reference: string): LocalImage[] => {
    const around = surroundingsOfOne(store);
    return rowsOf(store, reference).map((row) => localImage(row, around));
  };
  const find = (reference: string, platform?: Platform) => choose(platforms(reference), reference, platform);
  return {
    list: () => {
      const around = allSurroundings(store);
      const images = platformRows(store, "true", []).map((row) => localImage(row, around));
      // Newest first; the sort is stable, so of one age the one stored last stays first.
      return images.toSorted((a, b) => (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0));
    },
    platforms,
    find,
    get: (reference, platform) => {
      const image = find(reference, platform);
      if (image) return image;
      const here = platforms(reference).map((other) => formatPlatform(other.platform));
      const why =
        platform && here.length > 0
          ? `it is here for ${here.join(", ")}, wanted ${formatPlatform(platform)}`
          : `No such image: ${shown(reference)}${tooShort(reference)}`;
      throw new SampanError("not_found", `cannot find image "${reference}": ${why}`);
    },
    put: (image) => store.transaction(() => put(store, content, image)),
    name: (reference, target) => {
      store.db
        .query(
          `INSERT INTO names (reference, target, created) VALUES (?1, ?2, ?3)
           ON CONFLICT (reference) DO UPDATE SET target = excluded.target, created = excluded.created WHERE target <> excluded.target`,
        )
        .run(normalName(parseReference(reference)), target, Date.now());
    },
    addRepoDigest: (repository, target) => {
      store.db
        .query("INSERT INTO repo_digests (repository, target) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .run(repository, target);
    },
    unname: (reference) =>
      store.db.query("DELETE FROM names WHERE reference = ?").run(normalName(parseReference(reference)))
        .changes > 0,
    remove: (target) => store.transaction(() => remove(store, target)),
    config: configsOf(content),
    manifest: (image) => manifestOf(content, image),
  };
}

/** dockerd's words, with the tag that was meant: clients look for them before they pull. */
function shown(reference: string): string {
  try {
    return familiarName(normalName(parseReference(reference)));
  } catch {
    return reference;
  }
}

/** One or two digits that could be meant as an id. */
function tooShort(reference: string): string {
  return /^[0-9a-f]{1,2}$/.test(reference) ? ", and of an id at least three digits are wanted" : "";
}

/** Configurations that are kept, and bytes of one that is small enough for it. */
const kept = { configs: 64, bytes: 32 << 10 } as const;

/** What a digest names never changes: of the last ones each is read once, since every container of an image asks. */
function configsOf(content: Content): Images["config"] {
  const read = new Map<string, ImageConfig>();
  return async (image) => {
    const key = `${image.id} ${image.manifest.digest}`;
    const known = read.get(key);
    // Whatever went of it is found out here as before.
    if (known && content.stat(image.id) && content.stat(image.manifest.digest)) return known;
    const bytes = await content.read(image.id);
    const config = parseConfig(bytes, await manifestOf(content, image));
    read.delete(key);
    if (bytes.length > kept.bytes) return config;
    read.set(key, config);
    const [oldest] = read.keys();
    if (read.size > kept.configs && oldest !== undefined) read.delete(oldest);
    return config;
  };
}

async function manifestOf(content: Content, image: LocalImage): Promise<Manifest> {
  return parseManifest(await content.read(image.manifest.digest), image.manifest.mediaType);
}

/** Without a wish the host's platform, else the only one or the first: an image that was fetched for another platform can still be looked at. */
function choose(images: readonly LocalImage[], reference: string, wanted?: Platform): LocalImage | undefined {
  const pinned = images.find(
    (image) => image.manifest.digest !== image.target.digest && reference.endsWith(image.manifest.digest),
  );
  const exact = pinned ?? images.find((image) => isIdOf(image.id, reference));
  if (exact && wanted === undefined) return exact;
  const best = bestPlatform(images, (image) => image.platform, wanted);
  return best ?? (wanted === undefined ? images[0] : undefined);
}

function isIdOf(id: Digest, reference: string): boolean {
  return (
    /^(?:sha256:)?[0-9a-f]{3,64}$/.test(reference) &&
    id.replace(/^sha256:/, "").startsWith(reference.replace(/^sha256:/, ""))
  );
}

function put(store: Store, content: Content, image: NewImage): void {
  const { target } = image;
  store.db
    .query(
      `INSERT INTO images (target, media_type, size, stored, sequence)
       VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(sequence), 0) + 1 FROM images)) ON CONFLICT (target) DO NOTHING`,
    )
    .run(target.digest, target.mediaType, target.size, Date.now());
  for (const platform of image.platforms) putPlatform(store, target.digest, platform);
  for (const { manifest, document } of image.platforms) {
    if (manifest.digest !== target.digest) content.link(target.digest, [manifest.digest]);
    content.link(manifest.digest, [document.config.digest, ...document.layers.map(({ digest }) => digest)]);
  }
}

function putPlatform(
  store: Store,
  target: Digest,
  { manifest, document, config }: NewImage["platforms"][number],
): void {
  const { diff_ids: diffIds } = config.rootfs;
  if (diffIds.length !== document.layers.length)
    throw new SampanError(
      "invalid_argument",
      `cannot keep image "${target}": its configuration names ${diffIds.length} layers, its manifest ${document.layers.length}`,
    );
  const chains = chainIds(diffIds);
  const layers = document.layers.map((descriptor, index) => ({
    descriptor,
    diffId: diffIds[index],
    chainId: chains[index],
  }));
  const parts = [manifest, document.config, ...document.layers];
  const created = config.created ? Date.parse(config.created) : Number.NaN;
  store.db
    .query(
      `INSERT OR REPLACE INTO image_platforms
       (target, manifest, manifest_size, manifest_media_type, config, platform, created, labels, layers, content_size)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
    )
    .run(
      target,
      manifest.digest,
      manifest.size,
      manifest.mediaType,
      document.config.digest,
      JSON.stringify(platformOf(config, manifest.platform)),
      Number.isNaN(created) ? null : created,
      JSON.stringify(config.config?.Labels ?? {}),
      JSON.stringify(layers),
      parts.reduce((sum, { size }) => sum + size, 0),
    );
}

/** The index's word for the platform counts before the configuration's, which often lacks the variant. */
function platformOf(config: ImageConfig, said: Platform | undefined): Platform {
  const { architecture, os, variant } = config;
  const own = { architecture, os, ...(variant ? { variant } : {}) };
  return normalPlatform(said && said.architecture !== "" && said.os !== "" ? said : own);
}

function remove(store: Store, target: Digest): void {
  const user = store.db
    .query<{ name: string; id: string }, [string]>("SELECT name, id FROM containers WHERE target = ? LIMIT 1")
    .get(target);
  if (user)
    throw new SampanError(
      "failed_precondition",
      `cannot remove image "${target}": container "${user.name || user.id.slice(0, 12)}" uses it`,
    );
  for (const table of ["names", "repo_digests", "image_platforms", "images"])
    store.db.query(`DELETE FROM ${table} WHERE target = ?`).run(target);
}
