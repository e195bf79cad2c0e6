/** The statements: what the rest of the storage says to the database. */
import type { Database } from "bun:sqlite";
import { damaged, databaseError } from "./_errors.ts";
import { entombed, StoredText, Versions } from "./_stored.ts";
import { expired } from "./_expired.ts";
import type { Change, Page, PageOptions, StorageKey } from "./storage.ts";

interface KeyRow {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

interface ChangeRow extends KeyRow {
  readonly deleted: number;
  readonly previous: number;
}

/** Bytes of texts of versions that are kept parsed. */
const cacheBytes = 3 << 20;
/** What a row costs besides its value. */
export const rowBytes = 200;

const pastKeys = `
  SELECT namespace, name, revision FROM objects
   WHERE resource = $resource AND revision <= $at AND ($namespace IS NULL OR namespace = $namespace)
  UNION ALL
  SELECT namespace, name, previous AS revision FROM (
    SELECT namespace, name, previous, min(revision) FROM changes
     WHERE resource = $resource AND revision > $at AND ($namespace IS NULL OR namespace = $namespace)
     GROUP BY namespace, name) WHERE previous > 0`;
const presentKeys = "SELECT namespace, name, revision FROM objects WHERE resource = $resource";
const beyond = "(namespace, name) > ($afterNamespace, $afterName)";

export class Tables {
  readonly #db: Database;
  readonly #file: string;
  readonly versions = new Versions(cacheBytes);

  constructor(db: Database, file: string) {
    this.#db = db;
    this.#file = file;
  }

  /** Runs what speaks to the database; its errors name the file. */
  guard<Result>(act: () => Result): Result {
    try {
      return act();
    } catch (error) {
      throw databaseError(error, this.#file);
    }
  }

  get lastRevision(): number {
    return (
      this.#db.query<{ last: number | null }, []>("SELECT max(revision) AS last FROM changes").get()?.last ??
      1
    );
  }

  get compacted(): number {
    const row = this.#db.query<{ value: string }, []>("SELECT value FROM meta WHERE key = 'compacted'").get();
    return Number(row?.value ?? 1);
  }

  /** Bytes of what only the history after a revision needs. */
  historyBytes(after: number, through: number): number {
    return (
      this.#db
        .query<{ bytes: number | null }, [number, number, number]>(
          "SELECT sum(previous_bytes + ?) AS bytes FROM changes WHERE revision > ? AND revision <= ?",
        )
        .get(rowBytes, after, through)?.bytes ?? 0
    );
  }

  get objects(): number {
    return this.#db.query<{ count: number }, []>("SELECT count(*) AS count FROM objects").get()?.count ?? 0;
  }

  get fileBytes(): number {
    const pages = this.#db.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
    const size = this.#db.query<{ page_size: number }, []>("PRAGMA page_size").get()?.page_size ?? 0;
    return pages * size;
  }

  get(key: StorageKey): StoredText | undefined {
    const row = this.#db
      .query<{ revision: number }, [string, string, string]>(
        "SELECT revision FROM objects WHERE resource = ? AND namespace = ? AND name = ?",
      )
      .get(key.resource, key.namespace, key.name);
    return row ? this.version(key, row.revision) : undefined;
  }

  version(key: StorageKey, revision: number): StoredText {
    const cached = this.versions.get(revision);
    if (cached) return cached;
    const row = this.#db
      .query<{ value: string | null }, [number]>("SELECT value FROM changes WHERE revision = ?")
      .get(revision);
    if (typeof row?.value !== "string")
      throw damaged(this.#file, `revision ${revision} of ${key.resource} "${key.name}" is not there`);
    const stored = new StoredText(key, revision, row.value);
    this.versions.add(stored);
    return stored;
  }

  page(resource: string, options: PageOptions, revision: number): Page {
    const { namespace = null, limit = 0, after, at = revision } = options;
    const source = this.#keys(at < revision, namespace !== null);
    const where = {
      resource,
      ...(at < revision ? { at, namespace } : namespace === null ? {} : { namespace }),
    };
    const rows = this.#rows(source, where, { after, limit: limit > 0 ? limit + 1 : -1 });
    const shown = limit > 0 ? rows.slice(0, limit) : rows;
    const items = shown.map((row) =>
      this.version({ resource, namespace: row.namespace, name: row.name }, row.revision),
    );
    const last = shown.at(-1);
    if (!last || rows.length === shown.length) return { items, revision: at };
    const end = { namespace: last.namespace, name: last.name };
    return { items, revision: at, after: end, remaining: this.#count(source, where, end) };
  }

  #keys(past: boolean, ofNamespace: boolean): string {
    if (past) return pastKeys;
    return ofNamespace ? `${presentKeys} AND namespace = $namespace` : presentKeys;
  }

  #rows(
    source: string,
    where: Record<string, string | number | null>,
    { after, limit }: { after: PageOptions["after"]; limit: number },
  ): KeyRow[] {
    const sql = `SELECT * FROM (${source})${after ? ` WHERE ${beyond}` : ""} ORDER BY namespace, name LIMIT $limit`;
    return this.#db
      .query<KeyRow, [Record<string, string | number | null>]>(sql)
      .all(bound({ ...where, ...place(after), limit }));
  }

  #count(
    source: string,
    where: Record<string, string | number | null>,
    after: { namespace: string; name: string },
  ): number {
    const sql = `SELECT count(*) AS count FROM (${source}) WHERE ${beyond}`;
    return (
      this.#db
        .query<{ count: number }, [Record<string, string | number | null>]>(sql)
        .get(bound({ ...where, ...place(after) }))?.count ?? 0
    );
  }

  /** Changes after a revision, the first of them. */
  changes(
    resource: string,
    { namespace, after, limit }: { namespace?: string | undefined; after: number; limit: number },
  ): Change[] {
    const { compacted } = this;
    if (after < compacted) throw expired(after, compacted);
    return this.#db
      .query<ChangeRow, [string, number, string | null, number]>(
        `SELECT namespace, name, revision, deleted, previous FROM changes
          WHERE resource = ?1 AND revision > ?2 AND (?3 IS NULL OR namespace = ?3) ORDER BY revision LIMIT ?4`,
      )
      .all(resource, after, namespace ?? null, limit)
      .map((row) => this.#change(resource, row));
  }

  #change(resource: string, { namespace, name, revision, deleted, previous }: ChangeRow): Change {
    const key = { resource, namespace, name };
    const before = previous > 0 ? this.version(key, previous) : undefined;
    if (deleted === 0) return { revision, type: "put", stored: this.version(key, revision), before };
    if (!before) throw damaged(this.#file, `what revision ${revision} deleted is not there`);
    return { revision, type: "delete", stored: entombed(before, revision), before };
  }

  /** Within a transaction of the caller. */
  apply({ revision, type, stored, before }: Change): number {
    const { resource, namespace, name } = stored.key;
    const bytes = before ? Buffer.byteLength((before as StoredText).json) : 0;
    const value = type === "put" ? (stored as StoredText).json : null;
    this.#db
      .query("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        revision,
        resource,
        namespace,
        name,
        type === "delete" ? 1 : 0,
        before?.revision ?? 0,
        bytes,
        value,
      );
    if (value === null)
      this.#db
        .query("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?")
        .run(resource, namespace, name);
    else
      this.#db
        .query("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)")
        .run(resource, namespace, name, revision, Buffer.byteLength(value));
    return bytes + rowBytes;
  }

  transaction(act: () => void): void {
    const db = this.#db;
    this.guard(() => {
      db.query("BEGIN IMMEDIATE").run();
      try {
        act();
        db.query("COMMIT").run();
      } catch (error) {
        // SQLite has rolled back by itself after some errors (disk full, input/output).
        if (db.inTransaction) db.query("ROLLBACK").run();
        throw error;
      }
    });
  }

  /** Within a transaction: drops the history through a revision. */
  compact(after: number, through: number): void {
    const db = this.#db;
    db.query(
      "DELETE FROM changes WHERE revision IN (SELECT previous FROM changes WHERE revision > ? AND revision <= ? AND previous > 0)",
    ).run(after, through);
    db.query("DELETE FROM changes WHERE revision > ? AND revision <= ? AND deleted = 1").run(after, through);
    db.query("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)").run(String(through));
  }

  /** Gives free pages back to the file system when they are more than a quarter of the file. */
  shrink(): void {
    const db = this.#db;
    const free = db.query<{ freelist_count: number }, []>("PRAGMA freelist_count").get()?.freelist_count ?? 0;
    const pages = db.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
    if (free > 256 && free > pages / 4) db.run(`PRAGMA incremental_vacuum(${free - Math.floor(pages / 8)})`);
  }

  /** Drops what is only there to be quick. */
  forget(): void {
    this.versions.clear();
    this.#db.run("PRAGMA shrink_memory");
  }

  close(): void {
    this.#db.close();
  }
}

function place(after: PageOptions["after"]): Record<string, string> {
  return after ? { afterNamespace: after.namespace, afterName: after.name } : {};
}

function bound(values: Record<string, string | number | null>): Record<string, string | number | null> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`$${name}`, value]));
}
