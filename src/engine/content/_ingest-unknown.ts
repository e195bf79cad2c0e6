/** Blobs whose digest is known at their end only, and what becomes of those that nobody wants. */
import { rename } from "node:fs/promises";
import { SampanError } from "../../base/errors.ts";
import { lockFile } from "../../kernel/libc.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { fileError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { BlobInfo, UnknownIngest } from "./content.ts";
import { openIngest, openReading, regular, removeFile } from "./_files.ts";
import { beginIngest, type Running } from "./_ingest.ts";
import { IngestFile } from "./_ingest-file.ts";
import { isPublished } from "./_rows.ts";
import { ingestPath, placeholderDigest } from "./paths.ts";
import { rmSync } from "node:fs";

export async function beginUnknown(store: Store, running: Running, limit: number): Promise<UnknownIngest> {
  for (;;) {
    const name = placeholderDigest();
    const path = ingestPath(store.root, name);
    const handle = await openIngest(path);
    let kept = false;
    try {
      // Between opening and locking, a collection may have taken it for one whose writer is gone.
      if (!lockFile(handle.fd, false) || (await regular(path))?.ino !== (await handle.stat()).ino) continue;
      kept = true;
      return new UnknownFile(
        store,
        running,
        new IngestFile(store, { digest: name }, { path, handle }),
        limit,
      );
    } finally {
      if (!kept) await handle.close();
    }
  }
}

class UnknownFile implements UnknownIngest {
  readonly #store: Store;
  readonly #running: Running;
  readonly #file: IngestFile;
  readonly #limit: number;
  #digest: Digest | undefined;
  #placed: boolean | undefined;
  #closed = false;

  constructor(store: Store, running: Running, file: IngestFile, limit: number) {
    this.#store = store;
    this.#running = running;
    this.#file = file;
    this.#limit = limit;
  }

  get path(): string {
    return this.#placed ? ingestPath(this.#store.root, this.digest()) : this.#file.path;
  }

  get written(): number {
    return this.#file.written;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#digest !== undefined)
      throw new SampanError(
        "failed_precondition",
        `cannot write blob "${this.#digest}": its digest was taken`,
      );
    if (this.written + bytes.length > this.#limit)
      throw new SampanError(
        "resource_exhausted",
        `cannot write a blob: it has more than ${this.#limit} bytes`,
      );
    await this.#file.append(bytes);
  }

  digest(): Digest {
    return (this.#digest ??= this.#file.found());
  }

  /** What has its digest's name and is not synced is as what another try left: its lock says that we are at it. */
  async place(signal?: AbortSignal): Promise<boolean> {
    if (this.#placed !== undefined) return this.#placed;
    const digest = this.digest();
    const held = await beginIngest(this.#store, this.#running, { digest, size: this.written }, signal);
    if (held === "present") return (this.#placed = false);
    // In place of what an earlier try left, whose lock is held here: who waits for that finds this one.
    await using _lock = held;
    try {
      await rename(this.path, ingestPath(this.#store.root, digest));
    } catch (error) {
      throw fileError(`begin blob "${digest}"`, error);
    }
    return (this.#placed = true);
  }

  async finish(signal?: AbortSignal): Promise<BlobInfo> {
    if (await this.place(signal)) await this.#file.seal();
    return { digest: this.digest(), size: this.written, created: new Date() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#placed) await removeFile(this.path).catch(() => {});
    await this.#file[Symbol.asyncDispose]();
  }
}

/** As a collection does it, under the database's write lock: who wants the blob has leased it before, and who leases it after finds nothing. */
export async function abandon(store: Store, digest: Digest, lease: { readonly id: string }): Promise<void> {
  if (isPublished(store, digest)) return;
  const path = ingestPath(store.root, digest);
  try {
    const handle = await openReading(path);
    try {
      store.transaction(() => {
        if (isPublished(store, digest) || isWanted(store, digest, lease)) return;
        if (lockFile(handle.fd, false)) rmSync(path, { force: true });
      });
    } finally {
      await handle.close();
    }
  } catch {
    // Not there, or not to be removed now: the next collection's.
  }
}

function isWanted(store: Store, digest: Digest, { id }: { readonly id: string }): boolean {
  const sql = "SELECT 1 FROM lease_items WHERE key = ? AND kind IN ('blob', 'ingest') AND lease <> ? LIMIT 1";
  return store.db.query(sql).get(digest, id) !== null;
}
