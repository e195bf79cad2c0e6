/**
 * How much a tree takes. It is a stranger's, who may want to be counted as less: so it is walked by descriptors and by names of bytes, and what is no UTF-8, what is deeper than a path is long and a
 * folder of very many names count as all else does.
 */
import { errno, systemError } from "../../kernel/errno.ts";
import {
  at,
  type ByteString,
  byteString,
  close,
  openAt,
  openAt2,
  statAt,
  type Status,
  type as kinds,
} from "../../kernel/fs.ts";
import { readDirectory } from "../../kernel/libc.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import type { Usage } from "./snapshotter.ts";

/** After so many entries the caller's thread gets its turn. */
const turn = 512;
/** Folders above the present one that stay open; those further up are found again as the parent of the one below. */
const mostOpen = 64;

const folder = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
const inside = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;
/** It has gone meanwhile, or is something else now. */
const passed = [errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV].map((number) => -number);

interface Level {
  /** -1 while it is not open. */
  fd: number;
  readonly path: string;
  readonly inode: bigint;
  /** Folders in it that are to be walked. */
  readonly waiting: ByteString[];
}

export interface CountOptions {
  /** Files of several names that were counted, so that no other tree counts them again: `device:inode`. */
  readonly seen?: Set<string>;
  /** What is counted elsewhere, by its path. */
  readonly skip?: ((path: string) => boolean) | undefined;
}

/**
 * Allocated bytes and inodes of a tree: a file with several names once, and nothing that is mounted in it. Names that go meanwhile are passed over,
 * and what is not there has nothing.
 */
export async function countTree(root: string, options: CountOptions = {}): Promise<Usage> {
  const path = byteString(root);
  const top = statAt(at.FDCWD, path);
  if (typeof top === "number") return passedOver(top, root) && { bytes: 0, inodes: 0 };
  const count = new Count(top.fileSystem, options);
  count.add(top);
  if (!isFolder(top)) return count.usage;
  const levels: Level[] = [];
  try {
    await descend({ levels, count, path: root }, openAt(at.FDCWD, path, folder));
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const next = level.waiting.pop();
      if (next === undefined) ascend(levels);
      else {
        const below = { levels, count, path: childPath(level.path, next) };
        await descend(below, openAt2(level.fd, next, folder, inside));
      }
    }
  } finally {
    forget(levels);
  }
  return count.usage;
}

class Count {
  readonly #seen: Set<string>;
  readonly #fileSystem: string;
  readonly skip: CountOptions["skip"];
  #bytes = 0;
  #inodes = 0;
  #steps = 0;

  constructor(fileSystem: string, { seen = new Set(), skip }: CountOptions) {
    this.#fileSystem = fileSystem;
    this.#seen = seen;
    this.skip = skip;
  }

  get usage(): Usage {
    return { bytes: this.#bytes, inodes: this.#inodes };
  }

  /** Whether it is of this tree and was not yet counted. */
  add({ fileSystem, links, inode, allocated, ...status }: Status): boolean {
    if (fileSystem !== this.#fileSystem) return false;
    if (links > 1 && !isFolder(status)) {
      const id = `${fileSystem}:${inode}`;
      if (this.#seen.has(id)) return false;
      this.#seen.add(id);
    }
    this.#bytes += allocated;
    this.#inodes++;
    return true;
  }

  /** Whether others have waited long enough. */
  isOthersTurn(): boolean {
    return ++this.#steps % turn === 0;
  }
}

interface Below {
  readonly levels: Level[];
  readonly count: Count;
  /** The folder's, for `skip`; of no use for what has no text for a name. */
  readonly path: string;
}

const childPath = (path: string, name: ByteString): string =>
  `${path}/${Buffer.from(name, "latin1").toString("utf8")}`;

/** Counts what lies in an open folder, which is the last of the levels from then on. */
async function descend({ levels, count, path }: Below, fd: number): Promise<void> {
  if (fd < 0) return void passedOver(fd, "a folder");
  const above = levels.at(-mostOpen);
  const own = statAt(fd, "");
  const level: Level = { fd, path, inode: typeof own === "number" ? 0n : own.inode, waiting: [] };
  levels.push(level);
  if (above && above.fd >= 0) {
    close(above.fd);
    above.fd = -1;
  }
  const bytes = Buffer.allocUnsafe(32_768);
  for (let filled = listed(fd, bytes); filled > 0; filled = listed(fd, bytes))
    for (const name of namesIn(bytes.subarray(0, filled))) {
      if (count.isOthersTurn()) await new Promise(setImmediate);
      if (count.skip?.(childPath(path, name))) continue;
      const status = statAt(fd, name);
      if (typeof status === "number") passedOver(status, "a file");
      else if (count.add(status) && isFolder(status)) level.waiting.push(name);
    }
}

/** One that was closed is the parent of the one below, unless somebody has moved that: then what still waits is passed over. */
function ascend(levels: Level[]): void {
  const done = levels.pop() as Level;
  const next = levels.at(-1);
  if (next && next.fd < 0) {
    next.fd = openAt(done.fd, "..", folder);
    const found = next.fd < 0 ? next.fd : statAt(next.fd, "");
    if (typeof found === "number" || found.inode !== next.inode) forget(levels);
  }
  close(done.fd);
}

function forget(levels: Level[]): void {
  for (const { fd } of levels.splice(0)) if (fd >= 0) close(fd);
}

function listed(fd: number, bytes: Buffer): number {
  const filled = readDirectory(fd, bytes);
  if (filled >= 0) return filled;
  passedOver(filled, "a folder");
  return 0;
}

/** struct linux_dirent64: u64 inode, i64 offset, u16 length, u8 type, name. */
function namesIn(entries: Buffer): ByteString[] {
  const names: ByteString[] = [];
  for (let start = 0; start < entries.length; start += entries.readUInt16LE(start + 16)) {
    const name = entries.toString("latin1", start + 19, entries.indexOf(0, start + 19));
    if (name !== "." && name !== "..") names.push(name);
  }
  return names;
}

const isFolder = ({ mode }: Pick<Status, "mode">): boolean => (mode & kinds.MASK) === kinds.DIRECTORY;

/** True for what goes away while others are at work. Errors: the kernel's for everything else. */
function passedOver(result: number, what: string): true {
  if (passed.includes(result)) return true;
  throw systemError(`count ${what}`, -result);
}
