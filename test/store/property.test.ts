/** Random sequences of what users and crashes do, held against a model: what must stay, and what must go. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blobPath } from "../../src/engine/content/paths.ts";
import type { Lease } from "../../src/engine/gc/gc.ts";
import { digestOf, type Digest } from "../../src/spec/image/digest.ts";
import { randomOf } from "./_child.ts";
import { newRoot } from "./_roots.ts";
import { expectWhole, openParts } from "./_whole.ts";

type Parts = ReturnType<typeof openParts>;

const textOf = (number: number) => `blob ${number}`;
const digest = (number: number) => digestOf(textOf(number));
const encoder = new TextEncoder();
const count = 12;

/** What the store should hold. Blob n links to some of the blobs above it, so there are no circles, and two parents share children. */
interface Model {
  readonly images: Set<number>;
  readonly leased: Map<number, Lease>;
  readonly published: Set<number>;
  /** Those whose links are known: they were pulled, and nothing took them since. */
  readonly linked: Set<number>;
  readonly snapshots: Map<string, string | null>;
}

const childrenOf = (number: number) =>
  [number * 2, number * 3].filter((child) => child > number && child < count);

/** A blob and all below it. */
function family(number: number): number[] {
  return [...new Set([number, ...childrenOf(number).flatMap(family)])];
}

function reached(model: Model): Set<number> {
  const found = new Set<number>();
  const visit = (number: number): void => {
    if (found.has(number)) return;
    found.add(number);
    if (model.linked.has(number)) childrenOf(number).forEach(visit);
  };
  for (const number of [...model.images, ...model.leased.keys()]) visit(number);
  return found;
}

const chain = (number: number) => digestOf(`chain ${number}`);

function reachedSnapshots(model: Model): Set<string> {
  const found = new Set<string>();
  for (const number of model.images)
    for (let key: string | null | undefined = chain(number); key; key = model.snapshots.get(key))
      found.add(key);
  return new Set([...found].filter((key) => model.snapshots.has(key)));
}

type Step = (parts: Parts, model: Model, number: number) => Promise<void> | void;

/** The image with all that it links to, as a pull leaves it. */
const pull: Step = async (parts, model, number) => {
  for (const each of family(number)) {
    await parts.content.write(encoder.encode(textOf(each)));
    parts.content.link(digest(each), childrenOf(each).map(digest));
    model.published.add(each);
    model.linked.add(each);
  }
  addSnapshot(parts, model, number);
  if (model.images.has(number)) return;
  model.images.add(number);
  const layers = JSON.stringify([{ descriptor: { digest: digest(number) }, chainId: chain(number) }]);
  parts.store.transaction(() => {
    parts.store.db.query("INSERT INTO images VALUES (?, 'm', 1, 1, 1)").run(digest(number));
    parts.store.db
      .query("INSERT INTO image_platforms VALUES (?1, ?1, 1, 'm', ?1, '{}', 1, '{}', ?2, 1)")
      .run(digest(number), layers);
  });
};

function addSnapshot({ store }: Parts, model: Model, number: number): void {
  const below = [...model.snapshots.keys()].at(number % Math.max(1, model.snapshots.size)) ?? null;
  const key = chain(number);
  if (model.snapshots.has(key)) return;
  const sql =
    "INSERT INTO snapshots (key, kind, parent, driver, created) VALUES (?, 'committed', ?, 'copy', 0) RETURNING id";
  const made = store.db.query<{ id: number }, (string | null)[]>(sql).get(key, below);
  mkdirSync(join(store.root, "snapshots/copy", String(made?.id), "fs"), { recursive: true });
  model.snapshots.set(key, below);
}

const steps: readonly Step[] = [
  pull,
  pull,
  async ({ content }, model, number) => {
    await content.write(encoder.encode(textOf(number)));
    model.published.add(number);
  },
  ({ store }, model, number) => {
    store.db.query("DELETE FROM images WHERE target = ?").run(digest(number));
    model.images.delete(number);
  },
  ({ leases }, model, number) => {
    if (model.leased.has(number)) return;
    const lease = leases.acquire(`pull ${number}`);
    lease.add("blob", digest(number));
    model.leased.set(number, lease);
  },
  (_parts, model, number) => {
    model.leased.get(number)?.release();
    model.leased.delete(number);
  },
  /** A blob that its disk lost. */
  async ({ content, store }, model, number) => {
    if (!model.published.has(number)) return;
    rmSync(blobPath(store.root, digest(number)), { force: true });
    expect(await content.read(digest(number)).catch(() => "lost")).toBe("lost");
    model.published.delete(number);
  },
  /** Files of a crash: a blob without row, a partial one. */
  async ({ content, store }, model, number) => {
    const begun = await content.ingest({ digest: digest(number) });
    if (begun === "present") return;
    await using growing = begun;
    if (growing.written === 0) await growing.write(encoder.encode("blo"));
    if (
      !model.published.has(number) &&
      store.db.query("SELECT 1 FROM blobs WHERE digest = ?").get(digest(number)) === null
    )
      writeFileSync(blobPath(store.root, digest(number)), "stray");
  },
  collectAndCompare,
];

async function collectAndCompare(parts: Parts, model: Model): Promise<void> {
  await parts.gc.collect();
  const keep = reached(model);
  for (const number of model.published) if (!keep.has(number)) model.published.delete(number);
  for (const number of model.linked) if (!keep.has(number)) model.linked.delete(number);
  const keepSnapshots = reachedSnapshots(model);
  for (const key of model.snapshots.keys()) if (!keepSnapshots.has(key)) model.snapshots.delete(key);
  compare(parts, model);
}

function compare({ content, store }: Parts, model: Model): void {
  const published = [...model.published].map(digest).toSorted();
  expect(content.list().map((blob) => blob.digest)).toEqual(published);
  const files = readdirSync(join(store.root, "content/blobs/sha256")).map(
    (name) => `sha256:${name}` as Digest,
  );
  const leased = new Set([...model.leased.keys()].map(digest));
  // What is leased may be in the middle of its publishing: its file is nobody's to take.
  expect(files.filter((name) => !leased.has(name)).toSorted()).toEqual(
    published.filter((name) => !leased.has(name)),
  );
  const rows = store.db.query<{ key: string }, []>("SELECT key FROM snapshots").all();
  expect(new Set(rows.map(({ key }) => key))).toEqual(new Set(model.snapshots.keys()));
  expect(readdirSync(join(store.root, "snapshots/copy"))).toHaveLength(rows.length);
}

test.each([1, 2, 3, 4, 5, 6])(
  "after any sequence, what is needed is here and the rest is gone (seed %i)",
  async (seed) => {
    using root = newRoot();
    const random = randomOf(seed);
    const model: Model = {
      images: new Set(),
      leased: new Map(),
      published: new Set(),
      linked: new Set(),
      snapshots: new Map(),
    };
    {
      using parts = openParts(root.path);
      for (let turn = 0; turn < 120; turn++) {
        const step = steps[random(steps.length)] ?? collectAndCompare;
        await step(parts, model, 1 + random(count - 1));
      }
      for (const lease of model.leased.values()) lease.release();
      model.leased.clear();
      // What the disk lost is fetched again; then nothing may be wrong.
      for (const number of model.images) await pull(parts, model, number);
      await collectAndCompare(parts, model);
    }
    await expectWhole(root.path);
  },
);

test("a thousand images of ten layers are marked in one go", async () => {
  using root = newRoot();
  using parts = openParts(root.path);
  const { db } = parts.store;
  const layer = (image: number, index: number) =>
    digestOf(`layer ${index < 8 ? index : `${image}/${index}`}`);
  parts.store.transaction(() => {
    const add = db.query("INSERT OR IGNORE INTO blobs VALUES (?, 1, 1, 1, 0)");
    for (let image = 0; image < 1000; image++) {
      const target = digestOf(`image ${image}`);
      const layers = Array.from({ length: 10 }, (_, index) => layer(image, index));
      for (const one of [target, ...layers]) add.run(one);
      if (image % 2 === 1) continue;
      db.query("INSERT INTO images VALUES (?, 'm', 1, 1, ?)").run(target, image);
      db.query("INSERT INTO image_platforms VALUES (?1, ?1, 1, 'm', ?1, '{}', 1, '{}', ?2, 1)").run(
        target,
        JSON.stringify(layers.map((one) => ({ descriptor: { digest: one }, chainId: one }))),
      );
      parts.content.link(target, layers);
    }
  });
  await parts.gc.collect();
  expect(parts.content.list()).toHaveLength(8 + 500 * 3);
  expect(db.query("SELECT count(*) AS count FROM garbage").get()).toEqual({ count: 0 });
});
