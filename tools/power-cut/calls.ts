/** What each file-changing system call means, as a table: arguments in, calls of the follower out. */
import type { Follower } from "./follow.ts";
import type { Place } from "./paths.ts";
import type { Argument } from "./trace.ts";
import type { Kind, Meta, Node } from "./tree.ts";

/** Whether a flag stands among `A|B` or `{flags=A|B, …}`. */
export const has = (argument: Argument | undefined, flag: string): boolean =>
  argument?.text.split(/[|{}, =]/).includes(flag) ?? false;
const number = (argument: Argument | undefined) => Number(argument?.text);

type Handler = (to: Follower, args: readonly Argument[]) => void;

const octal = (argument: Argument | undefined) =>
  Number.parseInt(/[0-7]+$/.exec(argument?.text ?? "0")?.[0] ?? "0", 8) & 0o7777;
const at = (argument: Argument | undefined) =>
  Number(/\[(-?\d+)/.exec(argument?.text ?? "")?.[1] ?? Number.NaN);
const optional = (argument: Argument | undefined) => (argument?.text === "NULL" ? {} : { at: at(argument) });
const vectors = (argument: Argument | undefined) =>
  [...(argument?.text ?? "").matchAll(/iov_base="([^"]*)"/g)]
    .map((match) => Buffer.from((match[1] as string).replaceAll("\\x", ""), "hex").toString("latin1"))
    .join("");
const nofollow = (argument: Argument | undefined) => !has(argument, "AT_SYMLINK_NOFOLLOW");

const kinds: Readonly<Record<string, Kind>> = {
  S_IFREG: "file",
  S_IFCHR: "char",
  S_IFBLK: "block",
  S_IFIFO: "fifo",
  S_IFSOCK: "socket",
};

function node(mode: Argument | undefined, device: Argument | undefined): Partial<Node> & { kind: Kind } {
  const kind = kinds[/^S_IF[A-Z]+/.exec(mode?.text ?? "")?.[0] ?? "S_IFREG"] ?? "file";
  const [major = 0, minor = 0] = [...(device?.text ?? "").matchAll(/0x[0-9a-f]+|\d+/g)].map(Number);
  return {
    kind,
    mode: octal(mode),
    device: kind === "char" || kind === "block" ? makeDevice(major, minor) : 0,
  };
}

/** makedev(3) of Linux for numbers that fit 32 bits. */
export function makeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** The second of the two times of utimensat(2). */
function modified(times: Argument | undefined): Partial<Meta> | undefined {
  const last =
    (times?.text ?? "")
      .replaceAll(/\/\*.*?\*\//g, "")
      .split("}")
      .at(-2) ??
    times?.text ??
    "";
  const text = /UTIME_OMIT\]?\s*$/.test(times?.text ?? "") ? "UTIME_OMIT" : last;
  if (text.includes("UTIME_OMIT")) return undefined;
  const match = /tv_sec=(-?\d+), tv_n?u?sec=(\d+)/.exec(text);
  if (!match || text.includes("UTIME_NOW")) return { modified: undefined };
  const scale = text.includes("tv_usec") ? 1000n : 1n;
  return { modified: BigInt(match[1] as string) * 1_000_000_000n + BigInt(match[2] as string) * scale };
}

function times(to: Follower, place: Place | undefined, argument: Argument | undefined): void {
  const set = modified(argument);
  if (set) to.meta(place, set);
}

const ignored: Handler = () => {};

/** What each call means; those that fail are not asked. */
export const handlers: Readonly<Record<string, Handler>> = {
  open: (to, [, flags, mode]) => to.opened(flags, octal(mode)),
  creat: (to, [, mode]) =>
    to.opened({ text: "O_CREAT|O_TRUNC|O_WRONLY", string: undefined, descriptor: undefined }, octal(mode)),
  openat: (to, [, , flags, mode]) => to.opened(flags, octal(mode)),
  openat2: (to, [, , how]) =>
    to.opened(how, Number.parseInt(/mode=(0[0-7]*)/.exec(how?.text ?? "")?.[1] ?? "0", 8)),
  close: (to, [fd]) => to.closed(fd?.descriptor?.fd ?? number(fd)),
  close_range: ignored,
  dup: (to, [from]) => to.duplicated(from),
  dup2: (to, [from]) => to.duplicated(from),
  dup3: (to, [from]) => to.duplicated(from),
  fcntl: (to, [from, command]) => {
    if (command?.text.startsWith("F_DUPFD")) to.duplicated(from);
  },
  execve: (to) => to.executed(),
  chdir: (to, [path]) => to.folder(path?.string ?? "/"),
  fchdir: (to, [fd]) => to.folder(fd?.descriptor?.path ?? "/"),
  umask: (to, [mask]) => to.umask(octal(mask)),
  lseek: (to, [fd]) => to.moved(fd),
  read: (to, [fd]) => to.wasRead(number(fd)),
  readv: (to, [fd]) => to.wasRead(number(fd)),

  write: (to, [fd, data]) => to.written(fd, data?.string ?? "", undefined),
  pwrite64: (to, [fd, data, , offset]) => to.written(fd, data?.string ?? "", number(offset)),
  writev: (to, [fd, data]) => to.written(fd, vectors(data), undefined),
  pwritev: (to, [fd, data, , offset]) => to.written(fd, vectors(data), number(offset)),
  pwritev2: (to, [fd, data, , offset]) =>
    to.written(fd, vectors(data), number(offset) < 0 ? undefined : number(offset)),
  truncate: (to, [path, size]) => to.size(to.place(undefined, path, true), number(size)),
  ftruncate: (to, [fd, size]) => to.size(to.place(fd, undefined, true), number(size)),
  fallocate: (to, [fd, mode, offset, length]) => to.fallocated(fd, mode, number(offset), number(length)),
  copy_file_range: (to, [from, fromAt, target, toAt]) => {
    const [a, b] = [optional(fromAt).at, optional(toAt).at];
    to.copied({
      from,
      to: target,
      ...(a === undefined ? {} : { fromAt: a }),
      ...(b === undefined ? {} : { toAt: b }),
    });
  },
  sendfile: (to, [target, from, fromAt]) => {
    const start = optional(fromAt).at;
    to.copied({ from, to: target, ...(start === undefined ? {} : { fromAt: start }) });
  },
  splice: (to, [, , target]) => {
    if (to.description(target)?.inode !== undefined) to.note("bytes spliced into a file");
  },
  ioctl: (to, [target, request, from]) => {
    if (request?.text !== "BTRFS_IOC_CLONE" && request?.text !== "FICLONE") return;
    const source = to.description(from);
    if (source) to.copied({ from, fromAt: 0, to: target, toAt: 0, length: Number.MAX_SAFE_INTEGER });
  },

  mkdir: (to, [path, mode]) =>
    void to.make(to.place(undefined, path, false), { kind: "folder", mode: octal(mode) }),
  mkdirat: (to, [folder, path, mode]) =>
    void to.make(to.place(folder, path, false), { kind: "folder", mode: octal(mode) }),
  mknod: (to, [path, mode, device]) => void to.make(to.place(undefined, path, false), node(mode, device)),
  mknodat: (to, [folder, path, mode, device]) =>
    void to.make(to.place(folder, path, false), node(mode, device)),
  symlink: (to, [target, path]) =>
    void to.make(to.place(undefined, path, false), { kind: "symlink", target: target?.string ?? "" }),
  symlinkat: (to, [target, folder, path]) =>
    void to.make(to.place(folder, path, false), { kind: "symlink", target: target?.string ?? "" }),
  link: (to, [from, path]) => to.link(to.place(undefined, from, false), to.place(undefined, path, false)),
  linkat: (to, [fromFolder, from, folder, path, flags]) =>
    to.link(to.place(fromFolder, from, has(flags, "AT_SYMLINK_FOLLOW")), to.place(folder, path, false)),
  unlink: (to, [path]) => to.remove(to.place(undefined, path, false)),
  rmdir: (to, [path]) => to.remove(to.place(undefined, path, false)),
  unlinkat: (to, [folder, path]) => to.remove(to.place(folder, path, false)),
  rename: (to, [from, path]) =>
    to.rename(to.place(undefined, from, false), to.place(undefined, path, false), undefined),
  renameat: (to, [fromFolder, from, folder, path]) =>
    to.rename(to.place(fromFolder, from, false), to.place(folder, path, false), undefined),
  renameat2: (to, [fromFolder, from, folder, path, flags]) =>
    to.rename(to.place(fromFolder, from, false), to.place(folder, path, false), flags),

  chmod: (to, [path, mode]) => to.meta(to.place(undefined, path, true), { mode: octal(mode) }),
  fchmod: (to, [fd, mode]) => to.meta(to.place(fd, undefined, true), { mode: octal(mode) }),
  fchmodat: (to, [folder, path, mode]) => to.meta(to.place(folder, path, true), { mode: octal(mode) }),
  chown: (to, [path, uid, gid]) => to.chown(to.place(undefined, path, true), number(uid), number(gid)),
  lchown: (to, [path, uid, gid]) => to.chown(to.place(undefined, path, false), number(uid), number(gid)),
  fchown: (to, [fd, uid, gid]) => to.chown(to.place(fd, undefined, true), number(uid), number(gid)),
  fchownat: (to, [folder, path, uid, gid, flags]) =>
    to.chown(to.place(folder, path, nofollow(flags)), number(uid), number(gid)),
  utime: (to, [path]) => to.meta(to.place(undefined, path, true), { modified: undefined }),
  utimes: (to, [path, pair]) => times(to, to.place(undefined, path, true), pair),
  futimesat: (to, [folder, path, pair]) => times(to, to.place(folder, path, true), pair),
  utimensat: (to, [folder, path, pair, flags]) => times(to, to.place(folder, path, nofollow(flags)), pair),
  setxattr: (to, [path, name, value]) =>
    to.attribute(to.place(undefined, path, true), name?.string ?? "", value?.string ?? ""),
  lsetxattr: (to, [path, name, value]) =>
    to.attribute(to.place(undefined, path, false), name?.string ?? "", value?.string ?? ""),
  fsetxattr: (to, [fd, name, value]) =>
    to.attribute(to.place(fd, undefined, true), name?.string ?? "", value?.string ?? ""),
  removexattr: (to, [path, name]) =>
    to.attribute(to.place(undefined, path, true), name?.string ?? "", undefined),
  lremovexattr: (to, [path, name]) =>
    to.attribute(to.place(undefined, path, false), name?.string ?? "", undefined),
  fremovexattr: (to, [fd, name]) =>
    to.attribute(to.place(fd, undefined, true), name?.string ?? "", undefined),

  fsync: (to, [fd]) => to.synced(fd, false),
  fdatasync: (to, [fd]) => to.synced(fd, true),
  syncfs: (to, [fd]) => to.syncedAll(fd),
  sync: (to) => to.syncedAll(undefined),
  mmap: (to, [, , protection, flags, file]) => to.mapped(protection, flags, file),
  io_uring_setup: (to) => to.note("operations through io_uring"),
};

/** The calls that strace is asked for. */
export const tracedCalls: readonly string[] = [...Object.keys(handlers), "clone", "clone3", "fork", "vfork"];
