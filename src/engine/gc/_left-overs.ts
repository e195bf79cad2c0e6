/** What a crash left outside of content and snapshots: files of tmp/, and folders of containers that have no row. */
import { lstatSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { countTree, namesOf } from "../disk/count.ts";
import { fileError } from "../store/errors.ts";
import { foundBefore } from "../store/found.ts";
import type { Store } from "../store/store.ts";
import type { Swept } from "./_sweep.ts";

/** Nothing says who works in tmp/, so what was touched lately is left. Milliseconds. */
const ages = { old: 24 * 3600 * 1000, all: 10 * 60 * 1000 };

export async function sweepLeftOvers(store: Store, which: "old" | "all"): Promise<Swept> {
  const names: string[] = [];
  let bytes = 0;
  for (const name of [...oldFiles(store.root, ages[which]), ...orphans(store)]) {
    const path = `${store.root}/${name}`;
    if (isMounted(path)) continue;
    bytes += await countTree(path);
    await removeTree(path);
    names.push(name);
  }
  return { names, bytes };
}

function oldFiles(root: string, age: number): string[] {
  const touched = (name: string) =>
    lstatSync(`${root}/${name}`, { throwIfNoEntry: false })?.ctimeMs ?? Number.POSITIVE_INFINITY;
  return namesOf(`${root}/tmp`)
    .map((name) => `tmp/${name}`)
    .filter((name) => Date.now() - touched(name) > age);
}

/** A container's folder is made in the transaction of its row: seen before, and without a row under the write lock, it is nobody's. */
function orphans(store: Store): string[] {
  const folders = namesOf(`${store.root}/containers`);
  if (folders.length === 0) return [];
  const rows = store.transaction(() => store.db.query<{ id: string }, []>("SELECT id FROM containers").all());
  const ids = new Set(rows.map(({ id }) => id));
  const before = foundBefore(store);
  return folders.filter((id) => !ids.has(id) && !before.container(id)).map((id) => `containers/${id}`);
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
