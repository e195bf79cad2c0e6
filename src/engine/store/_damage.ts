/** The damage of a database, told with its file and what heals it, whichever query meets it. */
import type { Database } from "bun:sqlite";
import { databaseError, isDamage } from "./errors.ts";

type Call = (...values: unknown[]) => unknown;

export function tellDamage(db: Database, file: string): void {
  const telling =
    (call: Call): Call =>
    (...values) => {
      try {
        return call(...values);
      } catch (error) {
        throw isDamage(error) ? databaseError(error, file) : error;
      }
    };
  // Bun keeps a statement by its text, so each is met more than once.
  const met = new WeakSet<object>();
  const query = telling(db.query.bind(db) as Call);
  replace(db, "query", (...values) => {
    const statement = query(...values) as object;
    if (!met.has(statement))
      for (const name of ["get", "all", "run", "values"])
        replace(statement, name, telling(bound(statement, name)));
    met.add(statement);
    return statement;
  });
  replace(db, "run", telling(bound(db, "run")));
}

function bound(target: object, name: string): Call {
  return (target as Record<string, Call>)[name]?.bind(target) as Call;
}

function replace(target: object, name: string, value: Call): void {
  Object.defineProperty(target, name, { value });
}
