/**
 * What a power cut may leave of a recording. Pure: a recording, a cut and a choice give a tree.
 *
 * Two models, see docs/decisions/010. `posix`: whatever no sync has covered may be there or not, each name, each attribute and each block of 4 KiB by
 * itself; fsync(2) of a file covers its bytes, size and attributes, of a folder the names in it. `ext4`: names and attributes reach the disk in their
 * order, and any fsync that has such a change to write takes all earlier ones along (one journal); bytes do not.
 */
import { blockSize, piecesOf, putBlock, resize } from "./content.ts";
import type { Change, Effect, Operation, Sync } from "./operations.ts";
import { touch, Tree, type Inode } from "./tree.ts";

export type Model = "posix" | "ext4";

/** What is left of the changes that no sync covers. Positions are those of operations in the recording. */
export interface Choice {
  readonly name: string;
  /** Whether the names of this operation are there; in the model ext4 only asked for in a way that gives a beginning. */
  names(operation: number): boolean;
  attributes(operation: number, inode: number): boolean;
  /** Of one block: what operations before this position wrote is there. */
  block(inode: number, block: number): number;
  /** Of the file's length the same. */
  size(inode: number): number;
  /** The operation whose last block got only its first sectors to the disk, if any. */
  readonly torn?: { readonly operation: number; readonly bytes: number };
}

/** Moves through a recording; holds what is sure by now and what is not. */
export class Crash {
  readonly #model: Model;
  readonly #sure: Tree;
  #pending: Pending[] = [];
  #position = 0;

  constructor(tree: Tree, model: Model) {
    this.#model = model;
    this.#sure = tree.copy();
  }

  /** How many operations have been done by now. */
  get position(): number {
    return this.#position;
  }

  /** Positions of the operations that a cut now could lose. */
  get pending(): readonly number[] {
    return this.#pending.map(({ position }) => position);
  }

  /** Does one operation more. */
  advance(operation: Operation): void {
    const position = this.#position++;
    if (operation.kind === "effect") {
      for (const [inode, node] of operation.born) this.#sure.add(inode, node);
      if (operation.changes.length > 0) this.#pending.push({ position, effect: operation });
    } else if (operation.kind === "sync") this.#sync(operation);
  }

  #sync(sync: Sync & Operation): void {
    const all = sync.inode === undefined || (this.#model === "ext4" && this.#commitsJournal(sync));
    const covers = (change: Change): boolean => {
      if (sync.inode === undefined) return true;
      if (change.kind === "data" || change.kind === "size") return change.inode === sync.inode;
      if (all) return true;
      return change.inode === sync.inode && !sync.dataOnly;
    };
    const left: Pending[] = [];
    for (const { position, effect } of this.#pending) {
      if (effect.end > sync.begin) {
        left.push({ position, effect });
        continue;
      }
      // The name that a rename made is sure before the loss of the old one is: the file is never nowhere.
      const sure = effect.changes.filter(covers);
      const changes =
        isMove(effect.changes) && sure.length > 0 && this.#isWhole(effect.changes)
          ? effect.changes
          : firstOfMove(effect.changes, sure);
      for (const change of changes) this.#sure.apply(change, position);
      const rest = effect.changes.filter((change) => !changes.includes(change));
      if (rest.length > 0) left.push({ position, effect: { ...effect, changes: rest } });
    }
    this.#pending = left;
  }

  /** A rename within one folder, an exchange, and on ext4 every rename is one step of the disk. */
  #isWhole([to, from]: readonly Change[]): boolean {
    return (
      this.#model === "ext4" || to?.inode === from?.inode || (from?.kind === "entry" && from.to !== undefined)
    );
  }

  /** fsync writes the journal if it has something of this file to write there: names in it, attributes, its birth or its length. */
  #commitsJournal(sync: Sync & Operation): boolean {
    return this.#pending.some(
      ({ effect }) =>
        effect.end <= sync.begin &&
        effect.changes.some(
          (change) =>
            (change.inode === sync.inode && this.#isJournalled(change, sync.dataOnly)) ||
            (change.kind === "entry" && change.to === sync.inode),
        ),
    );
  }

  #isJournalled(change: Change, dataOnly: boolean): boolean {
    if (change.kind === "data")
      return change.offset + change.bytes.length > this.#sure.get(change.inode).content.size;
    return change.kind === "size" || !dataOnly;
  }

  /** The tree after a cut here. */
  state(choice: Choice): Tree {
    const tree = this.#sure.copy();
    const files = new Map<number, FileChanges>();
    for (const { position, effect } of this.#pending) {
      for (const change of this.#kept(effect.changes, position, choice)) {
        if (change.kind === "entry" || change.kind === "meta" || change.kind === "attribute")
          tree.apply(change, position);
      }
      for (const change of effect.changes) {
        if (change.kind !== "data" && change.kind !== "size") continue;
        const list = files.get(change.inode) ?? { inode: change.inode, changes: [] };
        files.set(change.inode, list);
        list.changes.push({ position, change });
      }
    }
    for (const file of files.values()) this.#writeFile(tree, file, choice);
    return tree;
  }

  #kept(changes: readonly Change[], position: number, choice: Choice): readonly Change[] {
    if (isMove(changes) && this.#isWhole(changes)) return choice.names(position) ? changes : [];
    if (isMove(changes)) {
      const [to, from] = changes as [Change, Change];
      if (!choice.names(position)) return [];
      return choice.attributes(position, from.inode) ? changes : [to];
    }
    return changes.filter((change) =>
      change.kind === "entry"
        ? choice.names(position)
        : change.kind === "data" || change.kind === "size"
          ? true
          : choice.attributes(position, change.inode),
    );
  }

  #writeFile(tree: Tree, { inode, changes }: FileChanges, choice: Choice): void {
    const limit = choice.size(inode);
    const file = tree.change(inode);
    touch(file, changes.at(-1)?.position ?? 0);
    const { content } = file;
    // What the program saw, and what of it is on the disk.
    let seen = content.size;
    let size = seen;
    for (const { position, change } of changes) {
      const known = position < limit;
      if (change.kind === "size" && change.size < seen) {
        // What was written after a truncation that is lost cannot be there without it.
        if (!known) break;
        content.size = seen;
        resize(content, change.size);
        seen = change.size;
        size = Math.min(size, seen);
        continue;
      }
      const end = change.kind === "size" ? change.size : change.offset + change.bytes.length;
      seen = Math.max(seen, end);
      const kept = change.kind === "data" ? writeBlocks(file, { position, change }, choice) : 0;
      // On ext4 a file grows when its blocks are written, not before.
      if (this.#model === "ext4" && change.kind === "data") size = Math.max(size, kept);
      else if (known) size = Math.max(size, end);
    }
    content.size = size;
  }
}

interface Pending {
  readonly position: number;
  readonly effect: Effect & Operation;
}

interface FileChanges {
  readonly inode: number;
  readonly changes: { readonly position: number; readonly change: Change & { kind: "data" | "size" } }[];
}

/** Puts the pieces of a write that are there; gives the end of the last one. */
function writeBlocks(
  file: Inode,
  { position, change }: { position: number; change: Change & { kind: "data" } },
  choice: Choice,
): number {
  let end = 0;
  for (const [number, at, bytes] of piecesOf(change.offset, change.bytes)) {
    const limit = choice.block(change.inode, number);
    if (position >= limit) continue;
    const torn =
      choice.torn?.operation === position &&
      change.offset + change.bytes.length === number * blockSize + at + bytes.length;
    const there = torn ? bytes.subarray(0, sectorsOf(at, choice.torn.bytes, bytes.length)) : bytes;
    if (there.length === 0) continue;
    putBlock(file.content, number, at, there);
    end = number * blockSize + at + there.length;
  }
  return end;
}

/** Only whole sectors of 512 bytes change on a disk. */
function sectorsOf(at: number, bytes: number, length: number): number {
  const end = Math.floor((at + Math.min(bytes, length)) / 512) * 512;
  return Math.max(0, Math.min(length, end - at));
}

function isMove(changes: readonly Change[]): boolean {
  return changes.length === 2 && changes.every(({ kind }) => kind === "entry");
}

function firstOfMove(changes: readonly Change[], sure: readonly Change[]): readonly Change[] {
  if (!isMove(changes) || sure.length === 0) return sure;
  return sure.includes(changes[1] as Change) ? changes : sure;
}
