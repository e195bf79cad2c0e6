/** The content of one regular file while it is written. */
import * as fs from "../../kernel/fs.ts";
import { setAttributes } from "./_attributes.ts";
import type { Entry } from "./entry.ts";
import { done } from "./_failure.ts";

/** Of big files, each so many bytes are given to the disk at once, so that the sync at the end finds little to do. */
const writeBackStep = 8 << 20;
/** What file systems allocate by; for the count only. */
const block = 4096;

export interface Ownership {
  /** The group that a new file has by itself is not this process's. */
  readonly inherited: boolean;
  /** Of this process. */
  readonly uid: number;
  readonly gid: number;
}

export class FileWriter {
  readonly #entry: Entry;
  readonly #fd: number;
  #written = 0;
  #begun = 0;
  /** In a sparse file: the piece that is being written, and how much of it is. */
  #segment = 0;
  #within = 0;

  constructor(entry: Entry, fd: number) {
    this.#entry = entry;
    this.#fd = fd;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#entry.segments) this.#sparse(this.#entry.segments, bytes, { start, end });
    else done(fs.writeBytes(this.#fd, bytes, start, end), "write it");
    this.#written += end - start;
    if (this.#written - this.#begun < writeBackStep) return;
    if (!this.#entry.segments) fs.startWriteBack(this.#fd, this.#begun, this.#written - this.#begun);
    this.#begun = this.#written;
  }

  #sparse(
    segments: readonly number[],
    bytes: Uint8Array,
    { start, end }: { start: number; end: number },
  ): void {
    for (let from = start; from < end;) {
      const length = segments[this.#segment + 1] as number;
      const n = Math.min(end - from, length - this.#within);
      const position = (segments[this.#segment] as number) + this.#within;
      if (n > 0) done(fs.writeBytesAt(this.#fd, bytes, { start: from, end: from + n, position }), "write it");
      from += n;
      this.#within += n;
      if (this.#within === length) {
        this.#segment += 2;
        this.#within = 0;
      }
    }
  }

  /** Sets what is set last, in the order that counts: chown(2) clears set-id bits and capabilities, writing changes times. Gives the allocated bytes. */
  end(own: Ownership): number {
    const entry = this.#entry;
    const fd = this.#fd;
    if (entry.segments) done(fs.truncate(fd, entry.size), "set its size");
    if (own.inherited || entry.uid !== own.uid || entry.gid !== own.gid)
      done(fs.chown(fd, entry.uid, entry.gid), "set its owner");
    if (entry.mode & 0o7000) done(fs.chmod(fd, entry.mode), "set its mode");
    if (entry.attributes.length > 0)
      setAttributes(entry, entry.attributes, ({ name, value }) => fs.setAttribute(fd, name, value));
    done(fs.setTimes(fd, entry), "set its times");
    if (!entry.segments && entry.attributes.length === 0) return Math.ceil(entry.size / block) * block;
    const status = fs.statAt(fd, "");
    return typeof status === "number" ? 0 : status.allocated;
  }

  close(): void {
    fs.close(this.#fd);
  }
}
