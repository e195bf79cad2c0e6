/** Decompression in the thread pool of node:zlib, while this thread hashes and writes what came before. */
import { createGunzip, createZstdDecompress } from "node:zlib";
import { SampanError } from "../../base/errors.ts";
import type { Compression } from "../../spec/image/types.ts";

const pieceSize = 256 << 10;
/** Pieces that may wait for this thread. */
const maxWaiting = 4;

export interface Pieces {
  /** A piece stays as it is while two more are asked for; undefined at the end. */
  next(): Promise<Buffer | undefined>;
}

/** Gives all decompressed bytes, in order, to `consume`. Errors: `data_loss` for damaged or cut input; what `source` and `consume` throw. */
export async function decompress(
  source: Pieces,
  compression: Compression,
  consume: (piece: Buffer) => void,
): Promise<void> {
  if (compression !== "plain") return inflate(source, compression, consume);
  for (let piece = await source.next(); piece; piece = await source.next()) consume(piece);
}

async function inflate(
  source: Pieces,
  compression: "gzip" | "zstd",
  consume: (piece: Buffer) => void,
): Promise<void> {
  const inflation = new Inflation(compression, consume);
  try {
    await inflation.run(source);
  } finally {
    inflation.stop();
  }
}

class Inflation {
  readonly #stream;
  readonly #consume: (piece: Buffer) => void;
  readonly #finished = Promise.withResolvers<void>();
  readonly #waiting: Buffer[] = [];
  #scheduled = false;
  #ended = false;
  /** What comes in a later turn of the event loop finds its taker gone. */
  #stopped = false;

  constructor(compression: "gzip" | "zstd", consume: (piece: Buffer) => void) {
    const options = { chunkSize: pieceSize };
    this.#stream = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
    this.#consume = consume;
    this.#stream.on("data", (piece: Buffer) => this.#came(piece));
    this.#stream.on("end", () => {
      this.#ended = true;
      this.#schedule();
    });
    this.#stream.on("error", (cause) => {
      const text = `its ${compression} data is damaged: ${cause.message}`;
      this.#finished.reject(new SampanError("data_loss", text, { cause }));
    });
  }

  async run(source: Pieces): Promise<void> {
    this.#feed(source).catch(this.#finished.reject);
    await this.#finished.promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#stream.destroy();
  }

  /** Keeps two pieces with the decompressor, so that it never waits for this thread. */
  async #feed(source: Pieces): Promise<void> {
    const inHand: Promise<void>[] = [];
    for (let piece = await source.next(); piece && !this.#stopped; piece = await source.next()) {
      const given = piece;
      inHand.push(new Promise((resolve) => this.#stream.write(given, () => resolve())));
      if (inHand.length >= 2) await inHand.shift();
      if (this.#stopped) return;
    }
    this.#stream.end();
  }

  /** The decompressor goes on as soon as this returns: so the piece is only put aside here, and used in a turn of its own. */
  #came(piece: Buffer): void {
    this.#waiting.push(piece);
    if (this.#waiting.length >= maxWaiting) this.#stream.pause();
    this.#schedule();
  }

  #schedule(): void {
    if (!this.#scheduled) setImmediate(() => this.#use());
    this.#scheduled = true;
  }

  #use(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      const piece = this.#waiting.shift();
      if (piece) this.#consume(piece);
    } catch (error) {
      this.#stopped = true;
      return this.#finished.reject(error);
    }
    if (this.#waiting.length > 0) this.#schedule();
    else if (this.#ended) this.#finished.resolve();
    if (this.#waiting.length < maxWaiting && this.#stream.isPaused()) this.#stream.resume();
  }
}
