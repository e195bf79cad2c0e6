/** Out of file descriptors (RLIMIT_NOFILE by prlimit): a clear error or success, nothing half-made, and the next try works. */
// deadline: 120 s
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { image } from "../power-cut/_images.ts";
import { serve, type SmallRegistry } from "../power-cut/_registry.ts";
import type { Trees } from "../power-cut/_state.ts";
import { act, attempt, things, treesIn, wrongs } from "./_attempt.ts";

const { test } = needing({ root: true, programs: ["prlimit"] });
let scratch = "";
let registry: SmallRegistry;
let trees: Trees;
const name = (tag: number) => `${registry.host}/app:${tag}`;
const folder = (what: string) => join(scratch, what);

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sampan-descriptors-"));
  registry = await serve({ "app:1": image(1), "app:2": image(2) });
  for (const what of ["clean", "both"]) {
    mkdirSync(folder(what), { mode: 0o700 });
    await act(folder(what), "pull", name(1));
  }
  await act(folder("both"), "pull", name(2));
  trees = await treesIn(folder("both"));
  Bun.gc(true);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

const writers: readonly (readonly [verb: string, args: () => string[]])[] = [
  ["pull", () => [name(2)]],
  ["create", () => [name(1), "box"]],
  ["remove", () => [name(1)]],
];

for (const [verb, args] of writers)
  test(`${verb} with fewer and fewer file descriptors`, async () => {
    const root = folder(verb);
    Bun.spawnSync(["cp", "-a", folder("clean"), root]);
    const before = await things(root);
    const said = new Set<string>();
    for (let limit = 10; limit < 64; limit++) {
      const { status, error, ready } = await attempt(
        root,
        [verb, ...args()],
        ["prlimit", `--nofile=${limit}`],
      );
      if (status === 0) break;
      expect(status, error).not.toBe(255);
      if (ready || /^[a-z_]+: cannot /.test(error)) {
        expect(error).toMatch(/^[a-z_]+: cannot /);
        said.add(error.slice(0, error.indexOf(":")));
      }
      expect(await wrongs(root, trees), error).toEqual([]);
      if ((await things(root)).join() !== before.join()) break;
    }

    expect([...said].filter((code) => code !== "resource_exhausted")).toEqual([]);
    if ((await things(root)).join() === before.join()) await act(root, verb, ...args());
    expect(await things(root)).not.toEqual(before);
    expect(await wrongs(root, trees)).toEqual([]);
  }, 180_000);
