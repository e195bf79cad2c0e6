/** packaging/sampan.service: systemd finds nothing wrong with it, and stopping the daemon stops no container. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../needs.ts";

const { test } = needing({ programs: ["systemd-analyze"] });

test("systemd reads the unit without a complaint, and ends the daemon alone", () => {
  const unit = readFileSync("packaging/sampan.service", "utf8");
  const folder = mkdtempSync(join(tmpdir(), "sampan-unit-"));
  try {
    const path = join(folder, "sampan.service");
    // The program need not be installed where this runs.
    writeFileSync(path, unit.replace("/usr/local/bin/sampan", "/bin/true"));
    const { exitCode, stderr } = Bun.spawnSync(["systemd-analyze", "verify", path]);
    const about = stderr
      .toString()
      .split("\n")
      .filter((line) => line.includes("sampan.service"));
    expect({ exitCode, about }).toEqual({ exitCode: 0, about: [] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  expect(unit).toMatch(/^KillMode=process$/m);
});
