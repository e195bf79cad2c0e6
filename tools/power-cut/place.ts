/** From a folder on disk to a tree of the model, and back. */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { getXattr, listXattrs, makeNode, setTimes, setXattr } from "../../src/kernel/metadata.ts";
import { blockSize, sameContent, type Content } from "./content.ts";
import { attributesKey, rootInode, Tree, type Kind, type Node } from "./tree.ts";

const types: readonly (readonly [mode: number, kind: Kind])[] = [
  [0o100000, "file"],
  [0o040000, "folder"],
  [0o120000, "symlink"],
  [0o020000, "char"],
  [0o060000, "block"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
];

/** Names are bytes; most are UTF-8, and what takes only text gets them so. */
const bytesOf = (path: string) => Buffer.from(path, "latin1");
const textOf = (path: string) => bytesOf(path).toString("utf8");
const isText = (path: string) => Buffer.from(textOf(path), "utf8").equals(bytesOf(path));
const latin1 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

/** Reads a folder. The bytes of its files stay where they are: it must not change as long as the tree is used. */
export function readTree(folder: string): Tree {
  const tree = new Tree();
  const known = new Map<string, number>();
  let next = rootInode;
  const read = (path: string, parent: number | undefined, name: string): void => {
    const stat = lstatSync(bytesOf(path), { bigint: true });
    const key = `${stat.dev}:${stat.ino}`;
    const seen = known.get(key);
    const inode = seen ?? next++;
    if (seen === undefined) {
      known.set(key, inode);
      const node = nodeOf(path, stat);
      tree.add(inode, node, node.kind === "file" ? contentOf(path, Number(stat.size)) : undefined);
    }
    if (parent !== undefined) tree.change(parent).entries.set(name, inode);
    if (seen !== undefined || tree.get(inode).node.kind !== "folder") return;
    for (const entry of readdirSync(bytesOf(path), { encoding: "buffer" })) {
      const entryName = entry.toString("latin1");
      read(`${path}/${entryName}`, inode, entryName);
    }
  };
  read(latin1(folder), undefined, "");
  return tree;
}

function contentOf(path: string, size: number): Content {
  return { size, base: textOf(path), baseSize: size, blocks: new Map() };
}

function nodeOf(path: string, stat: ReturnType<typeof lstatSync> & { mode: bigint }): Node {
  const { mode, uid, gid, rdev, mtimeNs } = stat as unknown as Record<string, bigint>;
  const kind = types.find(([type]) => type === (Number(mode) & 0o170000))?.[1] ?? "file";
  const names = isText(path) ? listXattrs(textOf(path)) : [];
  const attributes = names.map((name): [string, string] => [
    name,
    Buffer.from(getXattr(textOf(path), name) ?? []).toString("latin1"),
  ]);
  return {
    kind,
    mode: Number(mode) & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    modified: mtimeNs,
    attributes: new Map(attributes),
    target: kind === "symlink" ? readlinkSync(bytesOf(path), { encoding: "buffer" }).toString("latin1") : "",
    device: kind === "char" || kind === "block" ? Number(rdev) : 0,
  };
}

/** Writes a tree into a folder that is not there yet. */
export function placeTree(tree: Tree, folder: string): void {
  const placed = new Map<number, string>();
  const folders: [string, Node][] = [];
  for (const [path, inode] of tree.walk()) {
    const { node, content } = tree.get(inode);
    const full = path === "" ? latin1(folder) : `${latin1(folder)}/${path}`;
    const first = placed.get(inode);
    if (first !== undefined) {
      linkSync(bytesOf(first), bytesOf(full));
      continue;
    }
    placed.set(inode, full);
    make(full, node, content);
    dress(full, node);
    if (node.kind === "folder") folders.push([full, node]);
  }
  // What was put into a folder has changed its time.
  for (const [full, node] of folders.reverse()) time(full, node);
}

function make(full: string, node: Node, content: Content): void {
  if (node.kind === "folder") mkdirSync(bytesOf(full), { mode: 0o700 });
  else if (node.kind === "symlink") symlinkSync(bytesOf(node.target), bytesOf(full));
  else if (node.kind === "file") placeContent(full, content);
  else makeNode(textOf(full), typeOf(node.kind) | 0o600, BigInt(node.device));
}

function typeOf(kind: Kind): number {
  return types.find(([, name]) => name === kind)?.[0] ?? 0;
}

function placeContent(full: string, content: Content): void {
  const { base, baseSize, size, blocks } = content;
  if (base !== undefined && baseSize > 0) copyFileSync(base, bytesOf(full), constants.COPYFILE_FICLONE);
  const fd = openSync(bytesOf(full), base !== undefined && baseSize > 0 ? "r+" : "w", 0o600);
  try {
    if (base !== undefined) ftruncateSync(fd, Math.min(baseSize, size));
    for (const [number, block] of blocks) {
      const at = number * blockSize;
      if (at < size) writeSync(fd, block, 0, Math.min(blockSize, size - at), at);
    }
    ftruncateSync(fd, size);
  } finally {
    closeSync(fd);
  }
}

/** Owner first, then mode and attributes: giving a file away takes set-user-id and capabilities from it. */
function dress(full: string, node: Node): void {
  lchownSync(bytesOf(full), node.uid, node.gid);
  if (node.kind !== "symlink") chmodSync(bytesOf(full), node.mode);
  for (const [name, value] of node.attributes) setXattr(textOf(full), name, Buffer.from(value, "latin1"));
  if (node.kind !== "folder") time(full, node);
}

function time(full: string, { modified }: Node): void {
  if (modified === undefined) return;
  if (isText(full)) setTimes(textOf(full), modified, modified);
  else lutimesSync(bytesOf(full), Number(modified) / 1e9, Number(modified) / 1e9);
}

/** How two trees differ, a line for each path; times only where both are known, and of SQLite's `-shm` neither time nor content. */
export function differences(a: Tree, b: Tree): string[] {
  const left = new Map(a.walk());
  const right = new Map(b.walk());
  return [...new Set([...left.keys(), ...right.keys()])].sort().flatMap((path) => {
    const [x, y] = [left.get(path), right.get(path)];
    if (x === undefined || y === undefined)
      return [`"${path}" is only in the ${x === undefined ? "second" : "first"}`];
    const what = nodeDifference(a, x, b, y, path.endsWith("-shm"));
    return what.length > 0 ? [`"${path}" differs: ${what.join(", ")}`] : [];
  });
}

function nodeDifference(a: Tree, x: number, b: Tree, y: number, volatile: boolean): string[] {
  const [left, right] = [a.get(x), b.get(y)];
  const fields = (["kind", "mode", "uid", "gid", "target", "device"] as const).filter(
    (field) => left.node[field] !== right.node[field],
  );
  const words = fields.map((field) => `${field} ${left.node[field]} and ${right.node[field]}`);
  const times = [left.node.modified, right.node.modified];
  if (!volatile && !times.includes(undefined) && times[0] !== times[1])
    words.push(`time ${times[0]} and ${times[1]}`);
  const attributes = [left, right].map(({ node }) => attributesKey(node));
  if (attributes[0] !== attributes[1]) words.push(`attributes ${attributes[0]} and ${attributes[1]}`);
  if (!volatile && !sameContent(left.content, right.content))
    words.push(`content of ${left.content.size} and ${right.content.size} bytes`);
  return words;
}
