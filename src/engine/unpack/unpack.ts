/**
 * The contract of unpacking: one layer's archive, from a file that may still be growing, into a directory. It is done in helper processes (one per core,
 * ended when idle), so that nothing that an archive holds can block or crash the caller, and so that layers use all cores.
 *
 * Exact: owners, modes, times to the nanosecond, xattrs, hard links, device nodes, sparse files, whiteouts (image-spec layer.md), PAX and GNU headers. Nothing is
 * written outside of the root: every folder is opened by openat2(2) beneath it, symlinks followed step by step as a container sees them ("/" is the root), and
 * every entry made relative to its open folder by one name that is not followed. Attributes of overlayfs itself (trusted.overlay.*, user.overlay.*) are dropped.
 */
import type { Digest } from "../../spec/image/digest.ts";
import type { Compression } from "../../spec/image/types.ts";
import type { Unsettled, UnpackTarget, Usage } from "../snapshots/snapshotter.ts";

export interface UnpackLimits {
  /** Bytes of the archive after decompression. */
  readonly bytes: number;
  readonly entries: number;
}

export interface UnpackRequest {
  /** The compressed file. */
  readonly path: string;
  readonly compression: Compression;
  /** What the archive must hash to when decompressed; undefined for one that is just being made. */
  readonly diffId: Digest | undefined;
  readonly target: UnpackTarget;
  readonly limits: UnpackLimits;
}

export interface Unpacked extends Unsettled {
  readonly usage: Usage;
  /** What the archive hashes to when decompressed; by sha256 when nothing was promised. */
  readonly diffId: Digest;
  /** Bytes of the decompressed archive. */
  readonly bytes: number;
  readonly entries: number;
}

export interface UnpackJob {
  /** The file has grown to `size` bytes. */
  available(size: number): void;
  /**
   * The file begins anew from 0: so does the job, its target emptied when the promise resolves. To be called before the file's bytes are replaced, which may
   * happen then. Tree mode cannot begin anew: `aborted`. Once `done` is settled this rejects as it does.
   */
  restart(): Promise<void>;
  /** No more will come. */
  end(): void;
  /**
   * Errors: `data_loss` (diff id differs, archive damaged or cut), `invalid_argument` (a path that leaves the root, an entry that cannot be), `resource_exhausted`
   * (over a limit, disk full). The target then holds a part of the layer and is the caller's to remove.
   */
  readonly done: Promise<Unpacked>;
}

export interface Unpacker extends AsyncDisposable {
  /** What helper processes are started with: a program and its arguments. Further words choose another task than unpacking (containers/copy-task.ts, look-worker.ts). */
  readonly command?: readonly string[];
  /** Waits for a free helper process when all are busy. The signal ends the job's process. */
  start(request: UnpackRequest, signal?: AbortSignal): Promise<UnpackJob>;
  /** syncfs(2) of the file system of `path`, in a helper process: Durability of engine/store. */
  sync(path: string): Promise<void>;
  /** Removes a directory tree, in a helper process unless it is small; never crosses a mount, never follows a symlink. */
  removeTree(path: string): Promise<void>;
}
