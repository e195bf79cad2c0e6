/** Bytes whose digest is known only at their end: in a file below the data root that has no name, so that nothing of it outlives the process. */
import { mkdir, open, unlink, type FileHandle } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { Content } from "../content/content.ts";
import { fileError } from "../store/errors.ts";

const piece = 1 << 20;

export class Spool implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #hasher = new Bun.CryptoHasher("sha256");
  readonly #limit: number;
  #size = 0;
  #digest: Digest | undefined;

  private constructor(handle: FileHandle, limit: number) {
    this.#handle = handle;
    this.#limit = limit;
  }

  /** `limit`: bytes that it takes at most. */
  static async open(root: string, limit: number): Promise<Spool> {
    try {
      await mkdir(`${root}/tmp`, { recursive: true, mode: 0o700 });
      const path = `${root}/tmp/spool-${randomUUID()}`;
      const handle = await open(path, "wx+", 0o600);
      await unlink(path);
      return new Spool(handle, limit);
    } catch (error) {
      throw fileError(`write below "${root}/tmp"`, error);
    }
  }

  get size(): number {
    return this.#size;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#size + bytes.length > this.#limit)
      throw new SampanError(
        "resource_exhausted",
        `it has more than ${this.#limit} bytes ([images] max_layer_size)`,
      );
    this.#hasher.update(bytes);
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#handle
        .write(bytes, at, bytes.length - at, this.#size + at)
        .catch((error: unknown) => Promise.reject(fileError("write a temporary file", error)));
      at += bytesWritten;
    }
    this.#size += bytes.length;
  }

  /** Of all that was written; after it no more is. */
  digest(): Digest {
    this.#digest ??= `sha256:${this.#hasher.digest("hex")}` as Digest;
    return this.#digest;
  }

  /** At most `length` bytes of the beginning. */
  async head(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(length, this.#size));
    const { bytesRead } = await this.#handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  }

  /** Into content's ingest, where its digest is checked again; the verb publishes it with the rest. */
  async ingest(content: Content, signal: AbortSignal): Promise<void> {
    const digest = this.digest();
    const begun = await content.ingest({ digest, size: this.#size }, signal);
    if (begun === "present") return;
    await using ingest = begun;
    const bytes = new Uint8Array(piece);
    for (let at = ingest.written; at < this.#size;) {
      signal.throwIfAborted();
      const { bytesRead } = await this.#handle.read(bytes, 0, piece, at);
      if (bytesRead === 0) throw new SampanError("data_loss", "a temporary file was cut");
      await ingest.write(bytes.subarray(0, bytesRead));
      at += bytesRead;
    }
    await ingest.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
