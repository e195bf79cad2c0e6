/** A tree of files as the model sees it: inodes by number, folders that name them. Names are byte strings (latin1), as the kernel has them. */
import {
  copyContent,
  contentKey,
  emptyContent,
  piecesOf,
  putBlock,
  resize,
  type Content,
} from "./content.ts";
import type { Change, Effect } from "./operations.ts";

export type Kind = "file" | "folder" | "symlink" | "char" | "block" | "fifo" | "socket";

export interface Meta {
  /** Permission bits, with set-user-id and the like. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970; undefined when it is whatever the clock said. */
  readonly modified: bigint | undefined;
  readonly attributes: ReadonlyMap<string, string>;
}

export interface Node extends Meta {
  readonly kind: Kind;
  /** Of a symlink. */
  readonly target: string;
  /** Of a device, as makedev(3) has it. */
  readonly device: number;
}

export interface Inode {
  readonly owner: Tree;
  node: Node;
  /** When the time was last set by its owner: writes before that do not change it, in whatever order they come to the disk. */
  stamp: number;
  readonly entries: Map<string, number>;
  readonly content: Content;
}

export const rootInode = 1;

export const plainFolder: Node = {
  kind: "folder",
  mode: 0o700,
  uid: 0,
  gid: 0,
  modified: undefined,
  attributes: new Map(),
  target: "",
  device: 0,
};

const keys = new WeakMap<Inode, string>();

export class Tree {
  readonly #inodes: Map<number, Inode>;

  constructor(inodes: ReadonlyMap<number, Inode> = new Map()) {
    this.#inodes = new Map(inodes);
    if (!this.#inodes.has(rootInode)) this.add(rootInode, plainFolder);
  }

  /** A copy that can be changed without changing this one; inodes are copied when they are written to. */
  copy(): Tree {
    return new Tree(this.#inodes);
  }

  get(inode: number): Inode {
    const found = this.#inodes.get(inode);
    if (!found) throw new Error(`cannot find inode ${inode} in the model`);
    return found;
  }

  add(inode: number, node: Node, content: Content = emptyContent()): void {
    this.#inodes.set(inode, { owner: this, node, stamp: -1, entries: new Map(), content });
  }

  change(inode: number): Inode {
    const found = this.get(inode);
    if (found.owner === this) {
      keys.delete(found);
      return found;
    }
    const { node, stamp, entries, content } = found;
    const own = { owner: this, node, stamp, entries: new Map(entries), content: copyContent(content) };
    this.#inodes.set(inode, own);
    return own;
  }

  /** Does one elementary change, the `order`-th of all that the program made. */
  apply(change: Change, order: number): void {
    const inode = this.change(change.inode);
    switch (change.kind) {
      case "entry":
        if (change.to === undefined) inode.entries.delete(change.name);
        else inode.entries.set(change.name, change.to);
        touch(inode, order);
        break;
      case "meta":
        inode.node = { ...inode.node, ...change.set };
        if ("modified" in change.set) inode.stamp = Math.max(inode.stamp, order);
        break;
      case "attribute": {
        const attributes = new Map(inode.node.attributes);
        if (change.value === undefined) attributes.delete(change.name);
        else attributes.set(change.name, change.value);
        inode.node = { ...inode.node, attributes };
        break;
      }
      case "size":
        resize(inode.content, change.size);
        touch(inode, order);
        break;
      case "data":
        for (const [number, at, bytes] of piecesOf(change.offset, change.bytes))
          putBlock(inode.content, number, at, bytes);
        inode.content.size = Math.max(inode.content.size, change.offset + change.bytes.length);
        touch(inode, order);
        break;
    }
  }

  applyAll(effect: Effect, order: number): void {
    for (const [inode, node] of effect.born) this.add(inode, node);
    for (const change of effect.changes) this.apply(change, order);
  }

  /** Every path below the root with its inode, folders before what is in them. */
  *walk(inode = rootInode, path = ""): Generator<[path: string, inode: number]> {
    yield [path, inode];
    const { entries } = this.get(inode);
    for (const name of [...entries.keys()].sort())
      yield* this.walk(entries.get(name) as number, path === "" ? name : `${path}/${name}`);
  }

  /** Equal keys, equal trees. */
  key(): string {
    const hasher = new Bun.CryptoHasher("sha256");
    const seen = new Map<number, number>();
    for (const [path, inode] of this.walk()) {
      const first = seen.get(inode) ?? seen.size;
      seen.set(inode, first);
      hasher.update(`${path}\0${first}\0${inodeKey(this.get(inode))}\n`);
    }
    return hasher.digest("hex");
  }
}

/** The clock gives it a time that nobody knows, unless its owner has set one since. */
export function touch(inode: Inode, order: number): void {
  if (order > inode.stamp) inode.node = { ...inode.node, modified: undefined };
}

/** Equal keys, equal extended attributes. */
export function attributesKey({ attributes }: Pick<Meta, "attributes">): string {
  const names = [...attributes.keys()].toSorted();
  return JSON.stringify(names.map((name) => [name, attributes.get(name)]));
}

function inodeKey(inode: Inode): string {
  const known = keys.get(inode);
  if (known !== undefined) return known;
  const { kind, mode, uid, gid, modified, target, device } = inode.node;
  const content = contentKey(inode.content);
  const key = [kind, mode, uid, gid, modified, target, device, attributesKey(inode.node), content].join(" ");
  keys.set(inode, key);
  return key;
}
