/** One layer, in the helper process: the growing file, decompressed, hashed, and written. */
import { SampanError } from "../../base/errors.ts";
import * as fs from "../../kernel/fs.ts";
import { algorithmOf, hexOf } from "../../spec/image/digest.ts";
import { Applier, emptyRoot } from "./apply.ts";
import { decompress } from "./_decompress.ts";
import { TarReader } from "./reader.ts";
import { GrowingFile, Restarted } from "./_source.ts";
import type { Unpacked, UnpackRequest } from "./unpack.ts";

export class Job {
  readonly #request: UnpackRequest;
  readonly #file: GrowingFile;
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
    this.#file.restart();
  }

  async run(): Promise<Unpacked> {
    using file = this.#file;
    for (;;) {
      try {
        return await this.#once();
      } catch (error) {
        // What the bytes of before the restart led to is of no account.
        if (!(error instanceof Restarted) && !file.isRestarted) throw error;
      }
      this.#beginAnew();
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
    this.#file.again();
    this.#restarted();
  }

  async #once(): Promise<Unpacked> {
    const { target, limits, diffId, compression } = this.#request;
    using applier = new Applier(target, limits.entries);
    const reader = new TarReader(applier);
    const hasher = new Bun.CryptoHasher(algorithmOf(diffId));
    let bytes = 0;
    await decompress(this.#file, compression, (piece) => {
      if (this.#file.isRestarted) throw new Restarted();
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
    const digest = hasher.digest("hex");
    if (digest !== hexOf(diffId))
      throw new SampanError(
        "data_loss",
        `cannot unpack: the archive is ${algorithmOf(diffId)}:${digest}, wanted ${diffId}`,
      );
    return { ...applier.complete(), bytes };
  }
}
