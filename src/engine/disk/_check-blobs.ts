import { lstatSync } from "node:fs";
import type { Digest } from "../../spec/image/digest.ts";
import { blobPath } from "../content/paths.ts";
import type { Store } from "../store/store.ts";
import type { Check } from "./check.ts";
import { tryRepair } from "./_repair.ts";
import { layersOf } from "./_owners.ts";

interface BlobRow {
  readonly digest: Digest;
  readonly size: number;
  readonly damaged: number;
}

/** Every row has its file of the right size; in a deep check, of the right bytes. */
export async function checkBlobs(check: Check): Promise<void> {
  const { engine, options, report, step } = check;
  const rows = engine.store.db
    .query<BlobRow, []>("SELECT digest, size, damaged FROM blobs ORDER BY digest")
    .all();
  for (const row of rows) {
    if (options.deep) step(`blob ${row.digest}`);
    const wrong = wrongFile(engine.store.root, row);
    if (!wrong && !options.deep && row.damaged === 0) continue;
    // Reading it settles what its row has to say from now on.
    const found = options.deep || options.repair ? await engine.content.verify(row.digest) : undefined;
    if (found === "whole") {
      if (row.damaged !== 0)
        report({
          what: `blob ${row.digest} was marked damaged and is whole`,
          severity: "note",
          repaired: true,
        });
      continue;
    }
    // Removed by another process since the list was made.
    if (found === "missing" && !exists(check, row.digest)) continue;
    const what = wrong ?? (found === "damaged" ? "its bytes have another digest" : "it is marked damaged");
    // What no image needs is garbage of a collection, further down.
    const { fetchBlob } = options;
    const fetch = fetchBlob && (() => fetchBlob(row.digest));
    const { repaired, why } = await tryRepair(check, isNeeded(check, row.digest) ? fetch : undefined);
    report({ what: `blob ${row.digest} is damaged: ${what}${why}`, severity: "damage", repaired });
  }
}

function isNeeded({ engine }: Check, digest: Digest): boolean {
  return partsOfImages(engine.store).some(({ parts }) => parts.includes(digest));
}

function exists({ engine }: Check, digest: Digest): boolean {
  return engine.store.db.query("SELECT 1 FROM blobs WHERE digest = ?").get(digest) !== null;
}

function wrongFile(root: string, { digest, size }: BlobRow): string | undefined {
  const stat = lstatSync(blobPath(root, digest), { throwIfNoEntry: false });
  if (!stat) return "its file is gone";
  if (!stat.isFile()) return "its file is not a regular file";
  return stat.size === size ? undefined : `its file has ${stat.size} bytes, wanted ${size}`;
}

interface PlatformRow {
  readonly target: Digest;
  readonly manifest: Digest;
  readonly config: Digest;
  readonly layers: string;
}

interface PartsOfImage {
  readonly target: Digest;
  readonly parts: readonly Digest[];
}

function partsOfImages({ db }: Store): PartsOfImage[] {
  return db
    .query<PlatformRow, []>("SELECT target, manifest, config, layers FROM image_platforms")
    .all()
    .map(({ target, manifest, config, layers }) => ({
      target,
      parts: [target, manifest, config, ...layersOf(layers).map(layerDigest)],
    }));
}

const layerDigest = ({ descriptor }: ReturnType<typeof layersOf>[number]) => descriptor?.digest as Digest;

/** What the user can do: an image that came from a registry is there still, perhaps; one that was made here has to be made again. */
function remedy({ db }: Store, target: Digest, names: readonly string[]): string {
  const repositories = db
    .query<{ repository: string }, [string]>(
      "SELECT repository FROM repo_digests WHERE target = ? ORDER BY repository",
    )
    .all(target)
    .map(({ repository }) => repository);
  const [reference] = names;
  const pulled = names.find((name) => repositories.some((repository) => name.startsWith(`${repository}:`)));
  if (pulled !== undefined) return `\`sampan pull ${pulled}\` heals it`;
  const [repository] = repositories;
  if (reference !== undefined && repository !== undefined)
    return `\`sampan pull ${repository}@${target}\` heals it`;
  const remove = `\`sampan rmi ${reference ?? target}\` removes it`;
  if (reference === undefined) return `it has no name: ${remove}`;
  return `it came from no registry: load or import it again, or make it anew; ${remove}`;
}

/** Every image has all that it is made of; one that has not is told with what heals it. */
export async function checkImages(check: Check): Promise<void> {
  const { engine, options, report } = check;
  const { db } = engine.store;
  const named = db.query<{ reference: string }, [string]>(
    "SELECT reference FROM names WHERE target = ? ORDER BY reference",
  );
  for (const [target, lacks] of lackingImages(engine.store)) {
    const names = named.all(target).map(({ reference }) => reference);
    const { fetchBlob } = options;
    // A blob that has a row has been tried; those without one are met here first.
    const fetch = async () => {
      for (const digest of lacks) await fetchBlob?.(digest);
    };
    const { repaired, why } = await tryRepair(check, fetchBlob && fetch);
    const heal = repaired ? "" : `; ${remedy(engine.store, target, names)}`;
    report({
      what: `image "${names[0] ?? target}" lacks ${[...lacks].join(", ")}${heal}${why}`,
      severity: "damage",
      repaired,
    });
  }
}

function lackingImages(store: Store): ReadonlyMap<Digest, ReadonlySet<Digest>> {
  const rows = store.db.query<BlobRow, []>("SELECT digest, size, damaged FROM blobs").all();
  const here = new Set(
    rows.filter((row) => row.damaged === 0 && !wrongFile(store.root, row)).map(({ digest }) => digest),
  );
  const missing = new Map<Digest, Set<Digest>>();
  for (const { target, parts } of partsOfImages(store)) {
    const lacks = missing.get(target) ?? new Set();
    for (const digest of parts) if (!here.has(digest)) lacks.add(digest);
    if (lacks.size > 0) missing.set(target, lacks);
  }
  return missing;
}
