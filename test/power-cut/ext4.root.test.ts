/**
 * The proof that is independent of our models: the power of a real ext4 is cut at random moments of each verb (its shutdown ioctl: nothing more is written), it is mounted
 * again, and what is there must be whole. SAMPAN_CUTS says how often for each verb.
 */
// deadline: 200 s
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../differential/random.ts";
import { needing } from "../needs.ts";
import { Disk } from "./_disk.ts";
import { image } from "./_images.ts";
import { serve, type SmallRegistry } from "./_registry.ts";
import type { Seen } from "./_look.ts";
import { verbs } from "./_verbs.ts";

const { test } = needing({
  root: true,
  programs: ["mkfs.ext4", "mount", "umount", "unshare", "strace"],
  files: ["/dev/loop-control"],
});
const cuts = Number(process.env["SAMPAN_CUTS"] ?? 4);
const seed = Number(process.env["SAMPAN_SEED"] ?? Date.now() % 1_000_000);
const random = new Random(seed);
const program = new URL("./_verb.ts", import.meta.url).pathname;
const otherBoot = new URL("../../tools/power-cut/_other-boot.ts", import.meta.url).pathname;
const neverSyncs = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,syncfs"];
const faked = ["-e", "inject=fsync,fdatasync,syncfs:retval=0"];
let scratch = "";
let registry: SmallRegistry;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sampan-ext4-"));
  mkdirSync(join(scratch, "mnt"));
  writeFileSync(join(scratch, "boot"), `${crypto.randomUUID()}\n`);
  registry = await serve({ "app:1": image(1), "app:2": image(2) });
  const clean = join(scratch, "clean");
  mkdirSync(clean, { mode: 0o700 });
  await call("./_verb.ts", clean, "pull", name(1));
  await call("./_verb.ts", clean, "pull", name(2));
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

const name = (tag: number) => `${registry.host}/app:${tag}`;
/** What was there when the disk came back. */
interface Cut extends Seen {
  /** The verb had said that it was done. */
  readonly done: boolean;
  /** Milliseconds from the engine's opening to the verb's end, when it came to one. */
  readonly took: number;
}

const template = () => join(scratch, "template");

/** A disk with the first image, once for all. */
async function prepared(): Promise<string[]> {
  const disk = new Disk(template(), join(scratch, "mnt")).format();
  disk.mount();
  const root = join(disk.path, "root");
  mkdirSync(root, { mode: 0o700 });
  await call("./_verb.ts", root, "pull", name(1));
  await disk.unmount();
  return [name(1)];
}

/** In a process of its own, while the registry of this one answers. */
async function call(script: string, ...args: string[]): Promise<string> {
  const path = new URL(script, import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, path, ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, error, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status !== 0) throw new Error(`${script} ${args.join(" ")}: ${error}`);
  return out;
}

const lookAt = async (root: string) =>
  JSON.parse(await call("./_look.ts", join(scratch, "clean"), root)) as Seen;

/** Runs the verb and cuts after so many milliseconds, or once it is done. */
async function cutAfter(
  wait: number | undefined,
  args: readonly string[],
  wrapper: readonly string[],
): Promise<Cut> {
  using disk = new Disk(join(scratch, "disk"), join(scratch, "mnt")).copyOf(template());
  disk.mount();
  const root = join(disk.path, "root");
  const verb = [...wrapper, process.execPath, program, root, ...args];
  const child = Bun.spawn(
    ["unshare", "--mount", "--", process.execPath, otherBoot, join(scratch, "boot"), ...verb],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    },
  );
  const text = new TextDecoder();
  let said = "";
  let begin = 0;
  const reader = child.stdout.getReader();
  const timer = Promise.withResolvers<void>();
  const reading = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      said += text.decode(part.value);
      if (begin === 0 && said.includes("ready")) {
        begin = performance.now();
        if (wait !== undefined) setTimeout(timer.resolve, wait);
      }
    }
    timer.resolve();
  })();
  await timer.promise;
  disk.cut();
  // What was said by now was said before the cut.
  const done = said.includes("done");
  const took = performance.now() - begin;
  child.kill("SIGKILL");
  await Promise.all([child.exited, reading]);
  await disk.unmount();
  disk.mount();
  const { names: there, wrong } = await lookAt(root);
  await disk.unmount();
  return { names: there, wrong, done, took };
}

const writers: Readonly<Record<string, { args: () => string[]; after: (before: string[]) => string[] }>> = {
  pull: { args: () => ["pull", name(2)], after: (before) => [...before, name(2)].toSorted() },
  create: { args: () => ["create", name(1), "box"], after: (before) => [...before, "box"].toSorted() },
  remove: { args: () => ["remove", name(1)], after: () => [] },
};

for (const [title, { args, after }] of Object.entries(writers))
  test(`${title} survives the power cuts of a real disk (seed ${seed})`, async () => {
    expect(Object.keys(verbs)).toContain(title);
    const before = await prepared();
    const whole = await cutAfter(undefined, args(), []);
    expect([whole.done, whole.names, whole.wrong]).toEqual([true, after(before), []]);
    for (let cut = 0; cut < cuts; cut++) {
      const wait = random.unit() * whole.took * 1.2;
      const found = await cutAfter(wait, args(), []);
      expect(found.wrong, `after ${wait} ms`).toEqual([]);
      expect([before, after(before)], `after ${wait} ms`).toContainEqual([...found.names]);
      if (found.done) expect(found.names).toEqual(after(before));
    }
  }, 150_000);

test("a pull whose syncs do nothing loses what it has promised", async () => {
  const before = await prepared();
  const { done, names: there } = await cutAfter(undefined, ["pull", name(2)], [...neverSyncs, ...faked]);
  expect([done, there]).toEqual([true, before]);
}, 180_000);
