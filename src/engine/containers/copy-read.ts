/** An archive of a path inside a container. What is mounted there by the container's own wish is part of it; /proc, /sys and the like are not. */
import { errno, systemError } from "../../kernel/errno.ts";
import {
  byteString,
  close,
  openAt,
  openAt2,
  readLinkAt,
  statAt,
  type as fileType,
  type ByteString,
} from "../../kernel/fs.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import { attributesOfOpen } from "../../kernel/xattr.ts";
import { failure, isFolder, kindOf, namesIn, openNode, type Node } from "../archive/node.ts";
import { TarWriter, type Owners, type Pieces } from "../archive/writer.ts";
import type { Found } from "./copy-path.ts";

export interface CopySource {
  readonly found: Found;
  /** What the archive calls it. */
  readonly name: string;
  /** Its path inside. */
  readonly path: string;
  /** Places where the container has mounts of its own. */
  readonly mounts: ReadonlySet<string>;
  readonly owners: Owners | undefined;
}

export function* archivePath(source: CopySource): Pieces {
  const writer = new TarWriter(source.owners, { living: true });
  using top = openTop(source);
  yield* entries(writer, top, { path: source.path === "/" ? "" : source.path, mounts: source.mounts });
  yield* writer.end();
}

interface Place {
  /** Inside; "" is the root. */
  readonly path: string;
  readonly mounts: ReadonlySet<string>;
}

function* entries(writer: TarWriter, node: Node, place: Place): Pieces {
  yield* writer.node(node);
  if (!isFolder(node)) return;
  for (const name of namesIn(node)) {
    const path = `${place.path}/${Buffer.from(name, "latin1").toString()}`;
    using child = childOf(node, name, place.mounts.has(path));
    if (child) yield* entries(writer, child, { path, mounts: place.mounts });
  }
}

/** Files that something is mounted on are read through, folders only where the container asked for it. */
function childOf(parent: Node, name: ByteString, isMount: boolean): Node | undefined {
  const found = openNode(parent, name);
  // Below "/" names begin with one slash.
  const node = found && parent.path === "/" ? { ...found, path: `/${name}` } : found;
  if (!node || node.fd >= 0) return node;
  const kind = kindOf(node.status);
  const isMounted = kind === fileType.REGULAR || (kind === fileType.DIRECTORY && isMount);
  return isMounted ? through(parent, node, kind) : node;
}

const resolving = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS;
const reading = O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY;

function through(parent: Node, node: Node, kind: number): Node | undefined {
  const flags = reading | (kind === fileType.DIRECTORY ? O.DIRECTORY : 0);
  const fd = openAt2(parent.fd, node.name, flags, resolving);
  if (fd === -errno.ENOENT) return undefined;
  if (fd < 0) throw failure(node.path, systemError("open it", -fd));
  return readable(fd, node);
}

function readable(
  fd: number,
  { path, name, status: { mode } }: Pick<Node, "path" | "name" | "status">,
): Node {
  try {
    const status = statAt(fd, "");
    if (typeof status === "number") throw systemError("read its status", -status);
    if (kindOf(status) !== (mode & fileType.MASK)) throw systemError("open it", errno.ELOOP);
    const attributes = attributesOfOpen(fd);
    return { path, name, status, attributes, target: "", fd, [Symbol.dispose]: () => close(fd) };
  } catch (error) {
    close(fd);
    throw failure(path, error);
  }
}

/** The path itself: opened anew for reading from the descriptor that was found, so that it is that and nothing else. */
function openTop({ found, name }: CopySource): Node {
  const { status } = found;
  const path = byteString(name);
  const bare = { path, name: path, status };
  const kind = kindOf(status);
  if (kind === fileType.DIRECTORY || kind === fileType.REGULAR) {
    const flags = O.RDONLY | O.NONBLOCK | O.NOCTTY | (kind === fileType.DIRECTORY ? O.DIRECTORY : 0);
    const fd = openAt(-100, `/proc/self/fd/${found.fd}`, flags);
    if (fd < 0) throw failure(bare.path, systemError("open it", -fd));
    return readable(fd, bare);
  }
  const target = kind === fileType.SYMLINK ? readLinkAt(found.fd, "") : "";
  if (typeof target === "number") throw failure(bare.path, systemError("read the link", -target));
  return { ...bare, target, attributes: [], fd: -1, [Symbol.dispose]: () => {} };
}
