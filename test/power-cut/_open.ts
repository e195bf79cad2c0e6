/** Opens the store of a data root, which brings its database up to date. `bun _open.ts ROOT`. */
import { writeSync } from "node:fs";
import { openStore } from "../../src/engine/store/open.ts";
import { migrations } from "../../src/engine/store/schema.ts";

/** A schema that does not exist yet: a table is made anew with a further column and its rows are copied, as migrations do. */
export const next = `
  CREATE TABLE blob_sources_new (digest TEXT NOT NULL, source TEXT NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY (digest, source)) WITHOUT ROWID, STRICT;
  INSERT INTO blob_sources_new SELECT digest, source, 0 FROM blob_sources;
  DROP TABLE blob_sources;
  ALTER TABLE blob_sources_new RENAME TO blob_sources;
  CREATE INDEX blob_sources_by_source ON blob_sources (source);
`;

export const present = migrations.length;
(migrations as string[]).push(next);

if (import.meta.main) {
  using _store = openStore(process.argv[2] ?? "");
  writeSync(1, "done\n");
}
