/**
 * The contract of content: immutable blobs by digest, in `<root>/content/blobs/<algorithm>/<hex>`.
 *
 * Life of a blob: absent → ingesting (`<root>/content/ingest/<algorithm>-<hex>`, survives its process and is resumed) → finished (all bytes there, digest
 * verified, file synced and made read-only, still in ingest) → published (its name is in blobs/, a row in the database). Only published blobs can be read. A second
 * publish of the same digest does nothing.
 *
 * Of one blob there is one writer at a time on the whole machine (flock on the ingest file): a second one waits in `ingest` and then finds it present.
 */
import type { Digest } from "../../spec/image/digest.ts";

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly created: Date;
}

export interface Content {
  /** Row only, no disk: undefined when it is not published. */
  stat(digest: Digest): BlobInfo | undefined;
  list(): readonly BlobInfo[];
  /**
   * The file of a published blob, to read from. After an unclean stop it is verified first, once an epoch. Errors: `not_found`; `data_loss` when its bytes do
   * not have its digest or the file is gone: then its row is marked damaged, stat() says undefined, and a pull fetches it again.
   */
  open(digest: Digest): Promise<string>;
  /** All bytes of a small blob (a manifest, a config), digest checked every time. Errors: as open; `resource_exhausted` over `limit` bytes (default 16 MiB). */
  read(digest: Digest, limit?: number): Promise<Uint8Array>;
  /**
   * Begins or resumes writing. `present`: it is published, or finished by another while this waited. Errors: `cancelled` when the signal fires while waiting.
   */
  ingest(expected: { digest: Digest; size?: number }, signal?: AbortSignal): Promise<Ingest | "present">;
  /**
   * Begins a blob whose digest (sha256) is known at its end only. Its file has a name of its own in ingest, shown as any partial download; of a process that
   * ended, the next collection takes it. `limit`: bytes that it takes at most. Errors: `resource_exhausted`.
   */
  ingestUnknown(limit: number): Promise<UnknownIngest>;
  /**
   * Removes what was brought into ingest for nothing, whole or in part. What is published, or written or leased by another than `lease`, stays as it is. Never
   * fails: what cannot be removed now is the next collection's.
   */
  abandon(digests: readonly Digest[], lease: { readonly id: string }): Promise<void>;
  /** Finishes and publishes bytes that are in memory; for documents made here. Digest by sha256. */
  write(bytes: Uint8Array): Promise<BlobInfo>;
  /**
   * Renames finished blobs into place, makes the names durable, and adds their rows in one transaction together with `also` (rows of snapshots, images…).
   * Precondition: the bytes that `also` names are durable. Idempotent.
   */
  publish(digests: readonly Digest[], also?: () => void): Promise<void>;
  /** Who refers to whom, for gc: a manifest to its config and layers, an index to its manifests. Row only; children may be absent. */
  link(parent: Digest, children: readonly Digest[]): void;
  childrenOf(digest: Digest): readonly Digest[];
  /** Where a blob can be had again: `registry/repository`, remembered at pull, used when it is damaged or was never fetched. */
  sources(digest: Digest): readonly string[];
  addSource(digest: Digest, source: string): void;
  /** Verifies one blob now, whatever the epoch. */
  verify(digest: Digest): Promise<"whole" | "damaged" | "missing">;
}

export interface UnknownIngest extends AsyncDisposable {
  /** The file, by the name that it has at the moment. */
  readonly path: string;
  readonly written: number;
  /** Appends. Errors: `resource_exhausted` (disk full, or over the limit). */
  write(bytes: Uint8Array): Promise<void>;
  /** Of all that was written: after it no more is. To be leased before what follows. */
  digest(): Digest;
  /**
   * Gives the file its digest's name. False: that blob is published, or finished in ingest, and this file is not needed. Waits while another writes it. Errors:
   * `cancelled`.
   */
  place(signal?: AbortSignal): Promise<boolean>;
  /** Places and syncs the file. After it the blob is finished or published. */
  finish(signal?: AbortSignal): Promise<BlobInfo>;
  // Disposing removes the file unless it was placed.
}

export interface Ingest extends AsyncDisposable {
  /** The growing file: a follower may read it up to `written`. */
  readonly path: string;
  /** Bytes already there and hashed when the ingest was resumed, then what was written since. A transfer goes on from here. */
  readonly written: number;
  /** Appends. Errors: `resource_exhausted` (disk full), `invalid_argument` when it grows over the expected size. */
  write(bytes: Uint8Array): Promise<void>;
  /** Throws the bytes away and begins at 0: a resumed prefix turned out wrong or the server cannot resume. */
  restart(): Promise<void>;
  /**
   * Checks size and digest and syncs the file. Errors: `data_loss` when they differ (the bytes are thrown away). After it the blob is finished.
   */
  finish(): Promise<BlobInfo>;
  // Disposing before finish keeps the partial file for the next try and lets the lock go.
}
