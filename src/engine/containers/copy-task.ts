/** What is done inside a container's root for docker cp, by a process of its own (copy-worker.ts): a mount in there that does not answer holds up that process and nobody else. */
import type { Code } from "../../base/errors.ts";
import type { Remap } from "../snapshots/snapshotter.ts";

export interface CopyTask {
  /** `stat`: a PathStat. `read`: the same, and an archive. `write`: an archive is unpacked. */
  readonly verb: "stat" | "read" | "write";
  /** As it was asked for. */
  readonly path: string;
  readonly remap: Remap | undefined;
  /** What the container has mounted by its own wish. */
  readonly mounts: readonly { readonly destination: string; readonly readonly: boolean }[];
  /** Of `write`. */
  readonly into?: {
    readonly keepFolders: boolean;
    readonly readonlyRoot: boolean;
    /** All belongs to this user of the container; left out: as the archive says. */
    readonly user?: string;
  };
}

export interface PathStat {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** st_mode of Linux: the type and the permissions. */
  readonly mode: number;
  /** RFC 3339 with nanoseconds. */
  readonly modified: string;
  /** Of a link: the path inside that it leads to in the end. Else empty. */
  readonly linkTarget: string;
}

/** The process's last words, on its standard error. */
export interface CopyFailure {
  readonly code: Code;
  readonly message: string;
}

/** The word that chooses it among the helpers. */
export const copyWord = "copy";
/** Where it finds the root. */
export const rootDescriptor = 3;
