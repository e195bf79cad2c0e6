import { healing } from "../store/errors.ts";
import type { Check } from "./check.ts";

/** SQLite's own look at every page and index, and at rows that point to rows. */
export function checkDatabase({ engine, report }: Check): boolean {
  const { db, root } = engine.store;
  const pages = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check(10)").all();
  const bad = pages.map(({ integrity_check: text }) => text).filter((text) => text !== "ok");
  for (const text of bad)
    report({ what: `database "${root}/sampan.db" is damaged: ${text}; ${healing}`, severity: "damage" });
  const dangling = db
    .query<{ table: string; parent: string; count: number }, []>(
      `SELECT "table", parent, count(*) AS count FROM pragma_foreign_key_check GROUP BY 1, 2`,
    )
    .all();
  for (const { table, parent, count } of dangling)
    report({
      what: `database: ${count} rows of ${table} point to rows of ${parent} that are not there`,
      severity: "damage",
    });
  return bad.length === 0;
}
