/**
 * System calls that fail by injection (strace): each thread's call of a kind from the N-th on, for the reasons that disks and limits have. Whatever fails when: a clear
 * error or success, the image whole or absent, nothing left that a collection does not take, and the next try works.
 */
// deadline: 300 s
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { save } from "../../src/engine/images/save.ts";
import { Random } from "../differential/random.ts";
import { needing } from "../needs.ts";
import { openSmallEngine } from "../power-cut/_engine.ts";
import { image } from "../power-cut/_images.ts";
import { serve, type SmallRegistry } from "../power-cut/_registry.ts";
import type { Trees } from "../power-cut/_state.ts";
import { act, attempt, things, treesIn, wrongs } from "./_attempt.ts";

const { test } = needing({ root: true, programs: ["strace"] });
const seed = Number(process.env["SAMPAN_SEED"] ?? Date.now() % 1_000_000);
const times = Number(process.env["SAMPAN_FAULTS"] ?? 1);
let scratch = "";
let registry: SmallRegistry;
let trees: Trees;
let count = 0;
let failed = 0;
const archive = () => join(scratch, "archive.tar");
const name = (tag: number) => `${registry.host}/app:${tag}`;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sampan-injected-"));
  registry = await serve({ "app:1": image(1), "app:2": image(2) });
  const clean = join(scratch, "clean");
  mkdirSync(clean, { mode: 0o700 });
  await act(clean, "pull", name(1));
  mkdirSync(join(scratch, "both"), { mode: 0o700 });
  await act(join(scratch, "both"), "pull", name(1));
  await act(join(scratch, "both"), "pull", name(2));
  trees = await treesIn(join(scratch, "both"));
  {
    await using engine = await openSmallEngine(join(scratch, "both"), "unprobed");
    await Bun.write(archive(), Buffer.concat(await Array.fromAsync(save(engine, [name(2)]))));
  }
  Bun.gc(true);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** Calls, the error they give, and among how many of them the first failing one is chosen. */
const injections: readonly (readonly [calls: string, error: string, among: number])[] = [
  ["pwrite64", "ENOSPC", 60],
  ["mkdir,mkdirat", "ENOSPC", 12],
  ["openat,openat2", "EMFILE", 40],
  ["fsync,fdatasync,syncfs", "EIO", 16],
  ["link,linkat,rename,renameat,renameat2", "ENOSPC", 5],
  ["unlink,unlinkat,rmdir", "EROFS", 10],
  ["fchmod,fchmodat,fchown,fchownat,utimensat,fsetxattr,mknodat,symlinkat", "EPERM", 12],
  ["ftruncate,fallocate", "ENOSPC", 4],
];

const verbs: readonly (readonly [verb: string, args: () => string[]])[] = [
  ["pull", () => [name(2)]],
  ["load", () => [archive()]],
  ["create", () => [name(1), "box"]],
  ["remove", () => [name(1)]],
  ["collect", () => []],
];

const random = new Random(seed);
for (const [verb, args] of verbs)
  for (const [calls, error, among] of injections)
    for (let time = 0; time < times; time++) {
      const when = random.integer(1, among);
      test(`${verb} when ${calls} gives ${error} from call ${when} on (seed ${seed})`, async () => {
        const root = join(scratch, `root-${++count}`);
        Bun.spawnSync(["cp", "-a", join(scratch, "clean"), root]);
        const before = await things(root);
        const inject = `inject=${calls}:error=${error}:when=${when}+`;
        const wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", inject];
        const { status, error: said, ready } = await attempt(root, [verb, ...args()], wrapper);
        if (status !== 0) failed++;
        // Before the engine is open it is Bun that may have failed.
        if (ready || /^[a-z_]+: cannot /.test(said)) {
          expect([0, 1, 3], said).toContain(status);
          if (status !== 0) expect(said).toMatch(/^[a-z_]+: cannot /);
        }
        expect(await wrongs(root, trees), said).toEqual([]);
        const after = await things(root);
        if (status === 0 || after.join() !== before.join()) return;
        await act(root, verb, ...args());
        expect(await wrongs(root, trees)).toEqual([]);
        rmSync(root, { recursive: true });
      }, 180_000);
    }

test("the injections were felt", () => {
  expect(failed).toBeGreaterThan(count / 6);
});
