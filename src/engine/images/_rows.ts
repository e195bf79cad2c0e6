/** The rows of images as LocalImage: a few queries for thousands of images; what is costly to parse is parsed when it is looked at. */
import type { Digest } from "../../spec/image/digest.ts";
import type { Descriptor, Platform } from "../../spec/image/types.ts";
import type { Store } from "../store/store.ts";
import type { LocalImage } from "./images.ts";

export interface PlatformRow {
  readonly target: Digest;
  readonly media_type: string;
  readonly size: number;
  readonly stored: number;
  readonly sequence: number;
  readonly manifest: Digest;
  readonly manifest_size: number;
  readonly manifest_media_type: string;
  readonly config: Digest;
  readonly platform: string;
  readonly created: number | null;
  readonly labels: string;
  readonly layers: string;
  readonly content_size: number;
}

const columns = `i.target, i.media_type, i.size, i.stored, i.sequence, p.manifest, p.manifest_size, p.manifest_media_type,
  p.config, p.platform, p.created, p.labels, p.layers, p.content_size`;

/** `where` is SQL of this folder's own, over `i` (images) and `p` (image_platforms). */
export function platformRows(store: Store, where: string, values: readonly string[]): PlatformRow[] {
  return store.db
    .query<PlatformRow, string[]>(
      `SELECT ${columns} FROM image_platforms p JOIN images i ON i.target = p.target WHERE ${where} ORDER BY i.sequence DESC, p.rowid`,
    )
    .all(...values);
}

/** What all images share: asked for once for a list, by target for one image. */
export interface Surroundings {
  names(target: Digest): readonly string[];
  repositories(target: Digest): readonly string[];
  /** Bytes of a committed snapshot. */
  unpacked(chainId: Digest): number | undefined;
}

type Pair = { readonly target: Digest; readonly value: string };

function grouped(pairs: readonly Pair[]): Map<Digest, string[]> {
  const groups = new Map<Digest, string[]>();
  for (const { target, value } of pairs) {
    const group = groups.get(target);
    if (group) group.push(value);
    else groups.set(target, [value]);
  }
  return groups;
}

export function allSurroundings(store: Store): Surroundings {
  const pairs = (sql: string) => grouped(store.db.query<Pair, []>(sql).all());
  const names = pairs("SELECT target, reference AS value FROM names ORDER BY reference");
  const repositories = pairs("SELECT target, repository AS value FROM repo_digests ORDER BY repository");
  const snapshots = new Map(
    store.db
      .query<{ key: Digest; bytes: number }, []>(`SELECT key, bytes FROM snapshots WHERE kind = 'committed'`)
      .all()
      .map(({ key, bytes }) => [key, bytes]),
  );
  return {
    names: (target) => names.get(target) ?? [],
    repositories: (target) => repositories.get(target) ?? [],
    unpacked: (chainId) => snapshots.get(chainId),
  };
}

export function surroundingsOfOne(store: Store): Surroundings {
  const values = (sql: string, target: Digest) =>
    store.db
      .query<Pair, [string]>(sql)
      .all(target)
      .map(({ value }) => value);
  return {
    names: (target) =>
      values("SELECT target, reference AS value FROM names WHERE target = ? ORDER BY reference", target),
    repositories: (target) =>
      values(
        "SELECT target, repository AS value FROM repo_digests WHERE target = ? ORDER BY repository",
        target,
      ),
    unpacked: (chainId) =>
      store.db
        .query<{ bytes: number }, [string]>(
          `SELECT bytes FROM snapshots WHERE key = ? AND kind = 'committed'`,
        )
        .get(chainId)?.bytes,
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

export function localImage(row: PlatformRow, around: Surroundings): LocalImage {
  const target = { mediaType: row.media_type, digest: row.target, size: row.size } satisfies Descriptor;
  const layers = once(() => JSON.parse(row.layers) as LocalImage["layers"]);
  const labels = once(() => JSON.parse(row.labels) as Record<string, string>);
  const platform = once(() => JSON.parse(row.platform) as Platform);
  const unpackedSize = once(() => {
    const sizes = layers().map(({ chainId }) => around.unpacked(chainId));
    return sizes.includes(undefined) ? 0 : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  });
  return {
    id: row.config,
    target,
    manifest: { mediaType: row.manifest_media_type, digest: row.manifest, size: row.manifest_size },
    names: around.names(row.target),
    repoDigests: around.repositories(row.target).map((repository) => `${repository}@${row.target}`),
    created: row.created === null ? undefined : new Date(row.created),
    stored: new Date(row.stored),
    contentSize: row.content_size,
    get platform() {
      return platform();
    },
    get labels() {
      return labels();
    },
    get layers() {
      return layers();
    },
    get unpackedSize() {
      return unpackedSize();
    },
  };
}
