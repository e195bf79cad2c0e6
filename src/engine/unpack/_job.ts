/** One layer, in the helper process: the growing file, decompressed, hashed, and written. */
import { SampanError } from "../../base/errors.ts";
import * as fs from "../../kernel/fs.ts";
import { algorithmOf, parseDigest } from "../../spec/image/digest.ts";
import { Applier, emptyRoot } from "./apply.ts";
import { decompress } from "./_decompress.ts";
import { TarReader } from "./reader.ts";
import { GrowingFile, Stopped } from "./_source.ts";
import type { Unpacked, UnpackRequest } from "./unpack.ts";

export class Job {
  readonly #request: UnpackRequest;
  /** Another one after each restart, so that nothing of the time before can take from it. */
  #file: GrowingFile;
  #restarts = 0;
  readonly #rootBefore: fs.Status;
  readonly #restarted: () => void;

  /** `restarted` is called when a restart has emptied the target. */
  constructor(request: UnpackRequest, restarted: () => void) {
    this.#request = request;
    this.#restarted = restarted;
    const root = fs.statAt(fs.at.FDCWD, fs.byteString(request.target.root));
    if (typeof root === "number")
      throw new SampanError("not_found", `cannot unpack into "${request.target.root}": it is not there`);
    this.#rootBefore = root;
    this.#file = new GrowingFile(request.path);
  }

  available(size: number): void {
    this.#file.available(size);
  }

  end(): void {
    this.#file.end();
  }

  restart(): void {
    this.#restarts++;
    this.#file.stop();
    this.#file = new GrowingFile(this.#request.path);
  }

  async run(): Promise<Unpacked> {
    try {
      for (;;) {
        const file = this.#file;
        try {
          return await this.#once(file);
        } catch (error) {
          // What the bytes of before a restart led to is of no account.
          if (!file.isStopped) throw error;
        }
        this.#beginAnew();
      }
    } finally {
      this.#file.stop();
    }
  }

  #beginAnew(): void {
    const { mode, root } = this.#request.target;
    if (mode !== "layer")
      throw new SampanError(
        "aborted",
        `cannot begin the unpacking into "${root}" anew: what the layer changed there cannot be taken back`,
      );
    emptyRoot(root, this.#rootBefore);
    for (; this.#restarts > 0; this.#restarts--) this.#restarted();
  }

  async #once(file: GrowingFile): Promise<Unpacked> {
    const { target, limits, diffId, compression } = this.#request;
    using applier = new Applier(target, limits.entries);
    const reader = new TarReader(applier);
    const algorithm = diffId ? algorithmOf(diffId) : "sha256";
    const hasher = new Bun.CryptoHasher(algorithm);
    let bytes = 0;
    await decompress(file, compression, (piece) => {
      if (file.isStopped) throw new Stopped();
      bytes += piece.length;
      if (bytes > limits.bytes)
        throw new SampanError(
          "resource_exhausted",
          `cannot unpack: the archive is over the limit of ${limits.bytes} bytes`,
        );
      hasher.update(piece);
      reader.feed(piece);
    });
    reader.finish();
    const found = parseDigest(`${algorithm}:${hasher.digest("hex")}`);
    if (diffId !== undefined && found !== diffId)
      throw new SampanError("data_loss", `cannot unpack: the archive is ${found}, wanted ${diffId}`);
    return { ...applier.complete(), diffId: found, bytes };
  }
}
