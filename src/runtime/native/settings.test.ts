import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSettings } from "./settings.ts";

let dir = "";
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "sampan-settings-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function settings(text: string): ReturnType<typeof readSettings> {
  writeFileSync(join(dir, "config.toml"), text);
  return readSettings(join(dir, "config.toml"));
}

test("no file, and no table, mean the defaults", () => {
  expect(readSettings(join(dir, "none"))).toEqual({ clampOomScoreAdj: false });
  expect(settings("")).toEqual({ clampOomScoreAdj: false });
  expect(settings("[runtime]\n[engine]\nx = 1\n")).toEqual({ clampOomScoreAdj: false });
});

test("clamp_oom_score_adj is taken from [runtime]", () => {
  expect(settings("[runtime]\nclamp_oom_score_adj = true\n")).toEqual({ clampOomScoreAdj: true });
});

test("what is wrong is named", () => {
  expect(() => settings("[runtime]\nclamp_oom_score_adj = 1\n")).toThrow(
    "runtime.clamp_oom_score_adj is 1, wanted true or false",
  );
  expect(() => settings("[runtime\n")).toThrow(`cannot read settings "${dir}/config.toml"`);
});
