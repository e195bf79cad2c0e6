/**
 * Each verb under power cuts: images are whole or absent, nothing damaged is named, what was promised is there, what is left can be collected, and the next
 * try ends well. SAMPAN_POWER_CUT=all tries every cut, the model ext4 too, and more of what each may leave.
 */
// deadline: 280 s
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pull } from "../../src/engine/images/pull.ts";
import { removeImage } from "../../src/engine/images/remove.ts";
import { save } from "../../src/engine/images/save.ts";
import { words } from "../../tools/power-cut/replay.ts";
import { needing } from "../needs.ts";
import { liveOf } from "../containers/live.ts";
import { recordVerb, replayVerb, type CutVerb } from "./_cut.ts";
import type { SmallEngine } from "./_engine.ts";
import { tar } from "../images/tar.ts";
import { base, image } from "./_images.ts";
import { verbs as writers } from "./_verbs.ts";
import { serve, type SmallRegistry } from "./_registry.ts";

const { test } = needing({ root: true, programs: ["strace", "unshare"] });
let scratch = "";
let registry: SmallRegistry;
const limit = process.env["SAMPAN_POWER_CUT"] === "all" ? 3_600_000 : 100_000;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sampan-verb-cut-"));
  registry = await serve({ "app:1": image(1), "app:2": image(2) });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

const name = (tag: number) => `${registry.host}/app:${tag}`;
const lacks = (engine: SmallEngine, tag: number) =>
  engine.images.find(name(tag)) ? undefined : `image ${tag} is not there`;
const has = (engine: SmallEngine, tag: number) =>
  engine.images.find(name(tag)) ? `image ${tag} is still there` : undefined;

const archive = () => join(scratch, "archive.tar");

/** Both images as an archive, and none of them in the root. */
async function saved(engine: SmallEngine): Promise<void> {
  await pull(engine, name(1));
  await pull(engine, name(2));
  await Bun.write(
    archive(),
    await Array.fromAsync(save(engine, [name(1), name(2)])).then((parts) => Buffer.concat(parts)),
  );
  await act(engine, "prune");
}

const act = async (engine: SmallEngine, verb: string, ...args: string[]) => writers[verb]?.(engine, ...args);

async function createAgain(engine: SmallEngine): Promise<void> {
  for (const { name: there } of engine.containers.list()) await act(engine, "remove-container", there);
  await act(engine, "create", name(1), "box");
}

/** A container that is named can be mounted. */
function container(engine: SmallEngine, promised: boolean): string | undefined {
  const [found] = engine.containers.list();
  if (!found) return promised ? "the container was promised and is not there" : undefined;
  if (engine.snapshots.stat(found.snapshot)?.kind !== "active") return "the container lacks its snapshot";
  const sources = engine.snapshots
    .mounts(found.snapshot)
    .flatMap(({ options }) =>
      options.flatMap((option) => /^(?:lowerdir|upperdir|workdir)=(.*)$/.exec(option)?.[1]?.split(":") ?? []),
    );
  const missing = sources.filter((folder) => !existsSync(folder));
  return missing.length > 0 ? `the container cannot be mounted: ${missing.join(", ")}` : undefined;
}

const verbs: Readonly<Record<string, () => CutVerb>> = {
  pull: () => ({
    args: ["pull", name(1)],
    also: (engine, done) => (done ? lacks(engine, 1) : undefined),
    again: (engine) => pull(engine, name(1)),
  }),
  "pull of a second image that shares a layer": () => ({
    prepare: (engine) => pull(engine, name(1)),
    args: ["pull", name(2)],
    also: (engine, done) => lacks(engine, 1) ?? (done ? lacks(engine, 2) : undefined),
    again: (engine) => pull(engine, name(2)),
  }),
  "removal of an image": () => ({
    prepare: async (engine) => {
      await pull(engine, name(1));
      await pull(engine, name(2));
    },
    args: ["remove", name(1)],
    also: (engine, done) => lacks(engine, 2) ?? (done ? has(engine, 1) : undefined),
    again: (engine) => pull(engine, name(1)),
  }),
  "collection of what a removal has left": () => ({
    prepare: async (engine) => {
      await pull(engine, name(1));
      await pull(engine, name(2));
      await removeImage(engine, name(1), { prune: false });
    },
    args: ["collect"],
    also: (engine) => lacks(engine, 2) ?? has(engine, 1),
    again: (engine) => pull(engine, name(1)),
  }),
  prune: () => ({
    prepare: async (engine) => {
      await pull(engine, name(1));
      await pull(engine, name(2));
      await act(engine, "create", name(1), "box");
    },
    args: ["prune"],
    also: (engine, done) =>
      lacks(engine, 1) ?? container(engine, true) ?? (done ? has(engine, 2) : undefined),
    again: (engine) => pull(engine, name(2)),
  }),
  load: () => ({
    prepare: saved,
    args: ["load", archive()],
    also: (engine, done) => (done ? (lacks(engine, 1) ?? lacks(engine, 2)) : undefined),
    again: (engine) => act(engine, "load", archive()),
  }),
  import: () => ({
    prepare: async () => void (await Bun.write(archive(), tar(base(1)))),
    args: ["import", archive(), name(3)],
    also: (engine, done) => (done ? lacks(engine, 3) : undefined),
    again: (engine) => act(engine, "import", archive(), name(3)),
  }),
  commit: () => ({
    prepare: async (engine) => {
      await pull(engine, name(1));
      await act(engine, "create", name(1), "box");
      const files = engine.snapshots.directory(engine.containers.get("box").snapshot);
      await Bun.write(join(files, "written/by/the/container"), new Uint8Array(9000).fill(7));
    },
    args: ["commit", "box", name(4)],
    also: (engine, done) =>
      lacks(engine, 1) ?? container(engine, true) ?? (done ? lacks(engine, 4) : undefined),
    again: (engine) => act(engine, "commit", "box", name(4)),
  }),
  "pull into plain copies": () => ({
    snapshotter: "copy",
    args: ["pull", name(1)],
    also: (engine, done) => (done ? lacks(engine, 1) : undefined),
    again: (engine) => pull(engine, name(1)),
  }),
  "creation of a container": () => ({
    prepare: (engine) => pull(engine, name(1)),
    args: ["create", name(1), "box"],
    also: (engine, done) => lacks(engine, 1) ?? container(engine, done),
    again: createAgain,
  }),
  "removal of a container": () => ({
    prepare: async (engine) => {
      await pull(engine, name(1));
      await act(engine, "create", name(1), "box");
    },
    args: ["remove-container", "box"],
    also: async (engine, done) => {
      // As every engine does at its start: what was being removed goes (take-away.ts).
      await liveOf(engine).tasks.restore({ supervise: false });
      return (
        lacks(engine, 1) ??
        container(engine, false) ??
        (done && engine.containers.list().length > 0 ? "the container is still there" : undefined)
      );
    },
    again: createAgain,
  }),
};

for (const [title, verb] of Object.entries(verbs))
  test(
    `${title} survives every cut`,
    async () => {
      const recorded = await recordVerb(join(scratch, title), verb());
      const report = await replayVerb(recorded);
      console.log(`${title}: ${words(report)}`);
      expect(words(report)).toEndWith("all good");
      expect(report.states).toBeGreaterThan(50);
    },
    limit,
  );

test(
  "the very same pull without its one sync of everything is found out",
  async () => {
    const recorded = await recordVerb(join(scratch, "unsynced"), (verbs["pull"] as () => CutVerb)());
    const report = await replayVerb(recorded, /^syncfs/);
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0]?.message).toContain("snapshot sha256:");
  },
  limit,
);
