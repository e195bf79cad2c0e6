/** What an image archive held, wherever it stands now: small documents in memory, blobs in content's ingest, the layers of old archives in files without names. */
import { invalid, SampanError } from "../../base/errors.ts";
import { isDigest, type Digest } from "../../spec/image/digest.ts";
import { compressionOf } from "../archive/packing.ts";
import { ingestPath } from "../content/paths.ts";
import { ensureRoom } from "../disk/budget.ts";
import type { Lease } from "../gc/gc.ts";
import type { ArchiveTaker, FileTaker } from "./_archive-files.ts";
import { Spool } from "./_spool.ts";
import { discard, fileOf, leaseBlob, type StoreParts } from "./_store-image.ts";

const most = { document: 8 << 20, documents: 64 << 20, hops: 32 } as const;
/** Docker's archives before OCI: said again in other files, or never read. */
const passedOver = /^(?:repositories|(?:.*\/)?(?:VERSION|json)|oci-layout)$/;
const documentName = /^(?:index\.json|manifest\.json|[^/]+\.json)$/;
const blobName = /^blobs\/(sha256|sha512)\/([0-9a-f]+)$/;

export interface FoundLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly compression: "plain" | "gzip" | "zstd";
}

export class ArchiveContents implements ArchiveTaker, AsyncDisposable {
  readonly #engine: StoreParts;
  readonly #lease: Lease;
  readonly #signal: AbortSignal;
  readonly #documents = new Map<string, Uint8Array>();
  readonly #spools = new Map<string, Spool>();
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
    return this.#spool(name, size);
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
    if (ingest === "present") return undefined;
    this.#brought.add(digest);
    const keep = new AsyncDisposableStack();
    keep.use(ingest);
    this.#open.use(keep);
    if (ingest.written > 0) await ingest.restart();
    return {
      write: (bytes) => ingest.write(bytes),
      end: async () => {
        await ingest.finish();
        await keep.disposeAsync();
      },
    };
  }

  /** What a failure in the middle of a file leaves open. */
  readonly #open = new AsyncDisposableStack();

  async #spool(name: string, size: number): Promise<FileTaker> {
    await this.#checkRoom(name, size);
    const spool = await Spool.open(this.#engine.store.root, this.#engine.settings.maxLayerSize);
    await this.#spools.get(name)?.[Symbol.asyncDispose]();
    this.#spools.set(name, spool);
    return { write: (bytes) => spool.write(bytes), end: () => Promise.resolve() };
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
    const spool = this.#spools.get(real);
    if (!spool) throw invalid(`it names layer "${name.slice(0, 200)}", which is not in it`);
    const digest = spool.digest();
    leaseBlob(this.#engine, this.#lease, [digest]);
    this.#brought.add(digest);
    await spool.ingest(this.#engine.content, this.#signal);
    return { digest, size: spool.size, compression: compressionOf(await spool.head(6)) };
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
    await this.#open.disposeAsync();
    for (const spool of this.#spools.values()) await spool[Symbol.asyncDispose]();
    await discard(this.#engine, [...this.#brought]);
  }
}
