/** The harness on programs whose order of writes and syncs is known to be right or wrong: it must find the wrong ones, and only those. */
import { afterAll, beforeAll, expect } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { record } from "../../tools/power-cut/record.ts";
import { replay, type Look, type Report } from "../../tools/power-cut/replay.ts";
import type { Model } from "../../tools/power-cut/crash.ts";
import { needing } from "../needs.ts";
import { body } from "./_writer.ts";

const { test } = needing({ root: true, programs: ["strace"] });
let scratch = "";
let count = 0;

beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "sampan-writer-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function cut(
  way: string,
  check: (look: Look) => string | undefined,
  models: readonly Model[],
): Promise<Report> {
  const root = join(scratch, `root-${++count}`);
  mkdirSync(root);
  const writer = new URL("./_writer.ts", import.meta.url).pathname;
  const recording = await record({
    root,
    log: `${root}.log`,
    command: [process.execPath, writer, way, root],
  });
  return await replay(recording, { check, models, choices: 12, scratch });
}

function wholeOrAbsent({ root, said }: Look): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(join(root, "stored"));
  } catch {
    return said.includes("stored") ? "what was promised is gone" : undefined;
  }
  return Buffer.compare(bytes, body) === 0 ? undefined : "the file is damaged";
}

function rows({ root, said }: Look): string | undefined {
  const promised = Number(said.trim().split("row ").at(-1) || "-1");
  using db = new Database(join(root, "rows.db"), { create: true });
  const [whole] = db.query("PRAGMA integrity_check").values()[0] ?? [];
  if (whole !== "ok") return `the database is damaged: ${String(whole)}`;
  if (promised < 0) return undefined;
  const found = db.query("SELECT number, length(text) FROM rows ORDER BY number").values();
  if (found.some(([number, length], index) => number !== index + 1 || length !== 700 * (index + 1)))
    return "rows are wrong";
  return found.length < promised ? `${promised} rows were promised and ${found.length} are there` : undefined;
}

for (const way of ["in the right order", "with fdatasync in the right order"])
  test(`a file stored ${way} is whole or absent at every cut`, async () => {
    const report = await cut(way, wholeOrAbsent, ["posix", "ext4"]);
    expect(report.failures).toEqual([]);
    expect(report.states).toBeGreaterThan(10);
  });

const wrong: readonly (readonly [way: string, models: readonly Model[], message: string])[] = [
  ["without a sync of the file", ["posix", "ext4"], "the file is damaged"],
  ["without a sync of the folder", ["posix", "ext4"], "what was promised is gone"],
  ["with the sync of the file after its rename", ["posix", "ext4"], "the file is damaged"],
  ["in place", ["posix", "ext4"], "the file is damaged"],
  ["with a promise before the sync", ["posix", "ext4"], "what was promised is gone"],
  ["without any sync", ["posix", "ext4"], "the file is damaged"],
];
for (const [way, models, message] of wrong)
  for (const model of models)
    test(`a file stored ${way} is found out, model ${model}`, async () => {
      const report = await cut(way, wholeOrAbsent, [model]);
      expect(report.failures.map((failure) => failure.message)).toEqual([message]);
    });

test("rows that SQLite has committed with synchronous FULL outlive every cut", async () => {
  const report = await cut("rows, synchronous FULL", rows, ["posix", "ext4"]);
  expect(report.failures).toEqual([]);
  expect(report.states).toBeGreaterThan(100);
});

test("rows that SQLite has committed with synchronous OFF do not", async () => {
  const report = await cut("rows, synchronous OFF", rows, ["posix"]);
  expect(report.failures).toHaveLength(1);
});
