/** Twins on this node's disk: what a device is and what its twin holds, with what the cloud is owed of it. SQLite, one transaction for a batch of updates, each of them whole or not at all. */
import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import type { Twin } from "../../link/kinds/twin.ts";

export const databaseName = "twins.db";

/** What is known of a device besides its values. */
export interface DeviceFacts {
  /** Of the Device object; undefined while only a membership named it. */
  readonly uid?: string;
  readonly description?: string;
  readonly state?: string;
  /** Milliseconds since 1970. */
  readonly lastOnline?: number;
  /** The cloud is owed the state. */
  readonly owesState?: boolean;
  /** It publishes by topics of the old form, `$hw/events/device/<name>/…`. */
  readonly short?: boolean;
}

export interface PropertyRow {
  readonly twin: Twin;
  /** What the Device object wanted last. */
  readonly wish?: string;
  /** Bits of `owed`. */
  readonly owes: number;
}

export interface DeviceRows {
  readonly facts: DeviceFacts;
  readonly properties: ReadonlyMap<string, PropertyRow>;
}

const migrations: readonly string[] = [
  `CREATE TABLE devices (id TEXT PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE properties (
     device TEXT NOT NULL, name TEXT NOT NULL,
     twin TEXT NOT NULL, wish TEXT, owes INTEGER NOT NULL,
     PRIMARY KEY (device, name)
   ) WITHOUT ROWID;
   CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
];

interface Row {
  readonly device: string;
  readonly name: string;
  readonly twin: string;
  readonly wish: string | null;
  readonly owes: number;
}

export class TwinStore implements Disposable {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /**
   * A damaged one is put aside, and said: pods do not wait for twins, and what is wanted of devices comes from their objects again.
   * Errors: `failed_precondition` (a newer one), `unavailable` (the disk).
   */
  static open(folder: string, log: (text: string) => void): TwinStore {
    const file = join(folder, databaseName);
    try {
      return TwinStore.#open(folder, file);
    } catch (error) {
      const failure = storeError(error, file);
      if (failure.code !== "data_loss") throw failure;
      log(`twins: ${failure.message}: it is put aside as "${file}.damaged", and values begin anew`);
      renameSync(file, `${file}.damaged`);
      for (const side of ["-wal", "-shm"]) rmSync(file + side, { force: true });
    }
    try {
      return TwinStore.#open(folder, file);
    } catch (error) {
      throw storeError(error, file);
    }
  }

  static #open(folder: string, file: string): TwinStore {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
    // A clean stop leaves no log; after another one each page is looked at.
    const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
    const db = new Database(file, { readwrite: true });
    try {
      migrate(db, file);
      if (log && log.size > 0) check(db, file);
      for (const each of [folder, dirname(folder)]) syncFolder(each);
      return new TwinStore(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  devices(): Map<string, DeviceRows> {
    const found = new Map<string, { facts: DeviceFacts; properties: Map<string, PropertyRow> }>();
    for (const { id, facts } of this.#db
      .query<{ id: string; facts: string }, []>("SELECT id, facts FROM devices")
      .all())
      found.set(id, { facts: JSON.parse(facts) as DeviceFacts, properties: new Map() });
    for (const row of this.#db.query<Row, []>("SELECT device, name, twin, wish, owes FROM properties").all())
      found.get(row.device)?.properties.set(row.name, propertyOf(row));
    return found;
  }

  setting(name: string): string | undefined {
    return this.#db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?").get(name)
      ?.value;
  }

  set(name: string, value: string): void {
    this.#db.query("INSERT OR REPLACE INTO settings VALUES (?, ?)").run(name, value);
  }

  /** All that `change` writes, or nothing. It is on the disk, and not only given to it, when `durable`. */
  transaction(durable: boolean, change: () => void): void {
    this.#db.run(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
    this.#db.query("BEGIN IMMEDIATE").run();
    try {
      change();
      this.#db.query("COMMIT").run();
    } catch (error) {
      if (this.#db.inTransaction) this.#db.run("ROLLBACK");
      throw storeError(error, databaseName);
    }
  }

  putDevice(id: string, facts: DeviceFacts): void {
    this.#db.query("INSERT OR REPLACE INTO devices VALUES (?, ?)").run(id, JSON.stringify(facts));
  }

  putProperty(device: string, name: string, { twin, wish, owes }: PropertyRow): void {
    this.#db
      .query("INSERT OR REPLACE INTO properties VALUES (?, ?, ?, ?, ?)")
      .run(device, name, JSON.stringify(twin), wish ?? null, owes);
  }

  removeDevice(id: string): void {
    this.#db.query("DELETE FROM devices WHERE id = ?").run(id);
    this.#db.query("DELETE FROM properties WHERE device = ?").run(id);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function propertyOf({ twin, wish, owes }: Row): PropertyRow {
  return { twin: JSON.parse(twin) as Twin, ...(wish === null ? {} : { wish }), owes };
}

function migrate(db: Database, file: string): void {
  db.run("PRAGMA busy_timeout = 1000");
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run(`PRAGMA journal_size_limit = ${4 << 20}`);
  const { user_version: version = 0 } =
    db.query<{ user_version: number }, []>("PRAGMA user_version").get() ?? {};
  if (version > migrations.length)
    throw new SampanError("failed_precondition", `cannot open "${file}": a newer Sampan wrote it`);
  for (const [index, step] of migrations.entries())
    if (index >= version)
      db.transaction(() => {
        db.run(step);
        db.run(`PRAGMA user_version = ${index + 1}`);
      })();
}

function check(db: Database, file: string): void {
  const found = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (found !== "ok") throw new SampanError("data_loss", `"${file}" is damaged: ${found}`);
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function storeError(error: unknown, file: string): SampanError {
  if (error instanceof SampanError) return error;
  const { code = "" } = error as { readonly code?: string };
  const kind = /CORRUPT|NOTADB/.test(code)
    ? "data_loss"
    : /FULL/.test(code)
      ? "resource_exhausted"
      : "unavailable";
  return new SampanError(kind, `cannot use "${file}": ${SampanError.from(error).message}`, { cause: error });
}
