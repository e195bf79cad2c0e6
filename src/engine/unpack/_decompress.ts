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
  const stream =
    compression === "gzip"
      ? createGunzip({ chunkSize: pieceSize })
      : createZstdDecompress({ chunkSize: pieceSize });
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
  const waiting: Buffer[] = [];
  let scheduled = false;
  let ended = false;
  // The decompressor goes on as soon as its listener returns: so the piece is only put aside there, and used in a turn of its own.
  const use = () => {
    scheduled = false;
    try {
      const piece = waiting.shift();
      if (piece) consume(piece);
    } catch (error) {
      return reject(error);
    }
    if (waiting.length > 0) schedule();
    else if (ended) resolve();
    if (waiting.length < maxWaiting && stream.isPaused()) stream.resume();
  };
  const schedule = () => {
    if (!scheduled) setImmediate(use);
    scheduled = true;
  };
  stream.on("data", (piece: Buffer) => {
    waiting.push(piece);
    if (waiting.length >= maxWaiting) stream.pause();
    schedule();
  });
  stream.on("end", () => {
    ended = true;
    schedule();
  });
  stream.on("error", (error) =>
    reject(
      new SampanError("data_loss", `its ${compression} data is damaged: ${error.message}`, { cause: error }),
    ),
  );
  void feed(source, stream).catch(reject);
  try {
    await finished;
  } finally {
    stream.destroy();
  }
}

/** Keeps two pieces with the decompressor, so that it never waits for this thread. */
async function feed(source: Pieces, stream: NodeJS.WritableStream): Promise<void> {
  const inHand: Promise<void>[] = [];
  for (let piece = await source.next(); piece; piece = await source.next()) {
    const given = piece;
    inHand.push(new Promise((resolve) => stream.write(given, () => resolve())));
    if (inHand.length >= 2) await inHand.shift();
  }
  stream.end();
}
