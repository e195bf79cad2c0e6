import { lstatSync } from "node:fs";
import type { Digest } from "../../spec/image/digest.ts";
import { blobPath } from "../content/paths.ts";
import type { Check } from "./check.ts";
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
    report({ what: `blob ${row.digest} is damaged: ${what}`, severity: "damage" });
  }
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

/** Every image has all that it is made of; one that has not is healed by a pull. */
export function checkImages({ engine, report }: Check): void {
  const { db, root } = engine.store;
  const rows = db.query<BlobRow, []>("SELECT digest, size, damaged FROM blobs").all();
  const here = new Set(
    rows.filter((row) => row.damaged === 0 && !wrongFile(root, row)).map(({ digest }) => digest),
  );
  const name = db.query<{ reference: string }, [string]>(
    "SELECT reference FROM names WHERE target = ? ORDER BY reference LIMIT 1",
  );
  const missing = new Map<Digest, Set<Digest>>();
  for (const row of db
    .query<PlatformRow, []>("SELECT target, manifest, config, layers FROM image_platforms")
    .all()) {
    const layers = layersOf(row.layers).map(({ descriptor }) => descriptor?.digest as Digest);
    const parts = [row.target, row.manifest, row.config, ...layers];
    const lacks = missing.get(row.target) ?? new Set();
    for (const digest of parts) if (!here.has(digest)) lacks.add(digest);
    if (lacks.size > 0) missing.set(row.target, lacks);
  }
  for (const [target, lacks] of missing) {
    const reference = name.get(target)?.reference;
    const heal = reference
      ? `\`sampan pull ${reference}\` heals it`
      : `it has no name: \`sampan rmi ${target}\` removes it`;
    report({
      what: `image "${reference ?? target}" lacks ${[...lacks].join(", ")}; ${heal}`,
      severity: "damage",
    });
  }
}
