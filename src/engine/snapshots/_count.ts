import { lstatSync, opendirSync } from "node:fs";
import type { Usage } from "./snapshotter.ts";

/** After so many entries the caller's thread gets its turn. */
const turn = 512;

/**
 * Allocated bytes and inodes of a tree: a file with several names once, and nothing that is mounted in it. Names that go meanwhile are passed over,
 * and what is not there has nothing.
 */
export async function countTree(root: string): Promise<Usage> {
  const seen = new Set<bigint>();
  const device = lstatSync(root, { throwIfNoEntry: false })?.dev;
  let [bytes, inodes, steps] = [0, 0, 0];
  const pending = [root];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (++steps % turn === 0) await new Promise(setImmediate);
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat || Number(stat.dev) !== device) continue;
    if (stat.nlink > 1n && !stat.isDirectory()) {
      if (seen.has(stat.ino)) continue;
      seen.add(stat.ino);
    }
    bytes += Number(stat.blocks) * 512;
    inodes++;
    if (stat.isDirectory()) pending.push(...namesIn(path).map((name) => `${path}/${name}`));
  }
  return { bytes, inodes };
}

function namesIn(path: string): string[] {
  using folder = opendirSync(path);
  const names: string[] = [];
  for (let entry = folder.readSync(); entry; entry = folder.readSync()) names.push(entry.name);
  return names;
}
