/** What a power cut may leave of the database of the API: at every cut it opens, and has what was acknowledged. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStorage } from "../../../../src/fleet/cloud/apiserver/storage/open.ts";
import { record } from "../../../../tools/power-cut/record.ts";
import { replay, type Look } from "../../../../tools/power-cut/replay.ts";
import { needing } from "../../../needs.ts";
import { fault, parse } from "./_said.ts";
import { resource } from "./_writer.ts";

const { test } = needing({ root: true, programs: ["strace"] });
let scratch = "";

beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "sampan-objects-cut-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function check({ root, said }: Look): Promise<string | undefined> {
  const acknowledged = parse(said);
  await using storage = openStorage({ folder: join(root, "objects") });
  const wrong = fault(storage, acknowledged);
  if (wrong !== undefined) return wrong;
  const key = { resource, namespace: "a", name: "after" };
  const after = await storage.write((transaction) =>
    transaction.put(key, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "after" } }),
  );
  const again = acknowledged.find(({ revision }) => revision >= after.revision);
  return again && `revision ${again.revision} came again`;
}

test("at every cut from its making on the database opens, and has what was acknowledged", async () => {
  const root = join(scratch, "root");
  mkdirSync(root);
  const program = join(import.meta.dir, "_writer.ts");
  const command = [process.execPath, program, "a few", join(root, "objects")];
  const recording = await record({ root, log: join(scratch, "log"), command });
  const report = await replay(recording, { check, scratch, choices: 2, cuts: 60 });
  expect(report.failures).toEqual([]);
  expect(report.states).toBeGreaterThan(50);
});

test("without its syncs it is found out", async () => {
  const root = join(scratch, "unsynced");
  mkdirSync(root);
  const program = join(import.meta.dir, "_writer.ts");
  const command = [process.execPath, program, "a few", join(root, "objects")];
  const recording = await record({ root, log: join(scratch, "unsynced.log"), command });
  const operations = recording.operations.filter(({ kind }) => kind !== "sync");
  const report = await replay({ ...recording, operations }, { check, scratch, choices: 2, cuts: 60 });
  expect(report.failures).toHaveLength(1);
});
