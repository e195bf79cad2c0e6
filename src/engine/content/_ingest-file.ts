/** One blob while it grows: its file, its lock (with the file's descriptor), its hash so far. */
import { writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { SampanError, invalid } from "../../base/errors.ts";
import { algorithmOf, parseDigest, type Digest } from "../../spec/image/digest.ts";
import { fileError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { BlobInfo, Ingest } from "./content.ts";
import { hasherFor, hashFile, modes, removeFile } from "./_files.ts";
import { isPublished } from "./_rows.ts";

/** Bytes after which the kernel is asked to begin writing, so that the sync at the end finds little left to do. */
const writeBack = 32 << 20;
/** Bytes that are not on disk yet, at which a writer that is faster than the disk waits for it. */
const mostDirty = 128 << 20;

export class IngestFile implements Ingest {
  readonly path: string;
  /** Called once, when the lock is let go. */
  onClose: (() => void) | undefined;
  readonly #store: Store;
  readonly #expected: { readonly digest: Digest; readonly size?: number };
  readonly #handle: FileHandle;
  #hasher: Bun.CryptoHasher;
  #written = 0;
  #synced = 0;
  #syncing: Promise<void> | undefined;
  #finished = false;
  #closed = false;

  constructor(
    store: Store,
    expected: { readonly digest: Digest; readonly size?: number },
    file: { path: string; handle: FileHandle },
  ) {
    this.#store = store;
    this.#expected = expected;
    this.#handle = file.handle;
    this.path = file.path;
    this.#hasher = hasherFor(expected.digest);
  }

  get written(): number {
    return this.#written;
  }

  /** Hashes what an earlier try left. */
  async resume(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > (this.#expected.size ?? Number.MAX_SAFE_INTEGER)) return this.restart();
    this.#written = await hashFile(this.#handle, this.#hasher, size);
    this.#synced = this.#written;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#open();
    const { digest, size } = this.#expected;
    if (size !== undefined && this.#written + bytes.length > size)
      throw invalid(`cannot write blob "${digest}": it is longer than ${size} bytes, as its descriptor says`);
    await this.append(bytes);
  }

  /** Whatever length was expected. */
  async append(bytes: Uint8Array): Promise<void> {
    this.#open();
    try {
      this.#append(bytes);
    } catch (error) {
      // Bytes of a piece that came to its end halfway are not hashed, so they go.
      await this.#handle.truncate(this.#written);
      throw fileError(`write blob "${this.#expected.digest}"`, error);
    }
    this.#hasher.update(bytes);
    this.#written += bytes.length;
    this.#beginWriteBack();
    if (this.#written - this.#synced > mostDirty) await this.#syncing;
  }

  /**
   * Into the page cache, at once: a thread for each piece costs twice the processor time, and with so little that is not on disk yet the kernel does
   * not make writers wait.
   */
  #append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;)
      at += writeSync(this.#handle.fd, bytes, at, bytes.length - at, this.#written + at);
  }

  #beginWriteBack(): void {
    if (this.#syncing || this.#written - this.#synced < writeBack) return;
    const upTo = this.#written;
    // An error of the disk comes again with the sync at the end; until then nothing is believed of this file.
    this.#syncing = this.#handle
      .datasync()
      .catch(() => {})
      .finally(() => {
        this.#synced = upTo;
        this.#syncing = undefined;
      });
  }

  async restart(): Promise<void> {
    this.#open();
    await this.#syncing;
    try {
      await this.#handle.truncate(0);
    } catch (error) {
      throw fileError(`begin blob "${this.#expected.digest}" again`, error);
    }
    this.#hasher = hasherFor(this.#expected.digest);
    this.#written = 0;
    this.#synced = 0;
  }

  async finish(): Promise<BlobInfo> {
    this.#open();
    const { digest, size } = this.#expected;
    const found = this.found();
    const wrong =
      size !== undefined && this.#written !== size
        ? `it has ${this.#written} bytes, wanted ${size}`
        : found === digest
          ? undefined
          : `its bytes have the digest ${found}`;
    if (wrong) {
      await this.restart();
      throw new SampanError("data_loss", `cannot finish blob "${digest}": ${wrong}`);
    }
    await this.seal();
    return { digest, size: this.#written, created: new Date() };
  }

  /** What the bytes so far hash to. */
  found(): Digest {
    return parseDigest(`${algorithmOf(this.#expected.digest)}:${this.#hasher.copy().digest("hex")}`);
  }

  /** Durable, and no more to be written. */
  async seal(): Promise<void> {
    try {
      await this.#syncing;
      await this.#handle.datasync();
      await this.#handle.chmod(modes.finished);
    } catch (error) {
      throw fileError(`finish blob "${this.#expected.digest}"`, error);
    }
    this.#finished = true;
  }

  #open(): void {
    if (this.#closed || this.#finished)
      throw new SampanError(
        "failed_precondition",
        `cannot write blob "${this.#expected.digest}": it is ${this.#finished ? "finished" : "closed"}`,
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // After publishing, this second name of the file has done its work.
    if (this.#finished && isPublished(this.#store, this.#expected.digest))
      await removeFile(this.path).catch(() => {});
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#syncing;
    await this.#handle.close();
    this.onClose?.();
  }
}
