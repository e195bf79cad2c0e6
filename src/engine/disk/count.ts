/** Allocated bytes below a path: each file once, whatever its names. */
import { lstatSync, readdirSync } from "node:fs";
import { errnoOf } from "../../kernel/errno.ts";
import { fileError } from "../store/errors.ts";

/** After so many entries the caller's thread gets its turn. */
const turn = 2048;

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
  const device = lstatSync(root, { throwIfNoEntry: false })?.dev;
  if (device === undefined) return 0;
  let bytes = 0;
  let steps = 0;
  const pending = [root];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (++steps % turn === 0) await new Promise(setImmediate);
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat || Number(stat.dev) !== device) continue;
    if (stat.nlink > 1n && !stat.isDirectory()) {
      const id = `${stat.dev}:${stat.ino}`;
      if (seen.has(id)) continue;
      seen.add(id);
    }
    bytes += Number(stat.blocks) * 512;
    if (stat.isDirectory())
      for (const name of namesOf(path)) if (!skip?.(`${path}/${name}`)) pending.push(`${path}/${name}`);
  }
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
