/** The bytes of files, as they come from the archive, held against those on disk. */
import { close, readBytesAt, seek, type ByteString } from "../../kernel/fs.ts";
import type { Node } from "../archive/node.ts";
import type { Entry } from "../unpack/entry.ts";
import { openFileIn } from "./below.ts";
import type { File } from "./layer-model.ts";

/**
 * Which bytes are read. `all`; or `programs`: all of what can be executed or loaded (by its mode, or because it begins as an ELF file or a script) and of
 * every file up to a mebibyte; of larger data the beginning and the end. That is what a run needs to be sure of, and leaves out models, archives and databases, which make
 * up most bytes of large images and cost most to read from a slow disk after each start.
 */
export type Depth = "all" | "programs";

const small = 1 << 20;
const edge = 64 << 10;
const SEEK_DATA = 3;

export function isProgram(entry: Pick<Entry, "mode" | "size">, beginning: Uint8Array): boolean {
  if ((entry.mode & 0o111) !== 0 || entry.size <= small || beginning.length < 4) return true;
  const [a, b, c, d] = beginning;
  return (a === 0x7f && b === 0x45 && c === 0x4c && d === 0x46) || (a === 0x23 && b === 0x21);
}

interface Open {
  readonly fd: number;
  readonly file: File;
  readonly entry: Entry;
  readonly segments: readonly number[];
  segment: number;
  within: number;
  whole: boolean | undefined;
}

export class Contents {
  readonly #root: Node;
  readonly #depth: Depth;
  #memory = Buffer.allocUnsafeSlow(512 << 10);
  #open: Open | undefined;

  constructor(root: Node, depth: Depth) {
    this.#root = root;
    this.#depth = depth;
  }

  begin(path: ByteString, file: File, entry: Entry): void {
    const found = openFileIn(this.#root, path);
    // What stands there instead, or nothing, is told when the folders are compared.
    if (!found) return;
    file.inode = found.status.inode;
    if (found.status.size !== entry.size) {
      file.difference = `it has ${found.status.size} bytes, wanted ${entry.size}`;
      return close(found.fd);
    }
    const segments = entry.segments ?? [0, entry.size];
    const whole = this.#depth === "all" ? true : undefined;
    this.#open = { fd: found.fd, file, entry, segments, segment: 0, within: 0, whole };
    if (entry.segments && !holesAreEmpty(found.fd, entry, this.#memory))
      file.difference = "its holes are not empty";
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    const open = this.#open;
    if (!open) return;
    open.whole ??= isProgram(open.entry, bytes.subarray(start, end));
    for (let from = start; from < end;) {
      const length = open.segments[open.segment + 1];
      if (length === undefined) return;
      const n = Math.min(end - from, length - open.within);
      if (n > 0) this.#compare(open, bytes.subarray(from, from + n));
      from += n;
      open.within += n;
      if (open.within < length) continue;
      open.segment += 2;
      open.within = 0;
    }
  }

  end(): void {
    if (this.#open) close(this.#open.fd);
    this.#open = undefined;
  }

  #compare(open: Open, wanted: Uint8Array): void {
    if (open.file.difference !== undefined) return;
    const position = (open.segments[open.segment] as number) + open.within;
    const end = position + wanted.length;
    if (!open.whole && position >= edge && end <= open.entry.size - edge) return;
    if (this.#memory.length < wanted.length) this.#memory = Buffer.allocUnsafeSlow(wanted.length);
    const found = readWhole(open.fd, this.#memory.subarray(0, wanted.length), position);
    if (typeof found === "string") open.file.difference = found;
    else if (found.compare(wanted) !== 0)
      open.file.difference = `its bytes differ between ${position} and ${end}`;
  }
}

/** The bytes, fewer at the end of the file; or why they cannot be read. */
export function readWhole(fd: number, into: Buffer, position: number): Buffer | string {
  let filled = 0;
  while (filled < into.length) {
    const n = readBytesAt(fd, into.subarray(filled), position + filled);
    if (n < 0) return `it cannot be read (errno ${-n})`;
    if (n === 0) break;
    filled += n;
  }
  return into.subarray(0, filled);
}

/** Between the pieces of a sparse file nothing but zeros, read where there is anything to read. */
function holesAreEmpty(fd: number, { segments, size }: Entry, memory: Buffer): boolean {
  let from = 0;
  for (let i = 0; i <= (segments?.length ?? 0); i += 2) {
    const to = segments?.[i] ?? size;
    if (!isZeroBetween(fd, { from, to }, memory)) return false;
    from = to + (segments?.[i + 1] ?? 0);
  }
  return true;
}

function isZeroBetween(fd: number, { from, to }: { from: number; to: number }, memory: Buffer): boolean {
  for (let at = from; at < to;) {
    const data = seek(fd, at, SEEK_DATA);
    // ENXIO: nothing but a hole up to the end.
    if (data === -6 || data >= to) return true;
    if (data > at) at = data;
    const found = readWhole(fd, memory.subarray(0, Math.min(memory.length, to - at)), at);
    if (typeof found === "string" || found.length === 0 || found.some((byte) => byte !== 0)) return false;
    at += found.length;
  }
  return true;
}
