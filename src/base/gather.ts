/** What a program says on a pipe, bounded in length and in how long somebody else may hold it open. */
import { pause } from "./pause.ts";

/** Disposing stops to read. */
export interface Gathered extends AsyncDisposable {
  /** Resolves at the stream's end. */
  readonly ended: Promise<void>;
  /** Resolves when more has come than is kept. */
  readonly full: Promise<void>;
  isFull(): boolean;
  /** What is kept of it so far. */
  text(): string;
}

/** Keeps the first `most` bytes; the rest is read and dropped. */
export function gather(stream: ReadableStream<Uint8Array>, most: number): Gathered {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  const full = Promise.withResolvers<void>();
  let size = 0;
  const read = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (size < most) chunks.push(value.subarray(0, most - size));
      size += value.length;
      if (size > most) full.resolve();
    }
  };
  const ended = read();
  ended.catch(() => {});
  return {
    ended,
    full: full.promise,
    isFull: () => size > most,
    text: () => new TextDecoder().decode(Buffer.concat(chunks)),
    [Symbol.asyncDispose]: () => reader.cancel().catch(() => {}),
  };
}

/** Waits for the ends of all, at most so many milliseconds: whom a program has left behind may hold its pipes for ever. */
export async function endsOf(all: readonly Gathered[], milliseconds: number): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([Promise.all(all.map(({ ended }) => ended)), pause(milliseconds, over.signal)]);
  } finally {
    over.abort();
  }
}
