/**
 * The archive format of the kernel's initial file system: cpio "newc" (the kernel's Documentation/driver-api/early-userspace/
 * buffer-format.rst). Each entry is a header of thirteen numbers in eight hexadecimal digits, the name, and the contents, both padded
 * to four bytes.
 */

const fileTypes = { directory: 0o040000, file: 0o100000 } as const;

export interface CpioEntry {
  /** Without a leading slash. */
  readonly name: string;
  readonly type: keyof typeof fileTypes;
  /** Permission bits. */
  readonly mode: number;
  readonly contents?: Uint8Array;
}

/** An uncompressed archive of the entries in their order; a directory has to come before what it holds. */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const trailer: CpioEntry = { name: "TRAILER!!!", type: "file", mode: 0 };
  const parts = [...entries, trailer].flatMap((entry, index) => encodeEntry(entry, index + 1));
  return Buffer.concat(parts);
}

function encodeEntry(entry: CpioEntry, inode: number): Uint8Array[] {
  const contents = entry.contents ?? new Uint8Array(0);
  const name = Buffer.from(`${entry.name}\0`);
  const mode = fileTypes[entry.type] | entry.mode;
  // inode mode uid gid links mtime size, the devices' numbers (four), length of the name, checksum.
  const fields = [inode, mode, 0, 0, 1, 0, contents.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, padding(header.length + name.length), contents, padding(contents.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
