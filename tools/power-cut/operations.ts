/** What a recording is made of: effects of system calls on the tree, syncs, and what the program said. */
import type { Meta, Node } from "./tree.ts";

/** One elementary change of one inode: what a crash can lose by itself. */
export type Change =
  | { readonly kind: "entry"; readonly inode: number; readonly name: string; readonly to: number | undefined }
  | { readonly kind: "meta"; readonly inode: number; readonly set: Partial<Omit<Meta, "attributes">> }
  | {
      readonly kind: "attribute";
      readonly inode: number;
      readonly name: string;
      readonly value: string | undefined;
    }
  | { readonly kind: "size"; readonly inode: number; readonly size: number }
  | { readonly kind: "data"; readonly inode: number; readonly offset: number; readonly bytes: Uint8Array };

export interface Effect {
  readonly kind: "effect";
  /** Inodes that the call made; they have no name before an entry gives them one. */
  readonly born: readonly (readonly [inode: number, node: Node])[];
  /** Of a rename the new name comes first, then the loss of the old one. */
  readonly changes: readonly Change[];
}

/** fsync(2), fdatasync(2) (`data`) of one inode, or syncfs(2) and sync(2) of all (no inode). */
export interface Sync {
  readonly kind: "sync";
  readonly inode: number | undefined;
  readonly dataOnly: boolean;
}

/** Bytes that the program wrote to its standard output: what it has promised to its caller by then. */
export interface Said {
  readonly kind: "said";
  readonly words: string;
}

export type Operation = (Effect | Sync | Said) & {
  /** Positions in the trace of the call's beginning and end: a sync covers what ended before it began. */
  readonly begin: number;
  readonly end: number;
  /** The call for people: `pwrite64 sampan.db-wal 4096+4120`. */
  readonly text: string;
};
