/**
 * What stood in a data root before its database did: the database was lost, or moved away since it was damaged. Layers can be had again; what containers wrote
 * cannot, and nothing tells the two apart. So no collection takes any of it of itself, until a person has asked for it (CollectOptions.found).
 */
import type { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "./store.ts";

const key = "found";
/** Higher ones are no numbers that were ever given. */
const highest = 2 ** 48;

interface Found {
  /** No snapshot of today has this number or a lower one. */
  readonly snapshots: number;
  /** Names of their folders. */
  readonly containers: readonly string[];
}

/** Runs in the transaction that makes the tables. New snapshots get numbers above those that are there. */
export function noteFound(db: Database, root: string): void {
  const base = join(root, "snapshots");
  const numbers = namesIn(base)
    .flatMap((driver) => namesIn(join(base, driver)))
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((number) => number < highest);
  const found: Found = {
    snapshots: numbers.reduce((a, b) => Math.max(a, b), 0),
    containers: namesIn(join(root, "containers")),
  };
  if (found.snapshots === 0 && found.containers.length === 0) return;
  db.query("INSERT INTO meta (key, value) VALUES (?, ?)").run(key, JSON.stringify(found));
  db.query("INSERT INTO sqlite_sequence (name, seq) VALUES ('snapshots', ?)").run(found.snapshots);
}

export interface FoundBefore {
  readonly snapshot: (id: number) => boolean;
  readonly container: (id: string) => boolean;
}

export function foundBefore({ db }: Pick<Store, "db">): FoundBefore {
  const row = db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key);
  if (!row) return { snapshot: () => false, container: () => false };
  const { snapshots, containers } = JSON.parse(row.value) as Found;
  const names = new Set(containers);
  return { snapshot: (id) => id <= snapshots, container: (id) => names.has(id) };
}

/** From now on it is garbage as all else that has no row. */
export function forgetFound(store: Pick<Store, "db" | "transaction">): void {
  store.transaction(() => store.db.query("DELETE FROM meta WHERE key = ?").run(key));
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
