/** What stands in a folder tree, opened so that nothing that changes meanwhile can lead elsewhere: each step is by descriptor, by one name, without following links or crossing mounts. */
import { SampanError } from "../../base/errors.ts";
import { errno, systemError } from "../../kernel/errno.ts";
import {
  close,
  openAt2,
  readLinkAt,
  seek,
  statAt,
  textOf,
  type,
  type ByteString,
  type Status,
} from "../../kernel/fs.ts";
import { openFile } from "../../kernel/libc.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import {
  attributesOfEntry,
  attributesOfOpen,
  namesOfOpen,
  type ExtendedAttribute,
} from "../../kernel/xattr.ts";

export interface Node extends Disposable {
  /** Relative to the tree's root; "" is the root. */
  readonly path: ByteString;
  readonly name: ByteString;
  readonly status: Status;
  readonly attributes: readonly ExtendedAttribute[];
  /** Of a symlink. */
  readonly target: ByteString;
  /** Of a file or a folder; -1 for all else and for a folder that another file system is mounted on. */
  readonly fd: number;
}

const resolving = RESOLVE.BENEATH | RESOLVE.NO_XDEV | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS;

export function shownPath(path: ByteString): string {
  return textOf(path) ?? JSON.stringify(path).slice(1, -1);
}

/** `cannot archive "/path": …` */
export function failure(path: ByteString, error: unknown): SampanError {
  return SampanError.wrap(`cannot archive "/${shownPath(path)}"`, error);
}

export const kindOf = (status: Status): number => status.mode & type.MASK;
export const isFolder = (node: Node): boolean => kindOf(node.status) === type.DIRECTORY;
export const isFile = (node: Node): boolean => kindOf(node.status) === type.REGULAR;

/** The root of a tree. Errors: `not_found`. */
export function openRoot(root: string): Node {
  const fd = openFile(root, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) throw systemError(`open folder "${root}"`, -fd);
  return opened(fd, { path: "", name: "" });
}

/** An entry of a folder; undefined when it has vanished since it was listed. */
export function openNode(parent: Node, name: ByteString): Node | undefined {
  const path = parent.path === "" ? name : `${parent.path}/${name}`;
  try {
    return open(parent.fd, name, path);
  } catch (error) {
    throw failure(path, error);
  }
}

/** A running container has put something of another kind in its place. */
function changed(): SampanError {
  return new SampanError("aborted", "it changed while it was read");
}

function open(dir: number, name: ByteString, path: ByteString): Node | undefined {
  const status = statAt(dir, name);
  if (status === -errno.ENOENT) return undefined;
  if (typeof status === "number") throw systemError("read its status", -status);
  const kind = kindOf(status);
  if (kind !== type.REGULAR && kind !== type.DIRECTORY) return unopened(dir, { name, path, status });
  const flags = O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY | (kind === type.DIRECTORY ? O.DIRECTORY : 0);
  const fd = openAt2(dir, name, flags, resolving);
  if (fd === -errno.ENOENT) return undefined;
  if (fd === -errno.EXDEV) return unopened(dir, { name, path, status });
  if (fd === -errno.ELOOP || fd === -errno.ENOTDIR) throw changed();
  if (fd < 0) throw systemError("open it", -fd);
  return opened(fd, { path, name }, kind);
}

function unopened(dir: number, what: Pick<Node, "name" | "path" | "status">): Node {
  const isLink = kindOf(what.status) === type.SYMLINK;
  const target = isLink ? readLinkAt(dir, what.name) : "";
  if (target === -errno.EINVAL || target === -errno.ENOENT) throw changed();
  if (typeof target === "number") throw systemError("read the link", -target);
  return {
    ...what,
    target,
    attributes: attributesOfEntry(dir, what.name),
    fd: -1,
    [Symbol.dispose]: () => {},
  };
}

function opened(fd: number, what: Pick<Node, "name" | "path">, wanted: number = type.DIRECTORY): Node {
  try {
    const status = statAt(fd, "");
    if (typeof status === "number") throw systemError("read its status", -status);
    if (kindOf(status) !== wanted) throw changed();
    return {
      ...what,
      status,
      target: "",
      attributes: attributesOfOpen(fd),
      fd,
      [Symbol.dispose]: () => close(fd),
    };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Names in a folder, in the order of their bytes. */
export function namesIn(folder: Node): readonly ByteString[] {
  if (folder.fd < 0) return [];
  const names = namesOfOpen(folder.fd);
  if (typeof names === "number") throw failure(folder.path, systemError("list it", -names));
  return names;
}

/** The whole tree: a folder before what is in it, the root first. A node is closed when the next one is asked for. */
export function* walk(folder: Node): Generator<Node> {
  yield folder;
  for (const name of namesIn(folder)) {
    using node = openNode(folder, name);
    if (!node) continue;
    if (isFolder(node)) yield* walk(node);
    else yield node;
  }
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = errno.ENXIO;
/** Holes of less than this in all are not worth a map; more pieces than this are not worth one either. */
const worthwhile = { bytes: 65_536, pieces: 65_536 };

/** Where the data of a file lies, as offset and length, offset and length …; undefined where it has no holes to speak of. */
export function segmentsOf({ fd, status }: Node): number[] | undefined {
  if (status.size - status.allocated < worthwhile.bytes) return undefined;
  const segments: number[] = [];
  let data = 0;
  for (let at = 0; at < status.size;) {
    const start = seek(fd, at, SEEK_DATA);
    if (start === -ENXIO || start >= status.size) break;
    const end = start < 0 ? start : seek(fd, start, SEEK_HOLE);
    // A file system that knows no holes.
    if (start < 0 || end < 0 || segments.length > 2 * worthwhile.pieces) return undefined;
    at = Math.min(end, status.size);
    segments.push(start, at - start);
    data += at - start;
  }
  if (status.size - data < worthwhile.bytes) return undefined;
  // GNU tar takes the end of a file from its last piece: a hole at the end is closed by an empty one.
  const last = segments.length;
  const end = last === 0 ? 0 : (segments[last - 2] as number) + (segments[last - 1] as number);
  if (end < status.size) segments.push(status.size, 0);
  return segments;
}
