/**
 * The content of a file in the model: blocks of 4 KiB over what a file on disk (`base`) holds. Blocks are never changed in place, so copies share them.
 */
import { closeSync, openSync, readSync } from "node:fs";

export const blockSize = 4096;

export interface Content {
  size: number;
  /** A file that holds the first `baseSize` bytes where no block stands above them. */
  readonly base: string | undefined;
  baseSize: number;
  readonly blocks: Map<number, Uint8Array>;
}

export function emptyContent(): Content {
  return { size: 0, base: undefined, baseSize: 0, blocks: new Map() };
}

export function copyContent(content: Content): Content {
  return { ...content, blocks: new Map(content.blocks) };
}

const zeros = new Uint8Array(blockSize);

/** A whole block, padded with zeros. */
export function blockOf(content: Content, number: number): Uint8Array {
  const block = content.blocks.get(number);
  if (block) return block;
  if (content.base === undefined || number * blockSize >= content.baseSize) return zeros;
  const bytes = new Uint8Array(blockSize);
  const fd = openSync(content.base, "r");
  try {
    readSync(fd, bytes, 0, Math.min(blockSize, content.baseSize - number * blockSize), number * blockSize);
  } finally {
    closeSync(fd);
  }
  return bytes;
}

/** Puts bytes into one block from `at` on. The size stays. */
export function putBlock(content: Content, number: number, at: number, bytes: Uint8Array): void {
  if (at === 0 && bytes.length === blockSize) {
    content.blocks.set(number, bytes);
    return;
  }
  const block = Uint8Array.from(blockOf(content, number));
  block.set(bytes, at);
  content.blocks.set(number, block);
}

/** The pieces of a write that lie in one block each. */
export function* piecesOf(offset: number, bytes: Uint8Array): Generator<[number, number, Uint8Array]> {
  for (let at = 0; at < bytes.length;) {
    const within = (offset + at) % blockSize;
    const length = Math.min(blockSize - within, bytes.length - at);
    yield [Math.floor((offset + at) / blockSize), within, bytes.subarray(at, at + length)];
    at += length;
  }
}

/** Truncates or grows. What lies behind the new end is gone for good. */
export function resize(content: Content, size: number): void {
  if (size < content.size) {
    const last = Math.floor(size / blockSize);
    const rest = size % blockSize;
    const kept = rest > 0 ? blockOf(content, last).slice(0, rest) : undefined;
    for (const number of content.blocks.keys()) if (number >= last) content.blocks.delete(number);
    content.baseSize = Math.min(content.baseSize, last * blockSize);
    if (kept) putBlock(content, last, 0, kept);
  }
  content.size = size;
}

/** All bytes from `offset`, at most `length`. */
export function readContent(content: Content, offset = 0, length = Infinity): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, content.size - offset)));
  for (let at = 0; at < bytes.length;) {
    const within = (offset + at) % blockSize;
    const piece = blockOf(content, Math.floor((offset + at) / blockSize)).subarray(
      within,
      Math.min(blockSize, within + bytes.length - at),
    );
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const hashes = new WeakMap<Uint8Array, string>();

/** Two contents have the same key only if they have the same bytes (as far as a 64-bit hash tells). */
export function contentKey(content: Content): string {
  const end = Math.ceil(content.size / blockSize);
  const numbers = [...content.blocks.keys()].filter((number) => number < end).sort((a, b) => a - b);
  const parts = numbers.map((number) => {
    const block = content.blocks.get(number) as Uint8Array;
    // A block may hold bytes behind the end of the file; they are not part of it.
    const visible = block.subarray(0, Math.min(blockSize, content.size - number * blockSize));
    if (visible.every((byte) => byte === 0) && number * blockSize >= content.baseSize) return "";
    if (visible.length < block.length) return `${number}:${Bun.hash(visible)}`;
    let hash = hashes.get(block);
    if (hash === undefined) hashes.set(block, (hash = String(Bun.hash(block))));
    return `${number}:${hash}`;
  });
  return `${content.size} ${content.base ?? ""} ${content.baseSize} ${parts.join(" ")}`;
}

export function sameContent(a: Content, b: Content): boolean {
  if (a.size !== b.size) return false;
  for (let number = 0; number * blockSize < a.size; number++) {
    const length = Math.min(blockSize, a.size - number * blockSize);
    const [x, y] = [blockOf(a, number).subarray(0, length), blockOf(b, number).subarray(0, length)];
    if (Buffer.compare(x, y) !== 0) return false;
  }
  return true;
}
