/** The executables that `make dist` makes, as a user has them: one file, copied anywhere, called by either name. */
import { afterAll, beforeAll, expect } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../needs.ts";

const x64 = needing({ files: ["dist/sampan"] });
const arm64 = needing({ files: ["dist/sampan-arm64"], programs: ["qemu-aarch64"] });

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-dist-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Standard output of a command that must end well. */
function output(command: readonly string[]): string {
  const done = Bun.spawnSync([...command], { cwd: folder, env: { PATH: process.env["PATH"] ?? "" } });
  expect(done.stderr.toString()).toBe("");
  expect(done.exitCode).toBe(0);
  return done.stdout.toString();
}

x64.test("a copy of the executable alone, in an empty folder and environment, is the runtime", () => {
  copyFileSync("dist/sampan", join(folder, "sampan"));
  expect(output([join(folder, "sampan"), "runtime", "--version"])).toMatch(/^spec: 1\.3\b/m);
});

x64.test("called sampan-runtime, it needs no first argument", () => {
  const link = join(folder, "sampan-runtime");
  symlinkSync(join(process.cwd(), "dist/sampan"), link);
  expect(output([link, "--version"])).toMatch(/^spec: 1\.3\b/m);
});

arm64.test("the arm64 executable is the runtime too", () => {
  const program = join(process.cwd(), "dist/sampan-arm64");
  const emulator = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];
  expect(output([...emulator, program, "runtime", "--version"])).toMatch(/^spec: 1\.3\b/m);
});

arm64.test("each executable holds the launcher of its own architecture, and not the other's", () => {
  const launchers = { x64: readFileSync("build/launcher-x64"), arm64: readFileSync("build/launcher-arm64") };
  const inX64 = readFileSync("dist/sampan");
  expect(inX64.includes(launchers.x64)).toBe(true);
  expect(inX64.includes(launchers.arm64)).toBe(false);
  const inArm64 = readFileSync("dist/sampan-arm64");
  expect(inArm64.includes(launchers.arm64)).toBe(true);
  expect(inArm64.includes(launchers.x64)).toBe(false);
});
