/** What a crash left outside of content and snapshots: files of tmp/, and folders of containers that have no row. */
import { lstatSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { countTree, namesOf } from "../disk/count.ts";
import { fileError } from "../store/errors.ts";
import type { Store } from "../store/store.ts";
import type { Swept } from "./_sweep.ts";

/** Nothing says who works in tmp/, so what was touched lately is left. Milliseconds. */
const ages = { old: 24 * 3600 * 1000, all: 10 * 60 * 1000 };

export async function sweepLeftOvers(store: Store, which: "old" | "all"): Promise<Swept> {
  const below = (folder: string) => namesOf(`${store.root}/${folder}`).map((name) => ({ folder, name }));
  const candidates = [...below("tmp"), ...below("containers")];
  const has = store.db.query("SELECT 1 FROM containers WHERE id = ?");
  const names: string[] = [];
  let bytes = 0;
  for (const { folder, name } of candidates) {
    const path = `${store.root}/${folder}/${name}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat || Date.now() - stat.ctimeMs < ages[which] || isMounted(path)) continue;
    if (folder === "containers" && has.get(name) !== null) continue;
    bytes += await countTree(path);
    await removeTree(path);
    names.push(`${folder}/${name}`);
  }
  return { names, bytes };
}

/** Follows no link; for trees in which nothing is mounted. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    throw fileError(`remove "${path}"`, error);
  }
}

/** Field 5 of /proc/PID/mountinfo is where something is mounted. */
export function isMounted(path: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => {
      const at = line.split(" ")[4];
      return at === path || at?.startsWith(`${path}/`);
    });
}
