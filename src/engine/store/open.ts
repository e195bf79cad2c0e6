/** Opens the data root and its database: makes both when they are not there, and brings an older database up to date. */
import { Database } from "bun:sqlite";
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { lockFile } from "../../kernel/libc.ts";
import { bootId } from "../../kernel/process.ts";
import { cleanStop } from "./clean-stop.ts";
import { databaseError, fileError, healing } from "./errors.ts";
import { noteFound } from "./found.ts";
import { migrations } from "./schema.ts";
import { tellDamage } from "./_damage.ts";
import { keepReserve } from "./_reserve.ts";
import { Settling } from "./_settling.ts";
import type { Store } from "./store.ts";
import { transactions } from "./_transaction.ts";

export const databaseName = "sampan.db";
const patience = { busy: 30_000, poll: 5 };
/** Statements that are kept ready; there are about 150. Bun keeps the first 20, and compiles the others each time. */
const statements = 300;

/** Errors: `failed_precondition` (a newer database, a read-only disk), `data_loss` (damaged), `resource_exhausted`, `permission_denied`. */
export function openStore(root: string): Store {
  const path = resolve(root);
  const file = join(path, databaseName);
  const fresh = prepareRoot(path, file);
  keepReserve(path);
  let db: Database | undefined;
  Database.MAX_QUERY_CACHE_SIZE = statements;
  try {
    db = new Database(file, { readwrite: true, create: true });
    tellDamage(db, file);
    for (const pragma of [`busy_timeout = ${patience.busy}`, "synchronous = FULL", "foreign_keys = ON"])
      db.run(`PRAGMA ${pragma}`);
    if (fresh || versionOf(db) !== migrations.length) migrate(db, path, file);
    const commit = transactions(db, file);
    const settling = new Settling(`${file}-wal`);
    const transaction: Store["transaction"] = (change, { durable } = { durable: true }) => {
      const result = commit(change, { durable: durable === true });
      if (durable === "soon") settling.soon();
      return result;
    };
    const epoch = epochOf(db, transaction, file);
    const opened = db;
    return {
      root: path,
      db: opened,
      epoch,
      transaction,
      settle: () => settling.now(),
      [Symbol.dispose]: () => {
        settling[Symbol.dispose]();
        opened.close();
      },
    };
  } catch (error) {
    db?.close();
    throw cannotOpen(error, path, file);
  }
}

/** SQLite says only that it could not; the file system says why. */
function cannotOpen(error: unknown, path: string, file: string): unknown {
  if ((error as { code?: unknown }).code !== "SQLITE_CANTOPEN") return databaseError(error, file);
  try {
    for (const each of [path, file]) accessSync(each, constants.R_OK | constants.W_OK);
  } catch (why) {
    return fileError(`use database "${file}"`, why);
  }
  return databaseError(error, file);
}

/** Makes the root, and the database as an empty file that only its owner can read. True when the database is new. */
function prepareRoot(path: string, file: string): boolean {
  try {
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
    const made = mkdirSync(path, { recursive: true, mode: 0o700 });
    const root = openSync(path, "r");
    try {
      // Only a folder that is ours alone may be shut: someone may have named /tmp.
      if ((fstatSync(root).mode & 0o077) !== 0 && readdirSync(path).length === 0) fchmodSync(root, 0o700);
      // Never opened where it exists: closing it would drop the locks that SQLite holds in this process (fcntl(2), "record locks").
      closeSync(openSync(file, "wx", 0o600));
      fsyncSync(root);
    } finally {
      closeSync(root);
    }
    if (made !== undefined) syncFolder(dirname(made));
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST" && statSync(file, { throwIfNoEntry: false }))
      return true;
    throw fileError(`open data root "${path}"`, error);
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function versionOf(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

/** One process at a time, since SQLite does not wait where two switch a new file to WAL. */
function migrate(db: Database, root: string, file: string): void {
  const fd = openSync(root, "r");
  try {
    for (let waited = 0; !lockFile(fd, false); waited += patience.poll) {
      if (waited >= patience.busy)
        throw new SampanError(
          "unavailable",
          `cannot use database "${file}": another process sets it up for too long`,
        );
      Bun.sleepSync(patience.poll);
    }
    const version = versionOf(db);
    if (version > migrations.length)
      throw new SampanError(
        "failed_precondition",
        `cannot use database "${file}": its version is ${version}, this program knows up to ${migrations.length}; use a newer program`,
      );
    db.run("PRAGMA journal_mode = WAL");
    for (let from = version; from < migrations.length; from++)
      applyMigration(db, { from, sql: migrations[from] ?? "", root });
  } finally {
    closeSync(fd);
  }
}

/** One step with its number in one transaction: a cut leaves the version before or the version after. */
function applyMigration(
  db: Database,
  { from, sql, root }: { from: number; sql: string; root: string },
): void {
  db.run("BEGIN IMMEDIATE");
  try {
    db.run(sql);
    if (from === 0) noteFound(db, root);
    db.run(`PRAGMA user_version = ${from + 1}`);
    db.run("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}

function epochOf(db: Database, transaction: Store["transaction"], file: string): number {
  const boot = bootId();
  const read = () => ({
    epoch: Number(metaOf(db, "epoch") ?? 0),
    boot: metaOf(db, "boot_id"),
    stopped: metaOf(db, cleanStop),
  });
  const known = read();
  if (known.boot === boot && known.stopped === undefined) return known.epoch;
  // The first opening since the machine started, the one moment when a look at every page is worth its time.
  if (known.epoch > 0 && known.boot !== boot) quickCheck(db, file);
  return transaction(() => {
    const now = read();
    // Who opens it may write, and is not in what was synced.
    db.query("DELETE FROM meta WHERE key = ?").run(cleanStop);
    if (now.boot === boot) return now.epoch;
    const epoch = now.epoch > 0 && now.stopped === now.boot ? now.epoch : now.epoch + 1;
    for (const [key, value] of [
      ["epoch", `${epoch}`],
      ["boot_id", boot],
    ] as const)
      db.query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").run(key, value);
    return epoch;
  });
}

function metaOf(db: Database, key: string): string | undefined {
  return db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value;
}

function quickCheck(db: Database, file: string): void {
  const found = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (found !== "ok")
    throw new SampanError(
      "data_loss",
      `cannot use database "${file}": it is damaged (${found ?? "no answer"}); ${healing}`,
    );
}
