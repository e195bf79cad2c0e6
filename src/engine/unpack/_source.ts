/** The compressed file while it grows: who reads waits for more, until its end is told. */
import { SampanError } from "../../base/errors.ts";
import * as fs from "../../kernel/fs.ts";
import { O } from "../../kernel/linux.ts";
import { done } from "./_failure.ts";

const pieceSize = 256 << 10;
/** Two may be with the decompressor while the third is filled. */
const pieces = 3;

/** Thrown to who reads a file that was stopped. */
export class Stopped extends Error {}

export class GrowingFile {
  readonly #path: string;
  readonly #fd: number;
  #position = 0;
  #available = 0;
  #ended = false;
  #stopped = false;
  #wake: (() => void) | undefined;
  readonly #buffers = Array.from({ length: pieces }, () => Buffer.allocUnsafeSlow(pieceSize));
  #turn = 0;

  constructor(path: string) {
    this.#path = path;
    this.#fd = done(fs.openAt(fs.at.FDCWD, fs.byteString(path), O.RDONLY), `open "${path}"`);
  }

  available(size: number): void {
    this.#available = size;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Closes it: who waits or reads next gets Stopped. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    fs.close(this.#fd);
    this.#wake?.();
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** The next piece, which stays as it is while two more are asked for; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#stopped) throw new Stopped();
      const wanted = Math.min(pieceSize, this.#available - this.#position);
      const n = wanted > 0 ? this.#read(wanted) : 0;
      if (n > 0) {
        this.#position += n;
        return (this.#buffers[this.#turn++ % pieces] as Buffer).subarray(0, n);
      }
      if (this.#ended && wanted <= 0) return undefined;
      if (this.#ended)
        throw new SampanError(
          "data_loss",
          `cannot read "${this.#path}": it ends at ${this.#position} bytes of ${this.#available}`,
        );
      // Also where the file is shorter than was said: it was cut to begin anew, and the word of that is on its way.
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #read(wanted: number): number {
    const buffer = this.#buffers[this.#turn % pieces] as Buffer;
    return done(fs.readBytesAt(this.#fd, buffer.subarray(0, wanted), this.#position), `read "${this.#path}"`);
  }
}
