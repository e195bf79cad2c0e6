/** Mark: what no root reaches, in SQL, and the end of its rows. One transaction: whoever takes a lease before it is seen, whoever comes after sees no rows. */
import type { Digest } from "../../spec/image/digest.ts";
import type { Store } from "../store/store.ts";
import { dropDeadLeases } from "./leases.ts";

export interface Marked {
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
  readonly snapshots: readonly MarkedSnapshot[];
}

export interface MarkedSnapshot {
  readonly id: number;
  readonly key: string;
  readonly driver: string;
  readonly bytes: number;
}

/** A layer's documents name what it needs; links say it again for what is only leased yet. */
const reachedBlobs = `
  WITH RECURSIVE roots (digest) AS (
    SELECT target FROM images
    UNION SELECT target FROM containers UNION SELECT manifest FROM containers UNION SELECT image_id FROM containers
    UNION SELECT manifest FROM image_platforms UNION SELECT config FROM image_platforms
    UNION SELECT json_extract(layer.value, '$.descriptor.digest') FROM image_platforms, json_each(image_platforms.layers) AS layer
    UNION SELECT key FROM lease_items WHERE kind IN ('blob', 'ingest')
  ), reached (digest) AS (
    SELECT digest FROM roots WHERE digest IS NOT NULL
    UNION SELECT child FROM reached JOIN blob_links ON parent = reached.digest
  )`;

/** A layer is `unpack-<chain id>` until it is committed: a lease on one name holds the other, and a parent may have either. */
const reachedSnapshots = `
  WITH RECURSIVE leased (key) AS (SELECT key FROM lease_items WHERE kind = 'snapshot'),
  roots (key) AS (
    SELECT snapshot FROM containers
    UNION SELECT key FROM snapshots WHERE kind = 'view' AND substr(key, 1, 64) IN (SELECT id FROM containers)
    UNION SELECT json_extract(layer.value, '$.chainId') FROM image_platforms, json_each(image_platforms.layers) AS layer
    UNION SELECT key FROM leased UNION SELECT 'unpack-' || key FROM leased
    UNION SELECT substr(key, 8) FROM leased WHERE key LIKE 'unpack-%'
  ), reached (key) AS (
    SELECT key FROM roots WHERE key IS NOT NULL
    UNION SELECT form.prefix || parent FROM reached JOIN snapshots ON snapshots.key = reached.key
      CROSS JOIN (SELECT '' AS prefix UNION ALL SELECT 'unpack-') AS form WHERE parent IS NOT NULL
  )`;

export function mark(store: Store): Marked {
  return store.transaction(() => {
    dropDeadLeases(store);
    const marked = unreachable(store);
    const { db } = store;
    // Before the blobs themselves: the links of what is unreachable are what makes it so.
    for (const [table, column] of [
      ["blob_sources", "digest"],
      ["blob_links", "parent"],
    ] as const)
      db.run(`${reachedBlobs} DELETE FROM ${table} WHERE ${column} NOT IN (SELECT digest FROM reached)`);
    const [drop, keep] = [
      db.query("DELETE FROM blobs WHERE digest = ?"),
      db.query("INSERT OR IGNORE INTO garbage (kind, key) VALUES ('blob', ?)"),
    ];
    for (const { digest } of marked.blobs) {
      drop.run(digest);
      keep.run(digest);
    }
    const dropSnapshot = db.query("DELETE FROM snapshots WHERE id = ?");
    for (const { id } of marked.snapshots) dropSnapshot.run(id);
    return marked;
  });
}

/** What no root reaches now. For a look without a change; leases of dead processes still count. */
export function unreachable(store: Store): Marked {
  const blobs = store.db
    .query<Marked["blobs"][number], []>(
      `${reachedBlobs} SELECT digest, size FROM blobs WHERE digest NOT IN (SELECT digest FROM reached)`,
    )
    .all();
  const snapshots = store.db
    .query<MarkedSnapshot, []>(
      `${reachedSnapshots} SELECT id, key, driver, bytes FROM snapshots WHERE key NOT IN (SELECT key FROM reached)`,
    )
    .all();
  return { blobs, snapshots };
}
