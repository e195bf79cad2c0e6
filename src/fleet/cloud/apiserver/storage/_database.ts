/** Opens the file and brings its tables up to date. */
import { Database } from "bun:sqlite";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { SampanError } from "../../../../base/errors.ts";
import { damaged, databaseError, fileError } from "./_errors.ts";

export const databaseName = "objects.db";

/** Milliseconds for which an opening waits for a process that is about to end. */
const patience = 1000;

/** Each step brings a database from its index to the next version. */
const migrations: readonly string[] = [
  `CREATE TABLE changes (
     revision INTEGER PRIMARY KEY,
     resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
     -- 1: the object went with this revision, and there is no value.
     deleted INTEGER NOT NULL,
     -- The revision of what was there before, and its length; 0 for none.
     previous INTEGER NOT NULL, previous_bytes INTEGER NOT NULL,
     value TEXT
   );
   CREATE INDEX changes_of_resource ON changes (resource, revision);
   -- What is there now: which row of changes has its value.
   CREATE TABLE objects (
     resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
     revision INTEGER NOT NULL, bytes INTEGER NOT NULL,
     PRIMARY KEY (resource, namespace, name)
   ) WITHOUT ROWID;
   CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`,
];

/** WAL's file is cut to this many bytes when it was longer. */
export const logBytes = 4 << 20;

/** Errors: `data_loss` (damaged), `unavailable` (another process has it), `failed_precondition` (a newer one), `permission_denied`. */
export function openDatabase(folder: string): { db: Database; file: string } {
  const file = join(folder, databaseName);
  try {
    prepareFolder(folder);
    if (!existsSync(file)) create(folder, file);
    if (statSync(file).size === 0) throw damaged(file, "it is empty");
    return { db: openExisting(file), file };
  } catch (error) {
    throw fileError(databaseError(error, file), file);
  }
}

function openExisting(file: string): Database {
  // A clean stop leaves no log. After another one each page is looked at: the file is small.
  const unclean = existsSync(`${file}-wal`) && statSync(`${file}-wal`).size > 0;
  const db = new Database(file, { readwrite: true });
  try {
    setUp(db);
    if (unclean) quickCheck(db, file);
    migrate(db, file);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Under another name until it is whole: so an empty file is never one that was begun, but one that lost what it had. */
function create(folder: string, file: string): void {
  const begun = `${file}.new`;
  for (const left of readdirSync(folder))
    if (left.startsWith(`${databaseName}.new`)) rmSync(join(folder, left));
  closeSync(openSync(begun, "wx", 0o600));
  const db = new Database(begun, { readwrite: true });
  try {
    for (const pragma of ["synchronous = FULL", "auto_vacuum = INCREMENTAL"]) db.run(`PRAGMA ${pragma}`);
    migrate(db, file);
  } finally {
    db.close();
  }
  sync(begun);
  renameSync(begun, file);
  sync(folder);
}

function setUp(db: Database): void {
  for (const pragma of [
    `busy_timeout = ${patience}`,
    // One process alone, which then needs no shared memory for the log.
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",
    `journal_size_limit = ${logBytes}`,
    "cache_size = -2048",
  ])
    db.run(`PRAGMA ${pragma}`);
}

function quickCheck(db: Database, file: string): void {
  const found = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (found !== "ok") throw damaged(file, found ?? "no answer");
}

function migrate(db: Database, file: string): void {
  const version = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (version > migrations.length)
    throw new SampanError(
      "failed_precondition",
      `cannot use database "${file}": its version is ${version}, this program knows up to ${migrations.length}; use a newer program`,
    );
  for (const [at, sql] of migrations.entries()) {
    if (at < version) continue;
    db.transaction(() => {
      db.run(sql);
      db.run(`PRAGMA user_version = ${at + 1}`);
    })();
  }
}

/** The folder is for its owner alone: secrets are in the database. */
function prepareFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Only a folder that is ours alone may be shut: someone may have named /tmp.
  const ours = readdirSync(folder).every((name) => name.startsWith(databaseName));
  if ((statSync(folder).mode & 0o077) !== 0 && ours) chmodSync(folder, 0o700);
  if (made !== undefined) sync(dirname(made));
}

/** Of a file or a folder. */
function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
