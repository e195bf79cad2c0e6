/**
 * What an image archive held, wherever it stands now: small documents in memory, all others in content's ingest. What has come is read at once; that it is whole
 * and on disk is waited for at the end (`finished`).
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { isDigest, type Digest } from "../../spec/image/digest.ts";
import { compressionOf } from "../archive/packing.ts";
import type { UnknownIngest } from "../content/content.ts";
import { ingestPath } from "../content/paths.ts";
import { ensureRoom } from "../disk/budget.ts";
import type { Lease } from "../gc/gc.ts";
import type { ArchiveTaker, FileTaker } from "./_archive-files.ts";
import { fileOf, leaseBlob, type StoreParts } from "./_store-image.ts";

/** `finishing`: blobs that wait for the disk at once. */
const most = { document: 8 << 20, documents: 64 << 20, hops: 32, finishing: 8 } as const;
/** Docker's archives before OCI: said again in other files, or never read. */
const passedOver = /^(?:repositories|(?:.*\/)?(?:VERSION|json)|oci-layout)$/;
const documentName = /^(?:index\.json|manifest\.json|[^/]+\.json)$/;
const blobName = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/;

export interface FoundLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly compression: "plain" | "gzip" | "zstd";
}

interface Unnamed {
  readonly ingest: UnknownIngest;
  /** Its first bytes. */
  head: Uint8Array;
}

export class ArchiveContents implements ArchiveTaker, AsyncDisposable {
  readonly #engine: StoreParts;
  readonly #lease: Lease;
  readonly #signal: AbortSignal;
  readonly #documents = new Map<string, Uint8Array>();
  /** The layers of old archives. */
  readonly #unnamed = new Map<string, Unnamed>();
  readonly #finishing = new Map<Digest, Promise<unknown>>();
  readonly #links = new Map<string, string>();
  /** Blobs that were brought into ingest here. */
  readonly #brought = new Set<Digest>();
  #documentBytes = 0;

  constructor(engine: StoreParts, lease: Lease, signal: AbortSignal) {
    this.#engine = engine;
    this.#lease = lease;
    this.#signal = signal;
  }

  link(name: string, target: string): void {
    this.#links.set(name, target);
  }

  async file(name: string, size: number): Promise<FileTaker | undefined> {
    if (passedOver.test(name)) return undefined;
    const blob = blobName.exec(name);
    const digest = blob ? `${blob[1]}:${blob[2]}` : "";
    if (isDigest(digest)) return this.#blob(digest, size);
    if (documentName.test(name)) return this.#document(name, size);
    return this.#unknown(name, size);
  }

  #document(name: string, size: number): FileTaker {
    this.#documentBytes += size;
    if (size > most.document || this.#documentBytes > most.documents)
      throw new SampanError(
        "resource_exhausted",
        `its document "${name}" has ${size} bytes, wanted at most ${most.document}, and ${most.documents} in all`,
      );
    const parts: Uint8Array[] = [];
    return {
      write: (bytes) => {
        parts.push(Uint8Array.from(bytes));
        return Promise.resolve();
      },
      end: () => {
        this.#documents.set(name, Buffer.concat(parts));
        return Promise.resolve();
      },
    };
  }

  async #blob(digest: Digest, size: number): Promise<FileTaker | undefined> {
    await this.#checkRoom(digest, size);
    leaseBlob(this.#engine, this.#lease, [digest]);
    const ingest = await this.#engine.content.ingest({ digest, size }, this.#signal);
    // Also what is present may stand in ingest still: finished by a verb that was killed before it could publish it.
    this.#brought.add(digest);
    if (ingest === "present") return undefined;
    const keep = new AsyncDisposableStack();
    keep.use(ingest);
    this.#open.use(keep);
    if (ingest.written > 0) await ingest.restart();
    return {
      write: (bytes) => ingest.write(bytes),
      end: async () => {
        this.#finish(digest, async () => {
          await ingest.finish();
          await keep.disposeAsync();
        });
        await this.#someFinished();
      },
    };
  }

  #finish(digest: Digest, work: () => Promise<void>): void {
    const finishing = work();
    // Who asks is told; until then it shall not end the process.
    finishing.catch(() => undefined);
    this.#finishing.set(digest, finishing);
  }

  /** Each holds a descriptor. */
  async #someFinished(): Promise<void> {
    const all = [...this.#finishing.values()];
    await all.at(-1 - most.finishing);
  }

  /** Until a blob, or all that were brought, are verified and on disk. Errors: `data_loss`. */
  async finished(digest?: Digest): Promise<void> {
    if (digest !== undefined) await this.#finishing.get(digest);
    else await Promise.all(this.#finishing.values());
  }

  /** What a failure in the middle of a file leaves open. */
  readonly #open = new AsyncDisposableStack();

  async #unknown(name: string, size: number): Promise<FileTaker> {
    await this.#checkRoom(name, size);
    const ingest = await this.#engine.content.ingestUnknown(this.#engine.settings.maxLayerSize);
    await this.#unnamed.get(name)?.ingest[Symbol.asyncDispose]();
    const unnamed: Unnamed = { ingest, head: new Uint8Array() };
    this.#unnamed.set(name, unnamed);
    return {
      write: async (bytes) => {
        if (unnamed.head.length < 6) unnamed.head = Buffer.concat([unnamed.head, bytes.subarray(0, 6)]);
        await ingest.write(bytes);
      },
      end: () => Promise.resolve(),
    };
  }

  async #checkRoom(name: string, size: number): Promise<void> {
    const { maxLayerSize } = this.#engine.settings;
    if (size > maxLayerSize)
      throw new SampanError(
        "resource_exhausted",
        `its file "${name}" has ${size} bytes, wanted at most ${maxLayerSize} ([images] max_layer_size)`,
      );
    await ensureRoom(this.#engine, size, this.#signal);
  }

  /** A document of the archive by its name, or undefined. */
  async document(name: string): Promise<Uint8Array | undefined> {
    const real = this.#resolve(name);
    const blob = blobName.exec(real);
    const digest = blob ? `${blob[1]}:${blob[2]}` : "";
    return isDigest(digest) ? await this.blob(digest) : this.#documents.get(real);
  }

  has(digest: Digest): boolean {
    return this.#brought.has(digest) || this.#engine.content.stat(digest) !== undefined;
  }

  /** The bytes of a small blob; its digest was checked when it came. */
  async blob(digest: Digest): Promise<Uint8Array | undefined> {
    if (this.#engine.content.stat(digest)) return await this.#engine.content.read(digest, most.document);
    if (!this.#brought.has(digest)) return undefined;
    await this.finished(digest);
    const file = Bun.file(ingestPath(this.#engine.store.root, digest));
    if (file.size > most.document)
      throw new SampanError(
        "resource_exhausted",
        `its document "${digest}" has more than ${most.document} bytes`,
      );
    return await file.bytes();
  }

  /** The layer that an old archive names by path: brought into content, whatever form it has. */
  async layer(name: string): Promise<FoundLayer> {
    const real = this.#resolve(name);
    const blob = blobName.exec(real);
    const named = blob ? `${blob[1]}:${blob[2]}` : "";
    if (isDigest(named) && this.has(named)) {
      const file = Bun.file(await fileOf(this.#engine, named));
      const head = await file.slice(0, 6).bytes();
      return { digest: named, size: file.size, compression: compressionOf(head) };
    }
    const unnamed = this.#unnamed.get(real);
    if (!unnamed) throw invalid(`it names layer "${name.slice(0, 200)}", which is not in it`);
    const { ingest, head } = unnamed;
    const digest = ingest.digest();
    leaseBlob(this.#engine, this.#lease, [digest]);
    this.#brought.add(digest);
    await ingest.place(this.#signal);
    if (!this.#finishing.has(digest))
      this.#finish(digest, async () => {
        await ingest.finish();
        await ingest[Symbol.asyncDispose]();
      });
    return { digest, size: ingest.written, compression: compressionOf(head) };
  }

  #resolve(name: string): string {
    let at = name;
    for (let hops = 0; hops < most.hops; hops++) {
      const next = this.#links.get(at);
      if (next === undefined) return at;
      at = next;
    }
    throw invalid(`its links at "${name.slice(0, 200)}" lead in a circle`);
  }

  /** Removes what was brought and did not become part of an image. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#finishing.values());
    await this.#open.disposeAsync();
    for (const { ingest } of this.#unnamed.values()) await ingest[Symbol.asyncDispose]();
    await this.#engine.content.abandon([...this.#brought], this.#lease);
  }
}
