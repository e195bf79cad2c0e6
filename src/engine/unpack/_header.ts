/** One header block: POSIX.1-2018, pax, "ustar Interchange Format", with the forms before (V7, star) and beside it (GNU). */
import { invalid, SampanError } from "../../base/errors.ts";
import type { ByteString } from "../../kernel/fs.ts";
import type { EntryType } from "./entry.ts";
import { headerNumber } from "./_numbers.ts";

export interface Header {
  /** The type flag; "\0" of V7 is "0". */
  readonly flag: string;
  readonly name: ByteString;
  readonly target: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly major: number;
  readonly minor: number;
}

export const entryTypes: Readonly<Record<string, EntryType>> = {
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  S: "file",
};

/** Up to a NUL or the field's end. */
export function text(block: Buffer, start: number, length: number): ByteString {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return block.toString("latin1", start, end);
}

export function isZero(block: Buffer): boolean {
  if (block[0] !== 0) return false;
  for (let at = 0; at < 512; at++) if (block[at] !== 0) return false;
  return true;
}

/** The sum of the bytes with the sum's own field as spaces; some old writers took bytes for signed. */
function checkSum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < 512; at++) {
    if (at === 148) at = 156;
    const byte = block[at] as number;
    unsigned += byte;
    high += byte >>> 7;
  }
  const sum = headerNumber(block, 148, 8);
  if (sum !== unsigned && sum !== unsigned - 256 * high)
    throw new SampanError("data_loss", "its header is damaged: the check sum is wrong");
}

function number(block: Buffer, field: { at: number; length: number; what: string }): number {
  const value = headerNumber(block, field.at, field.length);
  if (value === undefined) throw invalid(`its ${field.what} is no number`);
  return value;
}

const fields = {
  mode: { at: 100, length: 8, what: "mode" },
  uid: { at: 108, length: 8, what: "owner" },
  gid: { at: 116, length: 8, what: "group" },
  size: { at: 124, length: 12, what: "size" },
  time: { at: 136, length: 12, what: "time" },
  major: { at: 329, length: 8, what: "device number" },
  minor: { at: 337, length: 8, what: "device number" },
} as const;

/** Errors: `data_loss` for a wrong check sum, `invalid_argument` for what no writer writes. */
export function readHeader(block: Buffer): Header {
  checkSum(block);
  const flag = block[156] === 0 ? "0" : String.fromCharCode(block[156] as number);
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const isDevice = flag === "3" || flag === "4";
  const prefix = isPosix ? text(block, 345, block.toString("latin1", 508, 512) === "tar\0" ? 131 : 155) : "";
  const name = text(block, 0, 100);
  return {
    flag,
    name: prefix === "" ? name : `${prefix}/${name}`,
    target: text(block, 157, 100),
    mode: number(block, fields.mode) & 0o7777,
    uid: number(block, fields.uid),
    gid: number(block, fields.gid),
    size: number(block, fields.size),
    seconds: number(block, fields.time),
    major: isDevice ? number(block, fields.major) : 0,
    minor: isDevice ? number(block, fields.minor) : 0,
  };
}
