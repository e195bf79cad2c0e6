/**
 * Reading extended attributes and folders by descriptor, for what archives trees: quick (one fixed piece of memory, so for one thread) and with names as
 * byte strings (fs.ts). Links are not followed.
 */
import { ptr, type Pointer } from "bun:ffi";
import { errno, systemError } from "./errno.ts";
import type { ByteString } from "./fs.ts";
import { lastErrno, openLibc, readDirectory } from "./libc.ts";

const i64 = "i64";
const signatures = {
  flistxattr: { args: ["i32", "ptr", i64], returns: i64 },
  fgetxattr: { args: ["i32", "ptr", "ptr", i64], returns: i64 },
  llistxattr: { args: ["ptr", "ptr", i64], returns: i64 },
  lgetxattr: { args: ["ptr", "ptr", "ptr", i64], returns: i64 },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

/** linux/limits.h: XATTR_LIST_MAX and XATTR_SIZE_MAX; names are at most 255 bytes. */
const LARGEST = 65_536;
const NAME = 8192;
const list = Buffer.alloc(LARGEST);
const value = Buffer.alloc(LARGEST);
const name = Buffer.alloc(NAME);
const path = Buffer.alloc(NAME);
const ENODATA = 61;

export interface ExtendedAttribute {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

function put(memory: Buffer, text: ByteString): Pointer {
  if (text.length >= NAME) throw systemError("read extended attributes", 36);
  memory[memory.write(text, 0, "latin1")] = 0;
  return ptr(memory);
}

/** Of an open file or folder, in the order of their names; none where the file system has none. */
export function attributesOfOpen(fd: number): ExtendedAttribute[] {
  return read(
    () => libc().flistxattr(fd, ptr(list), LARGEST),
    (key) => libc().fgetxattr(fd, put(name, key), ptr(value), LARGEST),
  );
}

/** Of an entry of an open folder, whatever it is; "" never. */
export function attributesOfEntry(dir: number, entry: ByteString): ExtendedAttribute[] {
  const at = put(path, `/proc/self/fd/${dir}/${entry}`);
  return read(
    () => libc().llistxattr(at, ptr(list), LARGEST),
    (key) => libc().lgetxattr(at, put(name, key), ptr(value), LARGEST),
  );
}

function read(
  listAll: () => number | bigint,
  readOne: (key: ByteString) => number | bigint,
): ExtendedAttribute[] {
  const length = Number(listAll());
  if (length < 0) {
    const number = lastErrno();
    if (number === errno.EOPNOTSUPP || number === errno.ENOENT) return [];
    throw systemError("list extended attributes", number);
  }
  if (length === 0) return [];
  const found: ExtendedAttribute[] = [];
  for (const key of list
    .toString("latin1", 0, length - 1)
    .split("\0")
    .toSorted()) {
    const size = Number(readOne(key));
    if (size >= 0) {
      found.push({ name: key, value: Uint8Array.from(value.subarray(0, size)) });
      continue;
    }
    const number = lastErrno();
    if (number !== ENODATA) throw systemError(`read extended attribute ${key}`, number);
  }
  return found;
}

const entries = Buffer.alloc(65_536);

/** Names of an open folder without . and .., in the order of their bytes; or -errno. Reads from where the descriptor stands. */
export function namesOfOpen(fd: number): ByteString[] | number {
  const names: ByteString[] = [];
  for (;;) {
    const n = readDirectory(fd, entries);
    if (n < 0) return n;
    if (n === 0) return names.toSorted();
    // struct linux_dirent64: u64 inode, i64 offset, u16 length, u8 type, name.
    for (let at = 0; at < n; at += entries.readUInt16LE(at + 16)) {
      const entry = entries.toString("latin1", at + 19, entries.indexOf(0, at + 19));
      if (entry !== "." && entry !== "..") names.push(entry);
    }
  }
}
