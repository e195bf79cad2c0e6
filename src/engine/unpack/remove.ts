/** Removes trees by descriptors: never through a symlink, never into another mount, and however deep they are. */
import { SampanError } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import {
  at,
  byteString,
  type ByteString,
  close,
  openAt,
  openAt2,
  renameAt,
  type Status,
  type as fileType,
  unlinkAt,
} from "../../kernel/fs.ts";
import { readDirectory } from "../../kernel/libc.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import { done } from "./_failure.ts";

/** openat2(2)'s way for one folder inside another: no link, no other mount. */
const inside = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;
const folder = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;

export interface Listed {
  readonly name: ByteString;
  /** DT_DIR; a file system that does not tell (DT_UNKNOWN) is asked by unlinkat(2). */
  readonly maybeFolder: boolean;
}

/** The entries of an open folder that getdents64(2) gives next, without . and ..; undefined at the end. */
function nextEntries(fd: number, bytes: Buffer): Listed[] | undefined {
  const filled = done(readDirectory(fd, bytes), "list a folder");
  if (filled === 0) return undefined;
  const entries: Listed[] = [];
  for (let at = 0; at < filled; at += bytes.readUInt16LE(at + 16)) {
    const name = bytes.toString("latin1", at + 19, bytes.indexOf(0, at + 19));
    if (name !== "." && name !== "..")
      entries.push({ name, maybeFolder: bytes[at + 18] === 4 || bytes[at + 18] === 0 });
  }
  return entries;
}

/** All entries of an open folder. */
export function list(fd: number): Listed[] {
  const bytes = Buffer.allocUnsafe(32768);
  const all: Listed[] = [];
  for (let some = nextEntries(fd, bytes); some; some = nextEntries(fd, bytes)) all.push(...some);
  return all;
}

interface Level {
  readonly fd: number;
  readonly name: ByteString;
  readonly waiting: Listed[];
}

/** Removes `name` of the folder, with all that is in it; what is not there is no error. */
export function removeAt(dir: number, name: ByteString): void {
  const result = unlinkAt(dir, name);
  if (result === 0 || result === -errno.ENOENT) return;
  // A folder: EISDIR (21) on Linux, EPERM by POSIX.
  if (result !== -errno.EISDIR && result !== -errno.EPERM) done(result, "remove a file");
  removeFolder(dir, name);
}

function removeFolder(dir: number, name: ByteString): void {
  const levels: Level[] = [];
  try {
    descend(levels, dir, name);
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const next = level.waiting.pop();
      if (next) removeEntry(levels, level, next);
      else ascend(levels, dir);
    }
  } finally {
    for (const { fd } of levels) close(fd);
  }
}

function removeEntry(levels: Level[], level: Level, entry: Listed): void {
  const result = entry.maybeFolder ? -errno.EISDIR : unlinkAt(level.fd, entry.name);
  if (result === 0 || result === -errno.ENOENT) return;
  if (result !== -errno.EISDIR && result !== -errno.EPERM) done(result, "remove a file");
  const unknown = entry.maybeFolder ? unlinkAt(level.fd, entry.name) : -errno.EISDIR;
  if (unknown === 0 || unknown === -errno.ENOENT) return;
  descend(levels, level.fd, entry.name);
}

function descend(levels: Level[], dir: number, name: ByteString): void {
  const root = levels[0];
  if (root && levels.length >= maxDepth) return lift(root, dir, name);
  const fd = openAt2(dir, name, folder, inside);
  if (fd === -errno.EXDEV)
    throw new SampanError("failed_precondition", "cannot remove a folder: something is mounted in it");
  if (fd === -errno.ENOENT) return;
  done(fd, "open a folder to remove it");
  const level: Level = { fd, name, waiting: [] };
  levels.push(level);
  for (const entry of list(fd)) level.waiting.push(entry);
}

const maxDepth = 64;

/** A folder that lies deep is moved to the top and waits there, so that any depth takes few descriptors. */
function lift(root: Level, dir: number, name: ByteString): void {
  for (let n = root.waiting.length; ; n++) {
    const free = `.removed-${n}`;
    const result = renameAt(dir, name, root.fd, free);
    // What is there already: EEXIST, ENOTEMPTY (39), ENOTDIR.
    if (result === -errno.EEXIST || result === -39 || result === -errno.ENOTDIR) continue;
    done(result, "move a folder to remove it");
    root.waiting.push({ name: free, maybeFolder: true });
    return;
  }
}

function ascend(levels: Level[], top: number): void {
  const level = levels.pop() as Level;
  close(level.fd);
  const parent = levels.at(-1)?.fd ?? top;
  const result = unlinkAt(parent, level.name, at.REMOVEDIR);
  if (result === -errno.ENOENT) return;
  done(result, "remove a folder");
}

/** Removes all that is in an open folder. */
export function empty(fd: number): void {
  for (const { name } of list(fd)) removeAt(fd, name);
}

/** Removes the tree of this path. The folder that holds it is resolved as any path is; the last name is not followed. */
export function removeTree(path: string): void {
  const clean = path.replace(/\/+$/, "");
  const slash = clean.lastIndexOf("/");
  const name = clean.slice(slash + 1);
  if (slash < 0 || name === "" || name === "." || name === "..")
    throw new SampanError(
      "invalid_argument",
      `cannot remove "${path}": it is not the absolute path of something in a folder`,
    );
  const dir = openAt(at.FDCWD, byteString(clean.slice(0, slash) || "/"), O.PATH | O.DIRECTORY);
  if (dir === -errno.ENOENT) return;
  if (dir < 0) done(dir, `open the folder of "${path}"`);
  try {
    removeAt(dir, byteString(name));
  } catch (error) {
    throw SampanError.wrap(`cannot remove "${path}"`, error);
  } finally {
    close(dir);
  }
}

export const isFolder = (status: Status): boolean => (status.mode & fileType.MASK) === fileType.DIRECTORY;
