/** Trees of files for tests of archives: made at random from a seed, and described so that two can be compared. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that goes with its scope. */
export function scratch(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "sampan-archive-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A small generator (mulberry32), so that a failure can be repeated. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below) | 0;
  };
}

/** A program of Debian by argument list; its output. */
export function call(program: string, ...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, ...args], { timeout: 60_000 });
  if (exitCode !== 0) throw new Error(`${program} ${args.join(" ")}: ${exitCode} ${stderr.toString()}`);
  return stdout.toString();
}

export function folder(...parts: string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}
