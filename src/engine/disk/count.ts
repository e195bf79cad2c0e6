/** Allocated bytes below a path: each file once, whatever its names. */
import { readdirSync } from "node:fs";
import { errnoOf } from "../../kernel/errno.ts";
import { countTree as countOf } from "../snapshots/count.ts";
import { fileError } from "../store/errors.ts";

/** Files of several names that were counted, so that no other item counts them again: `device:inode`. */
export type Seen = Set<string>;

/**
 * Nothing that is mounted below is counted, and no link is followed. What goes away meanwhile is passed over. `skip` names folders that another
 * item counts.
 */
export async function countTree(
  root: string,
  seen: Seen = new Set(),
  skip?: (path: string) => boolean,
): Promise<number> {
  const { bytes } = await countOf(root, { seen, skip });
  return bytes;
}

export function namesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    // Gone meanwhile, or not a folder any more.
    if ([2, 20].includes(errnoOf(error))) return [];
    throw fileError(`list "${path}"`, error);
  }
}
