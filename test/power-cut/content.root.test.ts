/** Store and content under every cut: the database opens, a published blob is whole, a promised one is there, and the next try ends well. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openContent } from "../../src/engine/content/open.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { digestOf } from "../../src/spec/image/digest.ts";
import { record, type Recording } from "../../tools/power-cut/record.ts";
import { replay, words, type Look } from "../../tools/power-cut/replay.ts";
import { needing } from "../needs.ts";
import { blobs } from "./_blobs.ts";
import { memory } from "./_memory.ts";

const { test } = needing({ root: true, programs: ["strace", "unshare"] });
const noSync = { sync: () => Promise.resolve() };
let scratch = "";

beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "sampan-content-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function wholeOrAbsent({ root, said }: Look): Promise<string | undefined> {
  using store = openStore(root);
  const content = openContent(store, noSync);
  const [row] = store.db.query("PRAGMA integrity_check").values()[0] ?? [];
  if (row !== "ok") return `the database is damaged: ${String(row)}`;
  for (const { digest } of content.list()) {
    const found = await content.verify(digest);
    if (found !== "whole") return `blob ${digest} is ${found}`;
  }
  const there = new Set<string>(content.list().map(({ digest }) => digest));
  const gone = said.split("\n").filter((digest) => digest !== "" && !there.has(digest));
  if (gone.length > 0) return `promised and not there: ${gone.join(", ")}`;
  for (const bytes of blobs) await content.write(bytes);
  for (const bytes of blobs)
    if (!Bun.deepEquals(await content.read(digestOf(bytes)), bytes))
      return "a blob that was written again is not whole";
  return undefined;
}

let recording: Recording;

/** The recording as it would be if the kernel had not been asked for these. */
const without = (left: RegExp): Recording => ({
  ...recording,
  operations: recording.operations.filter(({ kind, text }) => kind !== "sync" || !left.test(text)),
});

test("published blobs outlive every cut of ingest and publish", async () => {
  const root = join(scratch, "root");
  mkdirSync(root, { mode: 0o700 });
  const program = new URL("./_blobs.ts", import.meta.url).pathname;
  const command = [process.execPath, program, root];
  recording = await record({ root, log: join(scratch, "log"), command, otherBoot: true });
  const report = await replay(recording, { check: wholeOrAbsent, scratch: memory(), choices: 1 });
  expect(words(report)).toEndWith("all good");
  expect(report.states).toBeGreaterThan(200);
});

for (const left of [/ingest\//, /content\/blobs\/sha256$/, /sampan\.db-wal/])
  test(`the same writes without the syncs of ${left.source} are found out`, async () => {
    const report = await replay(without(left), {
      check: wholeOrAbsent,
      scratch: memory(),
      choices: 1,
      models: ["posix"],
    });
    expect(report.failures).toHaveLength(1);
  });
