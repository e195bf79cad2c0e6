/** Disks that are full or read-only: a clear error, nothing half-made, and the next try works. */
// deadline: 200 s
import { afterEach, beforeEach, expect } from "bun:test";
import { existsSync, mkdtempSync, rmdirSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/engine/store/open.ts";
import { needing } from "../needs.ts";
import { image } from "../power-cut/_images.ts";
import { serve, type SmallRegistry } from "../power-cut/_registry.ts";
import { act, attempt, things, treesIn, wrongs } from "./_attempt.ts";

const { test } = needing({ root: true, programs: ["mount", "umount"] });
let disk = "";
let registry: SmallRegistry;
const name = (tag: number) => `${registry.host}/app:${tag}`;

function run(...command: string[]): void {
  const { success, stderr } = Bun.spawnSync(command);
  if (!success) throw new Error(stderr.toString());
}

beforeEach(async () => {
  disk = mkdtempSync(join(tmpdir(), "sampan-faults-"));
  run("mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", disk);
  registry = await serve({ "app:1": image(1), "app:2": image(2) });
  await act(disk, "pull", name(1));
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  run("umount", disk);
  rmdirSync(disk);
});

/** Leaves so many pages of 4 KiB. */
function fill(pages: number): string {
  const { bavail, bsize } = statfsSync(disk);
  const path = join(disk, "filler");
  writeFileSync(path, new Uint8Array(Math.max(0, bavail - pages) * bsize));
  return path;
}

const writers: readonly (readonly [verb: string, args: () => string[]])[] = [
  ["pull", () => [name(2)]],
  ["create", () => [name(1), "box"]],
  ["remove", () => [name(1)]],
];

test("an image can be removed from a disk that has not one block left", async () => {
  run("mount", "-o", "remount,size=64m", disk);
  // Any opening with so much room puts the reserve aside.
  expect((await attempt(disk, ["create", name(1), "box"])).status).toBe(0);
  expect((await attempt(disk, ["remove-container", "box"])).status).toBe(0);
  const filler = fill(0);
  expect(statfsSync(disk).bavail).toBe(0);
  const { status, error } = await attempt(disk, ["remove", name(1)]);
  unlinkSync(filler);
  expect({ status, error }).toEqual({ status: 0, error: "" });
  expect(await wrongs(disk, await treesIn(disk))).toEqual([]);
});

test("a database that is open already is still written on a disk that has not one block left", () => {
  run("mount", "-o", "remount,size=64m", disk);
  using store = openStore(disk);
  expect(existsSync(join(disk, "reserve"))).toBe(true);
  const filler = fill(0);
  expect(statfsSync(disk).bavail).toBe(0);
  try {
    store.transaction(() => store.db.run("CREATE TABLE room (number)"));
    store.transaction(() => store.db.run("DROP TABLE room"));
  } finally {
    unlinkSync(filler);
  }
  expect(existsSync(join(disk, "reserve"))).toBe(false);
});

for (const [verb, args] of writers)
  test(`${verb} on a disk that gets full`, async () => {
    const before = await things(disk);
    const clean = await treesIn(disk);
    for (const pages of [0, 1, 2, 5, 10, 20, 30]) {
      const filler = fill(pages);
      const { status, error } = await attempt(disk, [verb, ...args()]);
      unlinkSync(filler);
      if (status === 0) break;
      expect(error).toMatch(/^resource_exhausted: cannot /);
      expect(status).toBe(1);
      const after = await things(disk);
      // Of a removal, the image may be gone and only its files be left for the next collection.
      if (verb === "remove" && after.length === 0) break;
      expect(after).toEqual(before);
      expect(await wrongs(disk, clean)).toEqual([]);
    }
    if ((await things(disk)).join() === before.join()) await act(disk, verb, ...args());
    expect(await things(disk)).not.toEqual(before);
    expect(await wrongs(disk, await treesIn(disk))).toEqual([]);
  }, 180_000);

for (const [verb, args] of writers)
  test(`${verb} on a disk that is read-only`, async () => {
    const before = await things(disk);
    const clean = await treesIn(disk);
    Bun.gc(true);
    run("mount", "-o", "remount,ro", disk);
    const { status, error } = await attempt(disk, [verb, ...args()]);
    run("mount", "-o", "remount,rw", disk);
    expect(error).toMatch(/^failed_precondition: cannot .*read-only/);
    expect(status).toBe(3);
    expect(await things(disk)).toEqual(before);
    expect(await wrongs(disk, clean)).toEqual([]);
    await act(disk, verb, ...args());
    expect(await wrongs(disk, await treesIn(disk))).toEqual([]);
  }, 180_000);
