/**
 * Sweep: files that no row names. Each batch looks again under the database's write lock, which everyone needs to take a lease or to publish, so
 * what is unlinked is what nobody can want at that moment.
 */
import { closeSync, constants, lstatSync, openSync, readdirSync, unlinkSync, type Stats } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { errnoOf } from "../../kernel/errno.ts";
import { lockFile } from "../../kernel/libc.ts";
import type { Digest } from "../../spec/image/digest.ts";
import {
  blobFolders,
  blobPath,
  digestOfBlob,
  digestOfIngest,
  ingestFolder,
  isPlaceholder,
} from "../content/paths.ts";
import { fileError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";

/** The write lock is held for so many files or bytes at once; freeing bytes takes time too. */
const batch = { files: 64, bytes: 256 << 20 };
const day = 24 * 3600 * 1000;

export interface Swept {
  readonly names: readonly string[];
  readonly bytes: number;
}

interface Candidate {
  readonly digest: Digest;
  readonly path: string;
}

/** Files of blobs without rows, whether a mark noted them or a crash left them. */
export async function sweepBlobs(store: Store, signal?: AbortSignal): Promise<Swept> {
  const found = [...notedBlobs(store), ...strayBlobs(store)];
  const seen = new Set<string>();
  const candidates = found.filter(({ path }) => !seen.has(path) && seen.add(path));
  const published = store.db.query("SELECT 1 FROM blobs WHERE digest = ?");
  const forget = store.db.query("DELETE FROM garbage WHERE kind = 'blob' AND key = ?");
  return inBatches(store, candidates, signal, ({ digest, path }) => {
    const isBlob = path === blobPath(store.root, digest);
    if (isLeased(store, digest)) return undefined;
    const wanted = isBlob && published.get(digest) !== null;
    const stats = wanted ? undefined : unlinkFile(path);
    if (isBlob) forget.run(digest);
    return stats && { name: digest, stats };
  });
}

function notedBlobs(store: Store): Candidate[] {
  return store.db
    .query<{ key: Digest }, []>("SELECT key FROM garbage WHERE kind = 'blob'")
    .all()
    .map(({ key }) => ({ digest: key, path: blobPath(store.root, key) }));
}

/** Files that a crash left between a name and its row, and `<hex>.new` of a blob that was about to be replaced. */
function strayBlobs(store: Store): Candidate[] {
  const rows = store.db.query<{ digest: string }, []>("SELECT digest FROM blobs").all();
  const known = new Set(rows.map(({ digest }) => digest));
  return blobFolders(store.root).flatMap(({ algorithm, path }) =>
    namesIn(path).flatMap((name) => {
      const digest = digestOfBlob(algorithm, name.replace(/\.new$/, ""));
      const stray = digest !== undefined && (name.endsWith(".new") || !known.has(digest));
      return stray ? [{ digest, path: `${path}/${name}` }] : [];
    }),
  );
}

/** Partial files that nobody leases, nobody holds the lock of, and nobody has touched for a day, unless all are asked for. */
export async function sweepIngests(store: Store, which: "old" | "all", signal?: AbortSignal): Promise<Swept> {
  const folder = ingestFolder(store.root);
  const candidates = namesIn(folder).flatMap((name) => {
    const digest = digestOfIngest(name);
    return digest ? [{ digest, path: `${folder}/${name}` }] : [];
  });
  const published = store.db.query("SELECT 1 FROM blobs WHERE digest = ? AND damaged = 0");
  return inBatches(store, candidates, signal, ({ digest, path }) => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return undefined;
    const done = published.get(digest) !== null;
    if (!done && (isLeased(store, digest) || (which === "old" && isYoung(digest, stats)))) return undefined;
    return unlinkUnlocked(path) ? { name: `partial download of ${digest}`, stats } : undefined;
  });
}

/** Another try may go on with it. */
function isYoung(digest: Digest, { mtimeMs }: Stats): boolean {
  return !isPlaceholder(digest) && Date.now() - mtimeMs < day;
}

function isLeased(store: Store, digest: Digest): boolean {
  const sql = "SELECT 1 FROM lease_items WHERE key = ? AND kind IN ('blob', 'ingest') LIMIT 1";
  return store.db.query(sql).get(digest) !== null;
}

async function inBatches(
  store: Store,
  candidates: readonly Candidate[],
  signal: AbortSignal | undefined,
  take: (candidate: Candidate) => { name: string; stats: Stats } | undefined,
): Promise<Swept> {
  const names: string[] = [];
  let bytes = 0;
  for (let at = 0; at < candidates.length;) {
    if (signal?.aborted) throw new SampanError("cancelled", "cannot collect garbage: it was cancelled");
    const from = at;
    let freed = 0;
    store.transaction(() => {
      while (at < candidates.length && at - from < batch.files && freed < batch.bytes) {
        const candidate = candidates[at++];
        const taken = candidate && take(candidate);
        if (!taken) continue;
        names.push(taken.name);
        // Another name of the same file keeps its blocks.
        freed += taken.stats.nlink > 1 ? 0 : taken.stats.blocks * 512;
      }
    });
    bytes += freed;
    await new Promise(setImmediate);
  }
  return { names, bytes };
}

function unlinkFile(path: string): Stats | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  try {
    unlinkSync(path);
    return stats;
  } catch (error) {
    throw fileError(`remove "${path}"`, error);
  }
}

function unlinkUnlocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // ELOOP: a link, which no ingest can hold.
    if (errnoOf(error) === 40) return unlinkFile(path) !== undefined;
    return false;
  }
  try {
    return lockFile(fd, false) && unlinkFile(path) !== undefined;
  } finally {
    closeSync(fd);
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 2) return [];
    throw fileError(`list "${path}"`, error);
  }
}
