/**
 * Holds the data root against its rows: what is damaged, what is garbage, what is nobody's. Nothing changes without `repair`, but for the rows of blobs that a
 * deep check found damaged: those say so from then on.
 *
 * Repair brings what is damaged from where it came, blobs first, since layers are unpacked from them. What cannot be brought is named with the reason and the
 * command that heals it.
 */
import type { Snapshotter, SnapshotInfo } from "../snapshots/snapshotter.ts";
import { SampanError } from "../../base/errors.ts";
import type { Problem } from "../../spec/docker/images.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { Engine } from "../engine.ts";
import { checkBlobs, checkImages } from "./_check-blobs.ts";
import { checkDatabase } from "./_check-database.ts";
import { checkFolders } from "./_check-folders.ts";
import { checkLeavings } from "./_check-leavings.ts";
import { checkSnapshots } from "./_check-snapshots.ts";

export interface CheckOptions {
  readonly repair: boolean;
  /** Reads every byte of content, and of snapshots where `compareSnapshot` is given. */
  readonly deep: boolean;
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
  /** What differs between an unpacked layer and its archive; undefined when nothing does. Asked for committed snapshots in a deep check. */
  readonly compareSnapshot?: (snapshot: SnapshotInfo) => Promise<string | undefined>;
  /** For a repair: brings a blob that is damaged or missing from where it came. Fails with the reason. */
  readonly fetchBlob?: (digest: Digest) => Promise<void>;
  /** For a repair: unpacks a committed snapshot anew. Fails with the reason, as long as a container runs on it. */
  readonly renewSnapshot?: (snapshot: SnapshotInfo) => Promise<void>;
}

export type Checked = Pick<Engine, "store" | "settings" | "content" | "leases" | "gc"> & {
  readonly snapshots: Pick<Snapshotter, "list">;
};

/** One part of a check. */
export interface Check {
  readonly engine: Checked;
  readonly options: CheckOptions;
  readonly report: (problem: Omit<Problem, "repaired"> & { repaired?: boolean }) => void;
  readonly step: (text: string) => void;
}

export async function check(engine: Checked, options: CheckOptions): Promise<Problem[]> {
  const problems: Problem[] = [];
  const part: Check = {
    engine,
    options,
    report: (problem) => problems.push({ repaired: false, ...problem }),
    step: (text) => {
      if (options.signal?.aborted)
        throw new SampanError("cancelled", "cannot check the store: it was cancelled");
      options.onProgress?.(text);
    },
  };
  part.step("database");
  // Without a sound database nothing else that is said would be true, and a repair would take what it does not see.
  if (!checkDatabase(part)) return problems;
  part.step("folders");
  checkFolders(part);
  await checkBlobs(part);
  part.step("images");
  await checkImages(part);
  await checkSnapshots(part);
  part.step("garbage");
  await checkLeavings(part);
  return problems;
}
