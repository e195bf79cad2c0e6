/** Pieces that are pushed, for one reader that pulls; the source is paused while more than this waits. */
const most = 1 << 20;

export interface Source {
  pause(): void;
  resume(): void;
}

export class Input implements AsyncIterable<Uint8Array> {
  readonly #source: Source;
  #pieces: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #dropped = false;
  #paused = false;
  #wake: (() => void) | undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  get size(): number {
    return this.#size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(piece: Uint8Array): void {
    if (this.#ended || this.#dropped) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size > most && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Nobody reads any more: what comes is thrown away. */
  drop(): void {
    this.#dropped = true;
    this.#pieces = [];
    this.#size = 0;
    this.#source.resume();
    this.#wake?.();
  }

  /** The first bytes; fewer where it ends before. Nobody else reads meanwhile. */
  async take(size: number): Promise<Uint8Array> {
    const taken: Uint8Array[] = [];
    let left = size;
    while (left > 0) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.#size -= piece.length;
        taken.push(piece.subarray(0, left));
        if (piece.length > left) this.#pieces.unshift(piece.subarray(left));
        this.#size += Math.max(0, piece.length - left);
        left -= Math.min(left, piece.length);
        this.#resume();
      } else if (this.#ended || this.#dropped) break;
      else await this.#more();
    }
    return Buffer.concat(taken);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.#size -= piece.length;
        this.#resume();
        yield piece;
      } else if (this.#ended || this.#dropped) return;
      else await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #resume(): void {
    if (!this.#paused || this.#size > most / 2) return;
    this.#paused = false;
    this.#source.resume();
  }
}
