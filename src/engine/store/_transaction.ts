/** BEGIN IMMEDIATE … COMMIT, nested ones as savepoints. */
import type { Database } from "bun:sqlite";
import { dirname } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { giveUpReserve } from "./_reserve.ts";
import { databaseError } from "./errors.ts";

type Transaction = <Result>(change: () => Result, options?: { readonly durable: boolean }) => Result;

export function transactions(db: Database, file: string): Transaction {
  let depth = 0;
  const root = dirname(file);
  const [begin, commit] = [db.query("BEGIN IMMEDIATE"), db.query("COMMIT")];
  // In WAL mode NORMAL leaves out the fsync of a commit, and nothing else. SQLite obeys this pragma when it is prepared, so each time anew.
  const waitForDisk = (on: boolean) => db.run(`PRAGMA synchronous = ${on ? "FULL" : "NORMAL"}`);
  return (change, { durable } = { durable: true }) => {
    const level = depth;
    if (level === 0) giveUpReserve(root);
    try {
      if (level === 0 && !durable) waitForDisk(false);
      if (level === 0) begin.run();
      else db.run(`SAVEPOINT s${level}`);
    } catch (error) {
      if (level === 0 && !durable) waitForDisk(true);
      throw databaseError(error, file);
    }
    depth += 1;
    try {
      const result = change();
      if (result instanceof Promise)
        throw new SampanError("internal", "a transaction cannot wait: it gave a promise");
      if (level === 0) commit.run();
      else db.run(`RELEASE s${level}`);
      return result;
    } catch (error) {
      undo(db, level);
      throw databaseError(error, file);
    } finally {
      depth -= 1;
      if (level === 0 && !durable) waitForDisk(true);
    }
  };
}

/** SQLite has rolled back by itself after some errors (disk full, input/output): then there is nothing left to undo. */
function undo(db: Database, level: number): void {
  if (!db.inTransaction) return;
  if (level === 0) db.run("ROLLBACK");
  else {
    db.run(`ROLLBACK TO s${level}`);
    db.run(`RELEASE s${level}`);
  }
}
