/** Bytes both ways, with an end in each direction, whatever carries them. */
import { SampanError } from "../base/errors.ts";

export interface ByteStream {
  /** Ends when the other side has ended its half; throws `unavailable` when the stream breaks. Taking it makes room at the sender. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. Errors: `unavailable` once the stream is broken. */
  write(data: Uint8Array): Promise<void>;
  /** No more is written. Reading goes on. */
  end(): Promise<void>;
  /** Both ways at once; what was not taken is lost. */
  destroy(): void;
}

/** Bytes that came and wait for their reader. One reader. */
export class Inbox implements AsyncIterable<Uint8Array> {
  private readonly mark: number;
  private readonly taken: (bytes: number) => void;
  private pieces: Uint8Array[] = [];
  private waiting = 0;
  private ended = false;
  private failure: unknown;
  private reader: (() => void) | undefined;
  private writers: (() => void)[] = [];

  /** From `mark` bytes on there is no room; `taken` is told what the reader took. */
  constructor(mark: number, taken: (bytes: number) => void = () => {}) {
    this.mark = mark;
    this.taken = taken;
  }

  /** Bytes that wait. */
  get size(): number {
    return this.waiting;
  }

  /** Pieces that wait. */
  get count(): number {
    return this.pieces.length;
  }

  get open(): boolean {
    return !this.ended;
  }

  /** What comes after the end is dropped. */
  push(data: Uint8Array): void {
    if (this.ended || data.byteLength === 0) return;
    this.pieces.push(data);
    this.waiting += data.byteLength;
    this.wake();
  }

  end(): void {
    this.ended = true;
    this.wake();
    this.letGo();
  }

  /** What waits is still read before the reader learns of it, unless it is dropped. */
  fail(error: unknown, { drop = false } = {}): void {
    if (this.ended) return;
    if (drop) this.drop();
    this.failure = error;
    this.end();
  }

  /** The reader has left: everything is dropped from now on, and nobody waits for room. */
  close(): void {
    this.drop();
    this.end();
  }

  /** Resolves when less than the mark waits. */
  async room(): Promise<void> {
    while (this.waiting >= this.mark && !this.ended)
      await new Promise<void>((resolve) => void this.writers.push(resolve));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = this.pieces.shift();
        if (piece) {
          this.waiting -= piece.byteLength;
          this.taken(piece.byteLength);
          if (this.waiting < this.mark) this.letGo();
          yield piece;
          continue;
        }
        if (this.failure !== undefined) throw this.failure as Error;
        if (this.ended) return;
        await new Promise<void>((resolve) => void (this.reader = resolve));
      }
    } finally {
      this.close();
    }
  }

  private drop(): void {
    const lost = this.waiting;
    this.pieces = [];
    this.waiting = 0;
    if (lost > 0) this.taken(lost);
  }

  private wake(): void {
    const reader = this.reader;
    this.reader = undefined;
    reader?.();
  }

  private letGo(): void {
    const writers = this.writers;
    this.writers = [];
    for (const writer of writers) writer();
  }
}

export function broken(what: string, cause?: unknown): SampanError {
  return new SampanError("unavailable", what, cause === undefined ? undefined : { cause });
}
