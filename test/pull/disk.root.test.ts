/** A disk that is full: the error says so, nothing is half-made, and with room the next try works. */
// deadline: 120 s
import { afterEach, beforeEach, expect } from "bun:test";
import { mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pull } from "../../src/engine/images/pull.ts";
import { makeImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { mockRegistry } from "./mock-registry.ts";
import { failure, testEngine } from "./parts.ts";

const { test } = needing({ root: true, programs: ["mount", "umount"] });

const MiB = 2 ** 20;

let disk: string;
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), "sampan-disk-"));
});
afterEach(() => {
  run("umount", disk);
  rmdirSync(disk);
});

function run(...command: string[]): void {
  const { success, stderr } = Bun.spawnSync(command);
  if (!success) throw new Error(stderr.toString());
}

const mount = (options: string) => run("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk);
const remount = (options: string) => run("mount", "-o", `remount,${options}`, disk);

function packsBadly(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 5;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

for (const [what, content] of [
  ["while it downloads", packsBadly(12 * MiB)],
  ["while it unpacks", new Uint8Array(40 * MiB).fill(1)],
] as const)
  test(`a disk that is full ${what}`, async () => {
    mount(`size=${8 * MiB}`);
    const image = makeImage({ layers: [[{ name: "low", content: "low" }], [{ name: "big", content }]] });
    await using registry = mockRegistry({ image });
    await using engine = await testEngine({}, disk);
    const error = await failure(pull(engine, `${registry.host}/app`));
    expect(error.code).toBe("resource_exhausted");
    expect(engine.images.list()).toEqual([]);
    expect(engine.snapshots.list()).toEqual([]);
    expect(readdirSync(join(disk, "snapshots", engine.snapshots.name))).toEqual([]);
    remount(`size=${128 * MiB}`);
    expect((await pull(engine, `${registry.host}/app`)).image.layers).toHaveLength(2);
  });
