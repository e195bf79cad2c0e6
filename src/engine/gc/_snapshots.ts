/** The directories of snapshots whose rows are gone. The snapshotter at work removes its own; what another one left before it was exchanged is removed here. */
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { countTree } from "../disk/count.ts";
import type { Snapshotter } from "../snapshots/snapshotter.ts";
import { foundBefore } from "../store/found.ts";
import type { Store } from "../store/store.ts";
import { isMounted, removeTree } from "./_left-overs.ts";
import type { MarkedSnapshot } from "./mark.ts";
import type { Swept } from "./_sweep.ts";

interface Folder {
  readonly path: string;
  readonly id: number;
  readonly driver: string;
}

export async function sweepSnapshots(
  store: Store,
  snapshots: Pick<Snapshotter, "name" | "cleanup">,
  marked: readonly MarkedSnapshot[],
): Promise<Swept> {
  const folders = orphans(store);
  const known = new Map(marked.map((snapshot) => [snapshot.id, snapshot]));
  const sizes = new Map<string, number>();
  for (const { path, id } of folders) sizes.set(path, await sizeOf(path, known.get(id)?.bytes ?? 0));
  const removed = new Set(await snapshots.cleanup());
  const mine = folders.filter(({ driver, path }) => driver === snapshots.name && removed.has(basename(path)));
  const others = folders.filter(({ driver, path }) => driver !== snapshots.name && !isMounted(path));
  for (const { path } of others) await removeTree(path);
  const gone = [...mine, ...others];
  return {
    names: gone.map(({ id, path }) => `snapshot ${known.get(id)?.key ?? basename(path)}`),
    bytes: gone.reduce((sum, { path }) => sum + (sizes.get(path) ?? 0), 0),
  };
}

/** The files of a committed snapshot were counted when it was made. */
async function sizeOf(path: string, counted: number): Promise<number> {
  return counted + (await countTree(path, new Set(), (below) => counted > 0 && below === `${path}/fs`));
}

/** Folders first, then rows: a row is there before its folder, and its number never comes again. */
export function orphans(store: Store): Folder[] {
  const base = `${store.root}/snapshots`;
  const folders = foldersIn(base).flatMap((driver) =>
    foldersIn(`${base}/${driver}`)
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ path: `${base}/${driver}/${name}`, id: Number(name), driver })),
  );
  const rows = store.transaction(() => store.db.query<{ id: number }, []>("SELECT id FROM snapshots").all());
  const ids = new Set(rows.map(({ id }) => id));
  const before = foundBefore(store);
  return folders.filter(({ id }) => !ids.has(id) && !before.snapshot(id));
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
