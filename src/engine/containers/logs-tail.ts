/** Where the last lines of a log begin, found from its end backwards, so that nothing else of it is read. */
import type { FileHandle } from "node:fs/promises";
import { HEAD, readHead } from "./logs-record.ts";

const BLOCK = 64 << 10;
const NEWLINE = 0x0a;

/** A line is all records of it; one that is not finished yet counts too. It is asked file by file, the newest first. */
export class TailSearch {
  readonly #wanted: number;
  #counted = 0;
  #isLast = true;

  constructor(lines: number) {
    this.#wanted = lines;
  }

  /** Where to begin in this file; undefined: before it, in an older one. */
  async search(file: FileHandle, size: number): Promise<number | undefined> {
    /** Where the record ends that is being looked for: at its newline. Undefined behind the last one. */
    let end: number | undefined;
    let after: Buffer = Buffer.alloc(0);
    for (let top = size; top > 0;) {
      const from = Math.max(0, top - BLOCK);
      const block = Buffer.allocUnsafe(top - from);
      const { bytesRead } = await file.read(block, 0, block.length, from);
      if (bytesRead < block.length) return 0;
      const joined = Buffer.concat([block, after.subarray(0, HEAD)]);
      for (let at = block.length; at > 0;) {
        at = block.lastIndexOf(NEWLINE, at - 1);
        if (at < 0) break;
        if (end !== undefined && this.#count(joined, at + 1)) return end + 1;
        end = from + at;
      }
      after = joined;
      top = from;
    }
    return end !== undefined && this.#count(after, 0) ? end + 1 : undefined;
  }

  /** True when with this record there are more lines than wanted. */
  #count(bytes: Buffer, start: number): boolean {
    const record = readHead(bytes, start, bytes.length);
    const ends = record !== undefined && (record.whole || this.#isLast);
    if (record) this.#isLast = false;
    if (ends) this.#counted++;
    return this.#counted > this.#wanted;
  }
}
