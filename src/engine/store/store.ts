/**
 * The contract of the database: one SQLite file (WAL, synchronous=FULL) below the data root, shared by every process that works on that root.
 *
 * Everything that is a fact for users (which images there are, which blobs are whole, which snapshots are committed) is a row; files without a row are
 * garbage that gc may take, rows without their file are damage that `system check` names. Hence the one rule of writing, for power cuts:
 *
 *     bytes first (written, renamed into place, made durable with Durability.sync), then one transaction that names them.
 *
 * All calls are synchronous; a transaction never awaits, so it is short. Several processes wait for each other inside SQLite (busy timeout 30 s, then
 * `unavailable`). Nested transactions are savepoints, so each noun's changes compose into one.
 */
import type { Database } from "bun:sqlite";

export interface Store extends Disposable {
  /** The data root, absolute: /var/lib/sampan by default. Mode 0700. */
  readonly root: string;
  /** For the nouns of src/engine only: each has its own tables in schema.ts and touches no other's, but for foreign keys. */
  readonly db: Database;
  /**
   * Rises by one at the first opening after the machine's boot id has changed, unless the stop before was a clean one (clean-stop.ts). What was last seen whole in an older epoch is verified again before use
   * (content.verified_epoch, snapshots.verified_epoch).
   */
  readonly epoch: number;
  /**
   * Runs `change` in BEGIN IMMEDIATE … COMMIT; whatever it throws rolls all of it back. What can be found out again after a power cut need not be waited for:
   * `durable: false`, on the outermost, spares the fsync, and a cut may then lose it, as a whole; with `soon` it is made durable a moment later, by this process if it lives on.
   */
  transaction<Result>(change: () => Result, options?: { readonly durable: boolean | "soon" }): Result;
  /** Makes what was committed durable, without blocking the caller's thread. */
  settle(): Promise<void>;
}

/** Makes what was written durable, without blocking the caller's thread: syncfs(2) of the file system that holds `path`, in a helper process. */
export interface Durability {
  sync(path: string): Promise<void>;
}
