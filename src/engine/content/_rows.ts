/** Rows of published blobs. */
import type { Digest } from "../../spec/image/digest.ts";
import type { Store } from "../store/store.ts";
import type { BlobInfo } from "./content.ts";

export interface BlobRow {
  readonly digest: Digest;
  readonly size: number;
  readonly created: number;
  readonly verified_epoch: number;
  readonly damaged: number;
}

export function rowOf(store: Store, digest: Digest): BlobRow | undefined {
  return store.db.query<BlobRow, [string]>("SELECT * FROM blobs WHERE digest = ?").get(digest) ?? undefined;
}

export function infoOf(row: BlobRow): BlobInfo {
  return { digest: row.digest, size: row.size, created: new Date(row.created) };
}

export function isPublished(store: Store, digest: Digest): boolean {
  return rowOf(store, digest)?.damaged === 0;
}

/** A blob that was damaged is whole again by this. */
export function putRow(store: Store, digest: Digest, size: number): void {
  const sql = `INSERT INTO blobs (digest, size, created, verified_epoch) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (digest) DO UPDATE SET size = ?2, verified_epoch = ?4, damaged = 0`;
  store.db.query(sql).run(digest, size, Date.now(), store.epoch);
  store.db.query("DELETE FROM garbage WHERE kind = 'blob' AND key = ?").run(digest);
}

export function markVerified(store: Store, digest: Digest, whole: boolean): void {
  const sql = "UPDATE blobs SET damaged = ?, verified_epoch = ? WHERE digest = ?";
  store.transaction(() => store.db.query(sql).run(whole ? 0 : 1, store.epoch, digest));
}
