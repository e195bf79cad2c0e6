/**
 * A database of the edge: SQLite with a write-ahead log, one transaction a change, on the disk when the change returns (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous).
 * Whoever is killed or loses power in the middle finds the state before or the state after.
 */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { databaseError, fileError, isDamage } from "../../../engine/store/errors.ts";

export interface EdgeDatabase extends Disposable {
  readonly db: Database;
  /** It was not there before, or was damaged and is begun anew: what the cloud sent is to be asked for again. */
  readonly fresh: boolean;
  /** All of it or nothing; on the disk when it returns. It must not wait. */
  transaction<T>(change: () => T): T;
}

export interface DatabaseOptions {
  /** Each brings a database from its index to the next version. */
  readonly migrations: readonly string[];
  readonly log: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Milliseconds for another process that is about to end. */
const patience = 5_000;

/**
 * Opens it, and makes it when it is not there. One that is damaged is moved aside and begun anew: an edge that does not start helps nobody, and the cloud has what was in it.
 * Errors: `failed_precondition` (of a newer program), `permission_denied`, `resource_exhausted`.
 */
export function openDatabase(file: string, options: DatabaseOptions): EdgeDatabase {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return existing(file, options);
  } catch (error) {
    if (!isDamage(error) && !(error instanceof Damaged)) throw told(error, file);
  }
  try {
    setAside(file, options);
    return existing(file, options);
  } catch (error) {
    throw told(error, file);
  }
}

class Damaged extends Error {}

function told(error: unknown, file: string): unknown {
  const known = databaseError(error, file);
  return known instanceof SampanError ? known : fileError(`use database "${file}"`, known);
}

function existing(file: string, { migrations }: DatabaseOptions): EdgeDatabase {
  const isNew = !existsSync(file);
  // A log that is left says that nobody closed it.
  const unclean = existsSync(`${file}-wal`);
  // Never opened beside SQLite where it exists: closing it would drop SQLite's locks (fcntl(2)).
  if (isNew) closeSync(openSync(file, "wx", 0o600));
  const db = new Database(file, { readwrite: true });
  try {
    for (const pragma of [
      `busy_timeout = ${patience}`,
      "journal_mode = WAL",
      "synchronous = FULL",
      "secure_delete = ON",
    ])
      db.run(`PRAGMA ${pragma}`);
    if (unclean) check(db);
    // Also one whose making was cut short.
    const fresh = versionOf(db) === 0;
    migrate(db, file, migrations);
    // Who made it and its folder may have been killed before this.
    for (const folder of [dirname(file), dirname(dirname(file))]) syncFolder(folder);
    return { db, fresh, transaction: transactions(db, file), [Symbol.dispose]: () => db.close() };
  } catch (error) {
    db.close();
    throw error;
  }
}

function check(db: Database): void {
  const found = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (found !== "ok") throw new Damaged(found);
}

function versionOf(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

function migrate(db: Database, file: string, migrations: readonly string[]): void {
  const version = versionOf(db);
  if (version > migrations.length)
    throw new SampanError(
      "failed_precondition",
      `cannot use database "${file}": its version is ${version}, this program knows up to ${migrations.length}; use a newer program`,
    );
  for (let from = version; from < migrations.length; from++)
    db.transaction(() => {
      db.run(migrations[from] ?? "");
      db.run(`PRAGMA user_version = ${from + 1}`);
    })();
}

function setAside(file: string, { log, now }: DatabaseOptions): void {
  const suffix = `.damaged-${now()}`;
  for (const end of ["", "-wal", "-shm"])
    if (existsSync(file + end)) renameSync(file + end, `${file}${suffix}${end}`);
  log(`database "${file}" is damaged: it was moved to "${file}${suffix}", and a new one is begun`);
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function transactions(db: Database, file: string): EdgeDatabase["transaction"] {
  return (change) => {
    try {
      return db.transaction(change).immediate();
    } catch (error) {
      throw databaseError(error, file);
    }
  };
}
