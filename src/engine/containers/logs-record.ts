/**
 * Records of a container's log as its monitor writes them (CRI's form): `<RFC 3339 with nanoseconds> stdout|stderr P|F <text>\n`. P is a piece of a line that goes on in the
 * next record of its stream. Pure. It holds no more than one piece of what it was given, however long a line is.
 */
import type { LogEntry } from "./life.ts";

/** A record is at most so long here; what claims to be longer is given in pieces. The monitor cuts lines at 16 KiB. */
const LONGEST = 64 << 10;
const NEWLINE = 0x0a;
const head = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([PF]) /;
const anyHead = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [PF] /;
/** The longest head: 35 of time, then stream and tag. */
export const HEAD = 48;

export interface RecordHead {
  readonly time: string;
  readonly stream: LogEntry["stream"];
  /** The line ends with this record. */
  readonly whole: boolean;
  /** Where the text begins. */
  readonly length: number;
}

/** Undefined where no record begins. */
export function readHead(bytes: Uint8Array, start: number, end: number): RecordHead | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, HEAD)).toString(
    "latin1",
  );
  const match = head.exec(text);
  if (!match) return undefined;
  const [all, time = "", stream, tag] = match;
  return { time, stream: stream as LogEntry["stream"], whole: tag === "F", length: all.length };
}

/** Takes a log's bytes as they come and gives its entries. A record that a crash has cut is left out; what another one wrote behind it on the same line is found. */
export class RecordReader {
  #held: Buffer = Buffer.alloc(0);
  /** The record at hand is longer than LONGEST: the rest of it belongs to this one. */
  #long: RecordHead | "skip" | undefined;

  take(bytes: Uint8Array): LogEntry[] {
    const found: LogEntry[] = [];
    const all =
      this.#held.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        : Buffer.concat([this.#held, bytes]);
    let at = 0;
    for (let end = all.indexOf(NEWLINE, at); end >= 0; end = all.indexOf(NEWLINE, at)) {
      this.#line(all, { start: at, end }, found);
      at = end + 1;
    }
    if (all.length - at > LONGEST) at = this.#tooLong(all, at, found);
    this.#held = Buffer.from(all.subarray(at));
    return found;
  }

  /** What was begun belongs to nothing any more: the next bytes are of another file. */
  reset(): void {
    this.#held = Buffer.alloc(0);
    this.#long = undefined;
  }

  /** How many bytes wait for the end of their record. */
  get waiting(): number {
    return this.#held.length;
  }

  #line(all: Buffer, { start, end }: { start: number; end: number }, found: LogEntry[]): void {
    const long = this.#long;
    this.#long = undefined;
    if (long === "skip") return;
    if (long) return void found.push(entryOf(long, textOf(all, start, long.whole ? end + 1 : end)));
    const begin = beginOf(all, start, end);
    const record = begin === undefined ? undefined : readHead(all, begin, end);
    if (begin === undefined || !record) return;
    found.push(entryOf(record, textOf(all, begin + record.length, record.whole ? end + 1 : end)));
  }

  #tooLong(all: Buffer, start: number, found: LogEntry[]): number {
    if (this.#long === undefined) {
      const begin = beginOf(all, start, all.length);
      const record = begin === undefined ? undefined : readHead(all, begin, all.length);
      this.#long = record ?? "skip";
      if (begin !== undefined && record) start = begin + record.length;
    }
    if (this.#long !== "skip") found.push(entryOf(this.#long, textOf(all, start, all.length)));
    return all.length;
  }
}

/** Where the record of this line begins: behind what a crash has left, if anything. */
function beginOf(all: Buffer, start: number, end: number): number | undefined {
  if (all[start + 10] === 0x54 && readHead(all, start, end)) return start;
  const found = anyHead.exec(all.toString("latin1", start, end));
  return found ? start + found.index : undefined;
}

function entryOf({ time, stream }: RecordHead, text: Uint8Array): LogEntry {
  return { stream, time, text };
}

function textOf(all: Buffer, start: number, end: number): Uint8Array {
  return all.subarray(start, end);
}

const moment = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Nanoseconds since 1970; undefined for what is no time. */
export function nanoseconds(time: string): bigint | undefined {
  const [, seconds, fraction = "", zone] = moment.exec(time) ?? [];
  if (seconds === undefined) return undefined;
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
