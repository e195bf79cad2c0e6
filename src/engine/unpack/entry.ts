/** What a tar archive holds, as reader.ts gives it and apply.ts writes it. Names are byte strings (kernel/fs.ts): one character a byte. */
import type { ByteString } from "../../kernel/fs.ts";

export type EntryType = "file" | "link" | "symlink" | "character" | "block" | "directory" | "fifo";

export interface Attribute {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

export interface Entry {
  readonly type: EntryType;
  /** As the archive has it: may begin with "/" or "./", may hold "..". */
  readonly name: ByteString;
  /** Where a link or a symlink leads. */
  readonly target: ByteString;
  /** Permission bits, set-id bits and the sticky bit. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the file that is to be made: with holes, if it has any. */
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly accessSeconds: number;
  readonly accessNanoseconds: number;
  readonly major: number;
  readonly minor: number;
  readonly attributes: readonly Attribute[];
  /** Of a sparse file: where data lies, as offset and length, offset and length …; the data follows in this order. */
  readonly segments: readonly number[] | undefined;
  /** Where its header begins in the decompressed archive. */
  readonly position: number;
}

/** Who takes the entries as they come. The bytes of a file come in order, in as many pieces as they happen to lie in memory. */
export interface EntrySink {
  begin(entry: Entry): void;
  data(bytes: Uint8Array, start: number, end: number): void;
  end(): void;
}
