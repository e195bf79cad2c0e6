/**
 * What node:fs lacks of a file's metadata: extended attributes, times to the nanosecond, device nodes, links and copies that stay in the kernel. By path, links are never
 * followed at its end. For a path below a folder that was opened: `/proc/self/fd/<number>/<name>`.
 */
import { ptr } from "bun:ffi";
import { errno, systemError } from "./errno.ts";
import { lastErrno, openLibc } from "./libc.ts";

const i64 = "i64";
const signatures = {
  llistxattr: { args: ["ptr", "ptr", i64], returns: i64 },
  lgetxattr: { args: ["ptr", "ptr", "ptr", i64], returns: i64 },
  lsetxattr: { args: ["ptr", "ptr", "ptr", i64, "i32"], returns: "i32" },
  lremovexattr: { args: ["ptr", "ptr"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  mknod: { args: ["ptr", "i32", i64], returns: "i32" },
  copy_file_range: { args: ["i32", "ptr", "i32", "ptr", i64, "i32"], returns: i64 },
  lseek: { args: ["i32", i64, "i32"], returns: i64 },
  ioctl: { args: ["i32", i64, i64], returns: "i32" },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

const encoder = new TextEncoder();
/** Linux's names are bytes; a string stands for its UTF-8. */
export type Path = string | Uint8Array;

function cString(path: Path): Uint8Array {
  if (typeof path === "string") return encoder.encode(`${path}\0`);
  const bytes = new Uint8Array(path.length + 1);
  bytes.set(path);
  return bytes;
}
const shown = (path: Path) => (typeof path === "string" ? path : new TextDecoder().decode(path));

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** Names of all extended attributes; none where the file system has none. */
export function listXattrs(path: Path): string[] {
  const bytes = new Uint8Array(65536);
  const length = Number(libc().llistxattr(ptr(cString(path)), ptr(bytes), bytes.length));
  if (length < 0 && lastErrno() === errno.EOPNOTSUPP) return [];
  if (length < 0) throw systemError(`list the attributes of "${shown(path)}"`, lastErrno());
  return new TextDecoder().decode(bytes.subarray(0, length)).split("\0").filter(Boolean);
}

/** undefined where there is none of that name. */
export function getXattr(path: Path, name: string): Uint8Array | undefined {
  const bytes = new Uint8Array(65536);
  const length = Number(libc().lgetxattr(ptr(cString(path)), ptr(cString(name)), ptr(bytes), bytes.length));
  if (length >= 0) return bytes.slice(0, length);
  const number = lastErrno();
  if (number === 61 || number === errno.EOPNOTSUPP || number === errno.ENOENT) return undefined;
  throw systemError(`read attribute ${name} of "${shown(path)}"`, number);
}

export function setXattr(path: Path, name: string, value: Uint8Array): void {
  const held = value.length > 0 ? value : new Uint8Array(1);
  const result = libc().lsetxattr(ptr(cString(path)), ptr(cString(name)), ptr(held), value.length, 0);
  if (result < 0) throw systemError(`set attribute ${name} of "${shown(path)}"`, lastErrno());
}

/** Access and modification time, nanoseconds since 1970. */
export function setTimes(path: Path, access: bigint, modification: bigint): void {
  const parts = [access, modification].flatMap((time) => {
    const fraction = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return [(time - fraction) / 1_000_000_000n, fraction];
  });
  const times = new BigInt64Array(parts);
  const result = libc().utimensat(AT_FDCWD, ptr(cString(path)), ptr(times), AT_SYMLINK_NOFOLLOW);
  if (result < 0) throw systemError(`set the times of "${shown(path)}"`, lastErrno());
}

/** A device, pipe or socket; `mode` with its type, less the umask. */
export function makeNode(path: Path, mode: number, device: bigint): void {
  if (libc().mknod(ptr(cString(path)), mode, device) < 0)
    throw systemError(`make the node "${shown(path)}"`, lastErrno());
}

/** Makes `to` share all blocks of `from` (FICLONE); false where the file system cannot. */
export function cloneFile(from: number, to: number): boolean {
  return libc().ioctl(to, 0x40049409, from) === 0;
}

/** Copies at most `length` bytes at both descriptors' positions; 0 at the end, undefined where the kernel leaves it to the caller. */
export function copyRange(from: number, to: number, length: number): number | undefined {
  const copied = Number(libc().copy_file_range(from, null, to, null, length, 0));
  if (copied >= 0) return copied;
  const number = lastErrno();
  if ([errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP].some((each) => each === number))
    return undefined;
  throw systemError("copy a file", number);
}

const SEEK = { SET: 0, DATA: 3, HOLE: 4 } as const;

/** Where the next data or hole begins at or after `offset`; undefined when no data comes any more. */
export function seek(fd: number, offset: number, what: keyof typeof SEEK): number | undefined {
  const found = Number(libc().lseek(fd, offset, SEEK[what]));
  if (found >= 0) return found;
  const number = lastErrno();
  if (number === errno.ENXIO) return undefined;
  throw systemError("seek in a file", number);
}
