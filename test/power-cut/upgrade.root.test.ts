/** The upgrade of the schema under every cut: the version before or the one after, with all rows; and the very first opening. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/engine/store/open.ts";
import { migrations } from "../../src/engine/store/schema.ts";
import { record } from "../../tools/power-cut/record.ts";
import { replay, words, type Look } from "../../tools/power-cut/replay.ts";
import { needing } from "../needs.ts";
import { memory } from "./_memory.ts";
import { present } from "./_open.ts";

const { test } = needing({ root: true, programs: ["strace", "unshare"] });
const rows = 40;
let scratch = "";

beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "sampan-upgrade-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A database of an older program; of version 0 there is an empty one. What is newest does not exist yet: _open.ts adds it. */
function older(root: string, version: number): void {
  using db = new Database(join(root, "sampan.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  for (const sql of migrations.slice(0, version)) db.run(sql);
  db.run(`PRAGMA user_version = ${version}`);
  const insert =
    version > 0 ? db.query("INSERT INTO blob_sources (digest, source) VALUES (?, ?)") : undefined;
  db.run("BEGIN");
  for (let row = 0; row < rows; row++) insert?.run(`sha256:${row}`, "x".repeat(row * 10));
  db.run("COMMIT");
  insert?.finalize();
}

function look(version: number, { root }: Look): string | undefined {
  if (version >= 0 && !existsSync(join(root, "sampan.db"))) return "the database is gone";
  using store = openStore(root);
  const [now] = store.db.query("PRAGMA user_version").values()[0] ?? [];
  if (now !== migrations.length) return `the version is ${String(now)}`;
  const [sound] = store.db.query("PRAGMA integrity_check").values()[0] ?? [];
  if (sound !== "ok") return `the database is damaged: ${String(sound)}`;
  const found = store.db.query("SELECT seen FROM blob_sources").values();
  return found.length === (version > 0 ? rows : 0) ? undefined : `${found.length} rows are left`;
}

const versions = [-1, 0, present];
for (const version of versions)
  test(`${version < 0 ? "the first opening" : `the upgrade from version ${version}`} survives every cut`, async () => {
    const root = join(scratch, `root${version}`);
    mkdirSync(root, { mode: 0o700 });
    if (version >= 0) older(root, version);
    Bun.gc(true);
    const program = new URL("./_open.ts", import.meta.url).pathname;
    const command = [process.execPath, program, root];
    const recording = await record({ root, log: `${root}.log`, command, otherBoot: true });
    const report = await replay(recording, {
      check: (found) => look(version, found),
      scratch: memory(),
      choices: 2,
      ...(process.env["SAMPAN_POWER_CUT"] === "all" ? {} : { cuts: 20 }),
    });
    expect(words(report)).toEndWith("all good");
    expect(report.states).toBeGreaterThan(30);
  }, 180_000);
