/**
 * A megabyte of the disk that is kept for the moment when nothing else is left: to remove an image, too, the database must write. The file is made while
 * there is plenty of room, given up by the first opening or transaction on a full disk, and made again by an opening when there is room again.
 */
import { existsSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const reserveName = "reserve";
/** Bytes: of the file, below which the disk counts as full, and from which on the file is made. */
const sizes = { reserve: 1 << 20, full: 512 << 10, plenty: 32 << 20 } as const;

/** Never fails: without the file a full disk is only harder to tidy up. */
export function keepReserve(root: string): void {
  const path = join(root, reserveName);
  try {
    const { bavail, bsize } = statfsSync(root);
    const free = bavail * bsize;
    if (free < sizes.full) rmSync(path, { force: true });
    // Not zeros: some file systems give those no blocks.
    else if (free > sizes.plenty && !existsSync(path))
      writeFileSync(path, new Uint8Array(sizes.reserve).fill(0xff), { mode: 0o600 });
  } catch {
    // A disk that cannot be written, or that another filled in between.
  }
}

/** Before each transaction: a daemon opens once and lives for months. */
export function giveUpReserve(root: string): void {
  try {
    const { bavail, bsize } = statfsSync(root);
    if (bavail * bsize < sizes.full) rmSync(join(root, reserveName), { force: true });
  } catch {
    // The transaction will say what is wrong with the disk.
  }
}
