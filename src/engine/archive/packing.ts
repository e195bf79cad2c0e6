/** Packing and unpacking of streams: what an archive is packed with is told by its first bytes, and layers made here are packed by gzip. */
import { Readable, pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { invalid, SampanError } from "../../base/errors.ts";
import type { Compression } from "../../spec/image/types.ts";

export type Stream = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const PIECE = 512 << 10;

/** Magic numbers: RFC 1952, RFC 8878, and of formats that are not taken. */
const known: readonly (readonly [format: string, magic: readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["lz4", [0x04, 0x22, 0x4d, 0x18]],
];

/** Errors: `invalid_argument` for xz, bzip2 and lz4. */
export function compressionOf(head: Uint8Array): Compression {
  const format = known.find(([, magic]) => magic.every((byte, index) => head[index] === byte))?.[0];
  if (format === undefined) return "plain";
  if (format === "gzip" || format === "zstd") return format;
  throw invalid(`cannot read the archive: it is packed by ${format}, wanted gzip, zstd or plain tar`);
}

/** The stream with its first bytes known. */
export async function withHead(
  source: Stream,
): Promise<{ head: Uint8Array; stream: AsyncIterable<Uint8Array> }> {
  const iterator = iterate(source);
  let head: Uint8Array = new Uint8Array();
  let ended = false;
  while (head.length < 6 && !ended) {
    const next = await iterator.next();
    if (next.done) ended = true;
    else head = Buffer.concat([head, next.value]);
  }
  return { head, stream: rest(head, iterator) };
}

/** Ends with the signal, whatever the source waits for. */
export async function* until(source: Stream, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = iterate(source);
  let ended = false;
  try {
    for (;;) {
      const next = await aborted(iterator.next(), signal);
      ended = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // One that waits for its source answers when that does.
    if (!ended) void iterator.return(undefined).catch(() => undefined);
  }
}

/** The promise's end or the signal's, whichever comes first. */
async function aborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const first = Promise.withResolvers<Result>();
  const stop = () => first.reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  promise.then(first.resolve, first.reject);
  try {
    return await first.promise;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function* iterate(source: Stream): AsyncGenerator<Uint8Array> {
  yield* source;
}

async function* rest(head: Uint8Array, iterator: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  yield* iterator;
}

/** Errors: `data_loss` for damaged or cut input; what `source` throws. */
export async function* decompressed(source: Stream, compression: Compression): AsyncGenerator<Uint8Array> {
  if (compression === "plain") return yield* iterate(source);
  const stream =
    compression === "gzip" ? createGunzip({ chunkSize: PIECE }) : createZstdDecompress({ chunkSize: PIECE });
  let failure: unknown;
  const readable = Readable.from(caught(source, (error) => (failure = error)));
  pipeline(readable, stream, () => {});
  try {
    for await (const piece of stream) yield piece as Buffer;
  } catch (error) {
    if (failure !== undefined) throw failure;
    const code = String((error as { code?: unknown }).code);
    if (!/^(?:Z_|ZSTD|ERR_)/.test(code)) throw error;
    throw new SampanError(
      "data_loss",
      `cannot unpack the archive: its ${compression} data are damaged or cut`,
      {
        cause: error,
      },
    );
  } finally {
    stream.destroy();
  }
}

async function* caught(source: Stream, note: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    note(error);
    throw error;
  }
}

/**
 * Packed by gzip, one member for each half mebibyte (RFC 1952 2.2 allows many). libdeflate's level 1 in this thread: of 745 MiB of a Debian root it makes 283 MiB in
 * 3.9 s of processor time; zlib's level 4 makes 273 MiB in 8.5 s, its level 1 347 MiB in 3.5 s. A piece takes about 3 ms; then others have their turn.
 */
export async function* gzipped(source: Stream): AsyncGenerator<Uint8Array> {
  let empty = true;
  for await (const piece of gathered(source)) {
    empty = false;
    yield Bun.gzipSync(piece as Uint8Array<ArrayBuffer>, { level: 1, library: "libdeflate" });
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
  if (empty) yield Bun.gzipSync(new Uint8Array(), { level: 1, library: "libdeflate" });
}

/** The same bytes in pieces of PIECE, so that they do not depend on how they came. */
async function* gathered(source: Stream): AsyncGenerator<Uint8Array> {
  let piece = Buffer.allocUnsafeSlow(PIECE);
  let filled = 0;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + PIECE - filled);
      piece.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < PIECE) continue;
      yield piece;
      piece = Buffer.allocUnsafeSlow(PIECE);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
