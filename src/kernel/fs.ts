/**
 * Directory-relative file calls that node:fs lacks, through bun:ffi; for the processes that write and remove layers. All are synchronous and give their
 * value (0 or more) or -errno. Names are byte strings: one character is one byte (latin1), since Linux names are bytes and need not be UTF-8; `byteString`
 * and `textOf` convert. Arguments go through one fixed piece of memory, so that a hot call allocates nothing; it follows that this is for one thread.
 */
import { FFIType, ptr, type Pointer } from "bun:ffi";
import { lastErrno, openLibc } from "./libc.ts";
import { O } from "./linux.ts";

const i32 = "i32";
const u32 = "u32";
const i64 = "i64";
const pointer = "ptr";
const long = FFIType.i64_fast;

const signatures = {
  openat: { args: [i32, pointer, i32, u32], returns: i32 },
  close: { args: [i32], returns: i32 },
  mkdirat: { args: [i32, pointer, u32], returns: i32 },
  symlinkat: { args: [pointer, i32, pointer], returns: i32 },
  linkat: { args: [i32, pointer, i32, pointer, i32], returns: i32 },
  fchown: { args: [i32, u32, u32], returns: i32 },
  fchownat: { args: [i32, pointer, u32, u32, i32], returns: i32 },
  fchmod: { args: [i32, u32], returns: i32 },
  fchmodat: { args: [i32, pointer, u32, i32], returns: i32 },
  futimens: { args: [i32, pointer], returns: i32 },
  utimensat: { args: [i32, pointer, pointer, i32], returns: i32 },
  fsetxattr: { args: [i32, pointer, pointer, i64, i32], returns: i32 },
  lsetxattr: { args: [pointer, pointer, pointer, i64, i32], returns: i32 },
  fremovexattr: { args: [i32, pointer], returns: i32 },
  unlinkat: { args: [i32, pointer, i32], returns: i32 },
  renameat: { args: [i32, pointer, i32, pointer], returns: i32 },
  readlinkat: { args: [i32, pointer, pointer, i64], returns: long },
  write: { args: [i32, pointer, i64], returns: long },
  pwrite: { args: [i32, pointer, i64, i64], returns: long },
  pread: { args: [i32, pointer, i64, i64], returns: long },
  lseek: { args: [i32, i64, i32], returns: long },
  ftruncate: { args: [i32, i64], returns: i32 },
  fallocate: { args: [i32, i32, i64, i64], returns: i32 },
  sync_file_range: { args: [i32, i64, i64, u32], returns: i32 },
  syncfs: { args: [i32], returns: i32 },
  prctl: { args: [i32, i64, i64, i64, i64], returns: i32 },
  syscall: { args: [i64, i64, i64, i64, i64, i64], returns: long },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

/** Their numbers on x86-64 and arm64; glibc before 2.33 has no function for mknodat, and none has one for openat2. */
const numbers = process.arch === "arm64" ? { mknodat: 33, statx: 291 } : { mknodat: 259, statx: 332 };
const OPENAT2 = 437;

export const at = { FDCWD: -100, SYMLINK_NOFOLLOW: 0x100, REMOVEDIR: 0x200, EMPTY_PATH: 0x1000 } as const;

/** The file type bits of a mode. */
export const type = {
  MASK: 0o170000,
  FIFO: 0o010000,
  CHARACTER: 0o020000,
  DIRECTORY: 0o040000,
  BLOCK: 0o060000,
  REGULAR: 0o100000,
  SYMLINK: 0o120000,
  SOCKET: 0o140000,
} as const;

/** A name or path, one character a byte, without NUL. */
export type ByteString = string;

export function byteString(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** The bytes as text; undefined where they are not UTF-8. */
export function textOf(bytes: ByteString): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"));
  } catch {
    return undefined;
  }
}

// The fixed memory: two names, a struct open_how, two struct timespec, a struct statx, and a link's text.
const NAME = 8192;
const memory = Buffer.alloc(4 * NAME);
const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
const base = ptr(memory) as number;
const first = base as Pointer;
const second = (base + NAME) as Pointer;
const HOW = 2 * NAME;
const TIMES = HOW + 64;
const STATX = TIMES + 64;
const LINK = 3 * NAME;
const times = (base + TIMES) as Pointer;
const ENAMETOOLONG = -36;
/** Of Linux: a path with its NUL is at most this long. */
const PATH_MAX = 4096;

/** Puts a NUL-ended name into the fixed memory; false for one that the kernel would refuse for its length. */
function put(name: ByteString, offset: number): boolean {
  if (name.length >= PATH_MAX) return false;
  memory[offset + memory.write(name, offset, "latin1")] = 0;
  return true;
}

const failed = (result: number) => (result < 0 ? -lastErrno() : result);

/** openat(2), close-on-exec. */
export function openAt(dir: number, name: ByteString, flags: number, mode = 0): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  return failed(libc().openat(dir, first, flags | O.CLOEXEC, mode));
}

/** openat2(2), Linux 5.6, close-on-exec; repeated where a rename elsewhere disturbed it (EAGAIN). */
export function openAt2(dir: number, path: ByteString, flags: number, resolving: number): number {
  if (!put(path, 0)) return ENAMETOOLONG;
  view.setBigUint64(HOW, BigInt(flags | O.CLOEXEC), true);
  view.setBigUint64(HOW + 8, 0n, true);
  view.setBigUint64(HOW + 16, BigInt(resolving), true);
  for (let tries = 0; ; tries++) {
    const result = failed(Number(libc().syscall(OPENAT2, dir, base, base + HOW, 24, 0)));
    if (result !== -11 || tries === 100) return result;
  }
}

export function close(fd: number): void {
  libc().close(fd);
}

export function makeDirAt(dir: number, name: ByteString, mode: number): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  return failed(libc().mkdirat(dir, first, mode));
}

/** mknodat(2); `mode` holds the file type. */
export function makeNodeAt(
  dir: number,
  name: ByteString,
  mode: number,
  device: { major: number; minor: number },
): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  const { major, minor } = device;
  // As the kernel packs it (new_encode_dev): 12 bits of major, 20 of minor.
  const packed = ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
  return failed(Number(libc().syscall(numbers.mknodat, dir, base, mode, packed, 0)));
}

export function symlinkAt(target: ByteString, dir: number, name: ByteString): number {
  if (!put(target, 0) || !put(name, NAME)) return ENAMETOOLONG;
  return failed(libc().symlinkat(first, dir, second));
}

/** linkat(2) without following a symlink. */
export function linkAt(from: number, name: ByteString, to: number, newName: ByteString): number {
  if (!put(name, 0) || !put(newName, NAME)) return ENAMETOOLONG;
  return failed(libc().linkat(from, first, to, second, 0));
}

export function renameAt(from: number, name: ByteString, to: number, newName: ByteString): number {
  if (!put(name, 0) || !put(newName, NAME)) return ENAMETOOLONG;
  return failed(libc().renameat(from, first, to, second));
}

/** unlinkat(2); `flags` is at.REMOVEDIR for a folder. */
export function unlinkAt(dir: number, name: ByteString, flags = 0): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  return failed(libc().unlinkat(dir, first, flags));
}

/** The link's text, or -errno (-22 for what is no symlink). */
export function readLinkAt(dir: number, name: ByteString): ByteString | number {
  if (!put(name, 0)) return ENAMETOOLONG;
  const length = failed(Number(libc().readlinkat(dir, first, (base + LINK) as Pointer, NAME)));
  return length < 0 ? length : memory.toString("latin1", LINK, LINK + length);
}

export const chown = (fd: number, uid: number, gid: number): number => failed(libc().fchown(fd, uid, gid));
export const chmod = (fd: number, mode: number): number => failed(libc().fchmod(fd, mode));

/** fchownat(2) without following; "" is the descriptor itself, which may be an O_PATH one. */
export function chownAt(dir: number, name: ByteString, uid: number, gid: number): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  return failed(
    libc().fchownat(dir, first, uid, gid, at.SYMLINK_NOFOLLOW | (name === "" ? at.EMPTY_PATH : 0)),
  );
}

/** fchmodat(2). It follows a symlink: only for a name that is known to be none. */
export function chmodAt(dir: number, name: ByteString, mode: number): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  return failed(libc().fchmodat(dir, first, mode, 0));
}

export interface Times {
  /** Seconds since 1970, may be negative, and nanoseconds 0…999,999,999. */
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly accessSeconds: number;
  readonly accessNanoseconds: number;
}

function putLong(offset: number, value: number): void {
  view.setInt32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
  view.setUint32(offset, value >>> 0, true);
}

function putTimes(wanted: Times): void {
  putLong(TIMES, wanted.accessSeconds);
  putLong(TIMES + 8, wanted.accessNanoseconds);
  putLong(TIMES + 16, wanted.seconds);
  putLong(TIMES + 24, wanted.nanoseconds);
}

export function setTimes(fd: number, wanted: Times): number {
  putTimes(wanted);
  return failed(libc().futimens(fd, times));
}

/** utimensat(2) without following. */
export function setTimesAt(dir: number, name: ByteString, wanted: Times): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  putTimes(wanted);
  return failed(libc().utimensat(dir, first, times, at.SYMLINK_NOFOLLOW));
}

/** Where an empty array points: libc wants an address even for no bytes. */
const addressOf = (bytes: Uint8Array): Pointer => (bytes.length === 0 ? first : ptr(bytes));

export function setAttribute(fd: number, name: ByteString, value: Uint8Array): number {
  if (!put(name, NAME)) return ENAMETOOLONG;
  return failed(libc().fsetxattr(fd, second, addressOf(value), value.length, 0));
}

/** lsetxattr(2) of an entry of a folder, by way of /proc/self/fd: setxattrat(2) is of Linux 6.13. The name holds no slash. */
export function setAttributeAt(dir: number, entry: ByteString, name: ByteString, value: Uint8Array): number {
  if (!put(`/proc/self/fd/${dir}/${entry}`, 0) || !put(name, NAME)) return ENAMETOOLONG;
  return failed(libc().lsetxattr(first, second, addressOf(value), value.length, 0));
}

export function removeAttribute(fd: number, name: ByteString): number {
  if (!put(name, 0)) return ENAMETOOLONG;
  return failed(libc().fremovexattr(fd, first));
}

/** write(2) of bytes[start, end), until all are written. */
export function writeBytes(fd: number, bytes: Uint8Array, start: number, end: number): number {
  for (let from = start; from < end;) {
    const n = failed(Number(libc().write(fd, ptr(bytes, from), end - from)));
    if (n < 0 && n !== -4) return n;
    if (n > 0) from += n;
  }
  return 0;
}

/** pwrite(2) of bytes[start, end) at a place of the file, until all are written. */
export function writeBytesAt(
  fd: number,
  bytes: Uint8Array,
  range: { start: number; end: number; position: number },
): number {
  for (let from = range.start; from < range.end;) {
    const n = failed(
      Number(libc().pwrite(fd, ptr(bytes, from), range.end - from, range.position + from - range.start)),
    );
    if (n < 0 && n !== -4) return n;
    if (n > 0) from += n;
  }
  return 0;
}

/** pread(2) into the whole of `bytes`, as far as the file goes: how many. */
export function readBytesAt(fd: number, bytes: Uint8Array, position: number): number {
  for (;;) {
    const n = failed(Number(libc().pread(fd, ptr(bytes), bytes.length, position)));
    if (n !== -4) return n;
  }
}

/** lseek(2): `whence` 3 is SEEK_DATA, 4 SEEK_HOLE. */
export const seek = (fd: number, offset: number, whence: number): number =>
  failed(Number(libc().lseek(fd, offset, whence)));
export const truncate = (fd: number, size: number): number => failed(libc().ftruncate(fd, size));
export const allocate = (fd: number, offset: number, size: number): number =>
  failed(libc().fallocate(fd, 0, offset, size));
export const syncFileSystem = (fd: number): number => failed(libc().syncfs(fd));
/** sync_file_range(2), SYNC_FILE_RANGE_WRITE: begins writing back and does not wait. */
export const startWriteBack = (fd: number, offset: number, size: number): number =>
  failed(libc().sync_file_range(fd, offset, size, 2));

/** PR_SET_PDEATHSIG: the kernel kills this process when the thread that started it ends. */
export const dieWithParent = (): number => failed(libc().prctl(1, 9, 0, 0, 0));

export interface Status {
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Allocated, in bytes. */
  readonly allocated: number;
  readonly inode: bigint;
  /** Of a device node. */
  readonly major: number;
  readonly minor: number;
  /** The file system, as major:minor, and the mount where the kernel tells it (Linux 5.8). */
  readonly fileSystem: string;
  readonly mount: bigint;
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** statx(2) without following; "" is the descriptor itself. */
export function statAt(dir: number, name: ByteString): Status | number {
  if (!put(name, 0)) return ENAMETOOLONG;
  const flags = at.SYMLINK_NOFOLLOW | (name === "" ? at.EMPTY_PATH : 0);
  // STATX_BASIC_STATS | STATX_MNT_ID
  const result = failed(Number(libc().syscall(numbers.statx, dir, base, flags, 0x17ff, base + STATX)));
  if (result < 0) return result;
  const u32At = (offset: number) => view.getUint32(STATX + offset, true);
  return {
    mode: view.getUint16(STATX + 28, true),
    links: u32At(16),
    uid: u32At(20),
    gid: u32At(24),
    size: Number(view.getBigUint64(STATX + 40, true)),
    allocated: Number(view.getBigUint64(STATX + 48, true)) * 512,
    inode: view.getBigUint64(STATX + 32, true),
    major: u32At(128),
    minor: u32At(132),
    fileSystem: `${u32At(136)}:${u32At(140)}`,
    mount: view.getBigUint64(STATX + 144, true),
    seconds: Number(view.getBigInt64(STATX + 112, true)),
    nanoseconds: u32At(120),
  };
}
