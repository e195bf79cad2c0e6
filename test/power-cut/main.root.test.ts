/** The harness as a person calls it, on a program and a data root of no kin to ours. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../../tools/power-cut/replay.ts";
import { needing } from "../needs.ts";

const { test } = needing({ root: true, programs: ["strace", "cp", "test"] });
const main = new URL("../../tools/power-cut/main.ts", import.meta.url).pathname;
let scratch = "";

beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "sampan-harness-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function harness(...args: string[]): { status: number; out: string; error: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, main, ...args]);
  return { status: exitCode, out: stdout.toString(), error: stderr.toString() };
}

/** A recording of cp(1), which syncs nothing. */
function recorded(): string {
  const root = mkdtempSync(join(scratch, "root-"));
  mkdirSync(join(root, "folder"));
  const source = join(scratch, "source");
  writeFileSync(source, "bytes");
  const made = harness(
    "record",
    "--root",
    root,
    "--log",
    `${root}.log`,
    "--",
    "cp",
    source,
    join(root, "folder/copy"),
  );
  expect(made).toEqual({ status: 0, out: "2 operations\n", error: "" });
  return `${root}.log`;
}

test("what was recorded is shown in words", () => {
  const { out } = harness("show", "--log", recorded());
  expect(out).toMatch(/^0 openat folder\/copy\n1 (?:copy_file_range|write|ioctl) folder\/copy 0\+5\n$/);
});

test("a check that holds ends with 0, one that does not with 1, the state and its report", () => {
  const log = recorded();
  const good = harness("replay", "--log", log, "--", "test", "-d", "{}/folder");
  const words = /^2 operations, 6 cuts, \d+ different states: all good\n$/;
  expect([good.status, good.out]).toEqual([0, expect.stringMatching(words)]);
  const keep = join(scratch, "bad");
  const bad = harness("replay", "--log", log, "--keep", keep, "--json", "--", process.execPath, "-e", whole);
  const report = JSON.parse(bad.out) as Report;
  expect(bad.status).toBe(1);
  expect(report.failures[0]?.message).toContain("status 9");
  expect(existsSync(join(keep, "failure-1", "folder", "copy"))).toBe(true);
});

/** The copy is whole or absent. */
const whole = `
  const { existsSync, readFileSync } = require("node:fs");
  const path = process.env.POWER_CUT_ROOT + "/folder/copy";
  process.exit(!existsSync(path) || readFileSync(path, "utf8") === "bytes" ? 0 : 9);
`;

test("what is missing or wrong is said", () => {
  expect(harness("replay", "--log", join(scratch, "nothing"), "--", "true").error).toContain(
    "recording.json",
  );
  expect(harness("replay").error).toBe("cannot begin: --log is missing\n");
  expect(harness("record", "--log", "x").error).toBe("cannot record: --root or the command is missing\n");
  const log = recorded();
  expect(harness("replay", "--log", log, "--cuts", "few", "--", "true").error).toContain(`--cuts is "few"`);
  const fails = harness(
    "record",
    "--root",
    mkdtempSync(join(scratch, "root-")),
    "--log",
    join(scratch, "fails"),
    "--",
    "false",
  );
  expect([fails.status, fails.error]).toEqual([2, `cannot record "false": it ended with status 1\n`]);
});
