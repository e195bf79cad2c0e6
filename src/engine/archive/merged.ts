/**
 * Several layers as the one tree that overlayfs would show, without mounting it (Linux, filesystems/overlayfs.rst): the topmost layer that has a name decides,
 * folders are merged down to an opaque one, whiteouts hide what is below. A part of a tree that no other layer touches is read once.
 */
import { type, type ByteString } from "../../kernel/fs.ts";
import { isFile, isFolder, kindOf, namesIn, openNode, openRoot, type Node } from "./node.ts";
import { TarWriter, type Owners, type Pieces } from "./writer.ts";

export interface Merged extends Disposable {
  /** What is seen. */
  readonly node: Node;
  /** Of a folder: its parts, topmost first, `node` among them. */
  readonly parts: readonly Node[];
}

/** Of overlayfs's own attributes. */
export function overlayValue(node: Node, key: string): string | undefined {
  const found = node.attributes.find(
    ({ name }) => name === `trusted.overlay.${key}` || name === `user.overlay.${key}`,
  );
  return found && Buffer.from(found.value).toString("latin1");
}

/** A character device 0:0, or since Linux 6.7 an empty file with an attribute. */
export function isWhiteout(node: Node): boolean {
  const { status } = node;
  if (kindOf(status) === type.CHARACTER) return status.major === 0 && status.minor === 0;
  return isFile(node) && status.size === 0 && overlayValue(node, "whiteout") !== undefined;
}

/** Folders of layers, topmost first. */
export function openMerged(folders: readonly string[]): Merged {
  using stack = new DisposableStack();
  const parts = folders.map((path) => stack.use(openRoot(path)));
  return merged(parts, stack.move());
}

function merged(parts: readonly Node[], opened: DisposableStack): Merged {
  const [node] = parts;
  if (!node) throw new RangeError("a tree has at least one layer");
  return { node, parts, [Symbol.dispose]: () => opened.dispose() };
}

/** Names in the order of their bytes, hidden ones too. */
export function namesOf(folder: Merged): ByteString[] {
  const [only, ...more] = folder.parts;
  if (only && more.length === 0) return [...namesIn(only)];
  return [...new Set(folder.parts.flatMap((part) => namesIn(part)))].toSorted();
}

/** What is seen of that name; undefined when nothing is, or when it vanished. */
export function openChild(folder: Merged, name: ByteString): Merged | undefined {
  using stack = new DisposableStack();
  const parts: Node[] = [];
  for (const part of folder.parts) {
    const node = openNode(part, name);
    if (!node) continue;
    stack.use(node);
    if (isWhiteout(node)) break;
    if (!isFolder(node)) {
      if (parts.length === 0) parts.push(node);
      break;
    }
    parts.push(node);
    if (overlayValue(node, "opaque") === "y") break;
  }
  return parts.length === 0 ? undefined : merged(parts, stack.move());
}

/** A folder before what is in it, the root first. */
export function* walkMerged(folder: Merged): Generator<Node> {
  yield folder.node;
  for (const name of namesOf(folder)) {
    using child = openChild(folder, name);
    if (!child) continue;
    if (isFolder(child.node)) yield* walkMerged(child);
    else yield child.node;
  }
}

/** The merged tree as an archive. */
export function* archiveMerged(folders: readonly string[], owners?: Owners): Pieces {
  const writer = new TarWriter(owners);
  using top = openMerged(folders);
  for (const node of walkMerged(top)) yield* writer.node(node);
  yield* writer.end();
}
