/**
 * The contract of garbage collection: mark and sweep. Roots are image names and image records, containers, and live leases; edges are content's links
 * (manifest → config, layers), an image's chain of snapshots, and a snapshot's parent. What no root reaches is removed: rows in one transaction, then files,
 * re-checked under the database's write lock so that nothing a pull has begun meanwhile is taken. A crash in between leaves files without
 * rows, which the next collection takes.
 *
 * A lease protects what is not yet reachable. It belongs to a process (pid, start time, boot id): when that is gone, the lease is too, at once.
 */
import type { Digest } from "../../spec/image/digest.ts";

export const leasedKinds = ["blob", "snapshot", "ingest"] as const;
export type LeasedKind = (typeof leasedKinds)[number];

export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Protects from now on, whether the thing exists yet or not. Synchronous and durable before anything that it protects is made. */
  add(kind: LeasedKind, key: Digest | string): void;
  /** Idempotent. Also done by disposing. */
  release(): void;
}

export interface Leases {
  /** `purpose` is shown by `system df -v`: `pull docker.io/library/alpine:latest`. */
  acquire(purpose: string): Lease;
  list(): readonly { id: string; purpose: string; pid: number; alive: boolean; created: Date }[];
}

export interface Collected {
  readonly blobs: number;
  readonly snapshots: number;
  readonly ingests: number;
  /** Bytes given back to the file system, as blocks that were allocated. */
  readonly bytes: number;
  readonly removed: readonly string[];
}

export interface CollectOptions {
  /** Partial downloads that nobody writes or leases: `old` (the default) are those of more than a day ago. */
  readonly ingests?: "old" | "all";
  /** Snapshots and containers that stood in the root before its database was made (store/found.ts), perhaps with what containers wrote: `keep` by default. */
  readonly found?: "keep" | "take";
}

export interface GarbageCollector {
  /** One whole collection. Several at once are safe; of several in one process the later ones join the first. */
  collect(signal?: AbortSignal, options?: CollectOptions): Promise<Collected>;
}
