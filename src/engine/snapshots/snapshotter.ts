/**
 * The contract of snapshots: the layers of images, unpacked, and the writable layers of containers. Names and states are the field's:
 *
 *     prepare(key, parent) → active ──commit(key → name)──► committed        view(key, parent) → view (read-only)
 *
 * A committed snapshot never changes; its name is its chain id. Only committed ones can be parents. An active one has one user. Removing one that has
 * children is refused (`failed_precondition`). Every directory has its row before it exists, so `system df` can always name it.
 *
 * Rows change synchronously (they compose into transactions of Store); directories are made and removed asynchronously where that can take long.
 */
import type { ByteString } from "../../kernel/fs.ts";
import type { Digest } from "../../spec/image/digest.ts";

export type SnapshotKind = "active" | "view" | "committed";

export interface SnapshotInfo {
  /** A chain id when committed, else whatever its user named it (a container's id, `unpack-<chain id>`). */
  readonly key: string;
  readonly kind: SnapshotKind;
  readonly parent: string | undefined;
  readonly created: Date;
  /** Of this layer alone. Bytes are allocated blocks; 0 until they were counted. */
  readonly usage: Usage;
}

export interface Usage {
  readonly bytes: number;
  readonly inodes: number;
}

/** As mount(8) says it; `target` is "" for the root. */
export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

/** One range of ids, as in the OCI runtime specification's uidMappings. */
export interface IdRange {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface Remap {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
}

/**
 * Where a layer's archive is to be written. `layer`: an empty directory, whiteouts in the snapshotter's own form, lower layers not needed before
 * `finish`. `tree`: a directory that shows the parent's whole tree; whiteouts remove.
 */
export interface UnpackTarget {
  readonly mode: "layer" | "tree";
  readonly root: string;
}

/** What a layer-mode unpack could not know without the layers below: see Unpacked in engine/unpack/unpack.ts. Paths are byte strings (kernel/fs.ts). */
export interface Unsettled {
  /** Directories that had no entry of their own, relative to the root, parents first. */
  readonly implicitDirs: readonly ByteString[];
  /** Hard links whose target is not in this layer. */
  readonly links: readonly { readonly path: ByteString; readonly target: ByteString }[];
}

export interface PrepareOptions {
  readonly remap?: Remap;
  /** False: a power cut may take all or some of it, and whoever wanted it makes another. */
  readonly durable?: boolean;
}

export interface Snapshotter {
  readonly name: "overlayfs" | "copy";
  /** Layers must be unpacked one after the other, lowest first: each begins with the tree of the one below (settled, but not yet committed). */
  readonly sequential: boolean;
  /** Errors: `already_exists` for a key in use, `not_found` for a parent that is not committed. */
  prepare(key: string, parent: string | undefined, options?: PrepareOptions): Promise<readonly Mount[]>;
  /**
   * As prepare, without remap and not durable, in a transaction of the caller's, with which it comes or goes; what is left of one that was taken back is a directory without a row.
   * False where it takes too long for that: nothing is made then.
   */
  prepareNow(key: string, parent: string | undefined): boolean;
  view(key: string, parent: string | undefined): Promise<readonly Mount[]>;
  /** Of an active snapshot or a view; the same as prepare and view gave. */
  mounts(key: string): readonly Mount[];
  /**
   * The writable directory of an active snapshot (overlayfs: its upper; copy: its whole tree), for diffs and disk accounting. A layer that was being
   * unpacked (`unpack-<chain id>`) when its process was killed may have lost it: it is a left-over.
   */
  directory(key: string): string;
  /**
   * Begins the unpacking of one layer as an active snapshot `unpack-<chain id>`. With overlayfs the parent need not be there yet: layers unpack side by side.
   * A left-over of an earlier try under the same key is removed first. While another pull unpacks the same layer (a lock that its process holds until
   * commitLayers or remove), this waits; `present`: it is committed, perhaps by that other one. So that two pulls never wait for each other, a pull
   * begins its layers lowest first, one call after the other. Errors: `cancelled` when the signal fires while waiting.
   */
  beginLayer(
    chainId: Digest,
    parent: Digest | undefined,
    signal?: AbortSignal,
  ): Promise<UnpackTarget | "present">;
  /**
   * Settles what was left open, when all layers below are unpacked (they may be active still): implicit directories get the attributes that they have
   * below, links their file (errors: `data_loss` for a link to what is nowhere). `again`: the layer cannot be settled (an implicit directory is a symlink below); begin it anew with the target that is returned.
   */
  settleLayer(chainId: Digest, unsettled: Unsettled): Promise<"settled" | { again: UnpackTarget }>;
  /**
   * The layer that was begun under `from` is another, whose chain id was not known before: its key becomes that one's. While another process unpacks the
   * same layer this waits, as beginLayer does; `present`: that one is committed, and `from` is the caller's to remove. Errors: `cancelled`.
   */
  renameLayer(from: Digest, to: Digest, signal?: AbortSignal): Promise<"renamed" | "present">;
  /** Ends tree-mode access (unmounts what beginLayer or settleLayer mounted). Idempotent. */
  endLayer(chainId: Digest): Promise<void>;
  /**
   * Turns unpacked layers into committed snapshots, lowest first. Rows only, for use inside Content.publish's transaction; precondition: their bytes are
   * durable. A chain id that is committed already is left as it is and the second directory becomes garbage.
   */
  commitLayers(layers: readonly { chainId: Digest; parent: Digest | undefined; usage: Usage }[]): void;
  /** Commits an active snapshot of a container under a name. Rows only; same precondition. */
  commit(key: string, name: string, usage: Usage): void;
  stat(key: string): SnapshotInfo | undefined;
  list(): readonly SnapshotInfo[];
  /** Counts the directory now (allocated blocks, inodes; hard links once). */
  usage(key: string): Promise<Usage>;
  /** Row first, then the directory. Errors: `failed_precondition` with children. Removing what is not there does nothing. */
  remove(key: string): Promise<void>;
  /** The row, in a transaction of the caller's; what it gives removes the directory, which is to be done when the change is durable. What is left undone is a directory without a row. */
  drop(key: string): () => Promise<void>;
  /** Removes directories that have no row (left by a crash between row and directory), but for those that are older than the database. Returns their names. */
  cleanup(): Promise<readonly string[]>;
}
