/** Maps of sparse files: GNU's old one in headers, and PAX 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files"). */
import { invalid } from "../../base/errors.ts";
import { decimal, headerNumber } from "./_numbers.ts";

/** As many pieces a file may have: far above what is met, and 4 MiB of memory. */
const maxSegments = 262_144;

/** `count` pairs of numbers of a header block; an unused pair is empty. Gives whether another block follows. */
export function readOldMap(
  block: Uint8Array,
  { offset, count }: { offset: number; count: number },
  into: number[],
): void {
  for (let i = 0; i < count; i++) {
    const at = offset + i * 24;
    if (block[at] === 0) return;
    const start = headerNumber(block, at, 12);
    const length = headerNumber(block, at + 12, 12);
    if (start === undefined || length === undefined) throw malformed();
    into.push(start, length);
    if (into.length > 2 * maxSegments) throw invalid(`it has more than ${maxSegments} holes`);
  }
}

/** PAX 0.1: "offset,length,offset,length". */
export function readListedMap(text: string): number[] {
  return text === "" ? [] : text.split(",", 2 * maxSegments + 1).map((part) => decimal(part) ?? fail());
}

function fail(): never {
  throw malformed();
}

const malformed = () => invalid("its map of holes is malformed");

/** PAX 1.0: lines of decimals in front of the data: how many pairs, then offset and length of each; filled up to a whole block. */
export class LeadingMap {
  readonly segments: number[] = [];
  #wanted = -1;
  #digits = "";

  /** Takes one block; true when the map is complete. */
  take(block: Uint8Array): boolean {
    for (let at = 0; at < 512; at++) {
      const byte = block[at] as number;
      if (byte !== 0x0a) {
        if (byte < 0x30 || byte > 0x39 || this.#digits.length > 15) throw malformed();
        this.#digits += String.fromCharCode(byte);
        continue;
      }
      if (this.#line()) return true;
    }
    return false;
  }

  #line(): boolean {
    const number = decimal(this.#digits) ?? fail();
    this.#digits = "";
    if (this.#wanted >= 0) this.segments.push(number);
    else if (number > maxSegments) throw invalid(`it has more than ${maxSegments} holes`);
    else this.#wanted = 2 * number;
    return this.segments.length === this.#wanted;
  }
}

/** Holds a map against the sizes: pieces in order, none over another, inside the file, and together as long as the data. */
export function checkMap(segments: readonly number[], size: number, stored: number): void {
  if (segments.length % 2 !== 0 || segments.length > 2 * maxSegments) throw malformed();
  let end = 0;
  let total = 0;
  for (let i = 0; i < segments.length; i += 2) {
    const start = segments[i] as number;
    const length = segments[i + 1] as number;
    if (start < end || start + length > size) throw malformed();
    end = start + length;
    total += length;
  }
  if (total !== stored) throw malformed();
}
