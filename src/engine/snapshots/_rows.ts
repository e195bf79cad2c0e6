/** The rows of one driver's snapshots. A folder's name is its row's number, which is never given twice. */
import { SampanError } from "../../base/errors.ts";
import { foundBefore } from "../store/found.ts";
import type { Store } from "../store/store.ts";
import type { Remap, SnapshotInfo, SnapshotKind, Usage } from "./snapshotter.ts";

export interface Row {
  readonly id: number;
  readonly key: string;
  readonly kind: SnapshotKind;
  readonly parent: string | null;
  readonly bytes: number;
  readonly inodes: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly remap: string | null;
}

export interface NewRow {
  readonly key: string;
  readonly kind: SnapshotKind;
  readonly parent: string | undefined;
  readonly remap?: Remap | undefined;
}

const columns = "id, key, kind, parent, bytes, inodes, created, remap";

export class Rows {
  readonly #store: Store;
  readonly #driver: string;

  constructor(store: Store, driver: string) {
    this.#store = store;
    this.#driver = driver;
  }

  find(key: string): Row | undefined {
    const found = this.#store.db
      .query<Row, [string, string]>(`SELECT ${columns} FROM snapshots WHERE key = ? AND driver = ?`)
      .get(key, this.#driver);
    return found ?? undefined;
  }

  /** Errors: `not_found`. */
  get(key: string): Row {
    const row = this.find(key);
    if (row) return row;
    throw new SampanError("not_found", `cannot find snapshot "${key}": there is none of that name`);
  }

  all(): readonly Row[] {
    return this.#store.db
      .query<Row, [string]>(`SELECT ${columns} FROM snapshots WHERE driver = ? ORDER BY id`)
      .all(this.#driver);
  }

  /** It has no row for another reason than that nobody wants it. */
  wasBefore(id: number): boolean {
    return foundBefore(this.#store).snapshot(id);
  }

  has(id: number): boolean {
    return this.#store.db.query("SELECT 1 FROM snapshots WHERE id = ?").get(id) !== null;
  }

  /** Gives the number. Errors: `already_exists`. */
  add({ key, kind, parent, remap }: NewRow): number {
    return this.#store.transaction(() => {
      if (this.find(key))
        throw new SampanError("already_exists", `cannot make snapshot "${key}": there is one of that name`);
      const made = this.#store.db
        .query<{ id: number }, [string, string, string | null, string, number, string | null]>(
          "INSERT INTO snapshots (key, kind, parent, driver, bytes, inodes, created, verified_epoch, remap) VALUES (?, ?, ?, ?, 0, 0, ?, 0, ?) RETURNING id",
        )
        .get(key, kind, parent ?? null, this.#driver, Date.now(), remap ? JSON.stringify(remap) : null);
      return (made as { id: number }).id;
    });
  }

  /** Gives a row that was just added a higher number, and none below it to those that come. */
  renumber(from: number, to: number): void {
    this.#store.transaction(() => {
      this.#store.db.query("UPDATE snapshots SET id = ? WHERE id = ?").run(to, from);
      this.#store.db.query("UPDATE sqlite_sequence SET seq = ? WHERE name = 'snapshots'").run(to);
    });
  }

  /** An active snapshot becomes a committed one. */
  commit(row: Row, name: string, usage: Usage): void {
    this.#store.db
      .query(
        "UPDATE snapshots SET key = ?, kind = 'committed', bytes = ?, inodes = ?, verified_epoch = ? WHERE id = ?",
      )
      .run(name, usage.bytes, usage.inodes, this.#store.epoch, row.id);
  }

  /** It holds everything itself from now on. */
  standAlone(row: Row): void {
    this.#store.db.query("UPDATE snapshots SET parent = NULL WHERE id = ?").run(row.id);
  }

  rename(row: Row, key: string): void {
    this.#store.db.query("UPDATE snapshots SET key = ? WHERE id = ?").run(key, row.id);
  }

  delete(row: Row): void {
    this.#store.db.query("DELETE FROM snapshots WHERE id = ?").run(row.id);
  }

  /** Keys of the snapshots that stand on this one. Layers that are being unpacked count: they name their parent before it is committed. */
  childrenOf(key: string): readonly string[] {
    return this.#store.db
      .query<{ key: string }, [string, string]>("SELECT key FROM snapshots WHERE parent = ? AND driver = ?")
      .all(key, this.#driver)
      .map((row) => row.key);
  }

  transaction<Result>(change: () => Result, options?: Parameters<Store["transaction"]>[1]): Result {
    return this.#store.transaction(change, options);
  }
}

export function infoOf(row: Row): SnapshotInfo {
  return {
    key: row.key,
    kind: row.kind,
    parent: row.parent ?? undefined,
    created: new Date(row.created),
    usage: { bytes: row.bytes, inodes: row.inodes },
  };
}
