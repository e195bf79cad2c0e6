/** What must hold of a data root after a power cut or a kill, whatever was going on. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../src/spec/image/digest.ts";
import { check } from "../../src/engine/disk/check.ts";
import { differences, readTree } from "../../tools/power-cut/place.ts";
import type { Tree } from "../../tools/power-cut/tree.ts";
import type { SmallEngine } from "./_engine.ts";

/** The trees of committed snapshots as a clean run made them, by chain id. */
export type Trees = ReadonlyMap<string, Tree>;

interface SnapshotRow {
  readonly id: number;
  readonly key: string;
  readonly kind: string;
  readonly driver: string;
}

function snapshotsOf({ store }: SmallEngine): SnapshotRow[] {
  return store.db.query<SnapshotRow, []>("SELECT id, key, kind, driver FROM snapshots").all();
}

const folderOf = ({ store }: SmallEngine, { driver, id }: SnapshotRow) =>
  join(store.root, "snapshots", driver, String(id), "fs");

/** Of several moments of one root. */
export function treesOfAll(...moments: readonly Trees[]): Trees {
  return new Map(moments.flatMap((trees) => [...trees]));
}

export function treesOf(engine: SmallEngine): Trees {
  const committed = snapshotsOf(engine).filter(({ kind }) => kind === "committed");
  return new Map(committed.map((row) => [row.key, withoutClock(readTree(folderOf(engine, row)))]));
}

/** What has no time in its archive has that of the unpacking, which nothing is promised of. The archives of these tests are of 2020. */
function withoutClock(tree: Tree): Tree {
  for (const [, inode] of tree.walk()) {
    const { node } = tree.get(inode);
    if ((node.modified ?? 0n) > 1_700_000_000_000_000_000n)
      tree.apply({ kind: "meta", inode, set: { modified: undefined } }, 0);
  }
  return tree;
}

/** Everything that is wrong, in words. */
export async function faults(engine: SmallEngine, trees: Trees): Promise<string[]> {
  const found: string[] = [];
  const [sound] = engine.store.db.query("PRAGMA integrity_check").values()[0] ?? [];
  if (sound !== "ok") found.push(`the database is damaged: ${String(sound)}`);
  const problems = await check(engine, { repair: false, deep: true });
  found.push(...problems.filter(({ severity }) => severity === "damage").map(({ what }) => what));
  for (const { digest } of engine.content.list()) {
    const state = await engine.content.verify(digest);
    if (state !== "whole") found.push(`blob ${digest} is ${state}`);
  }
  for (const row of snapshotsOf(engine)) {
    if (row.kind !== "committed") continue;
    const tree = trees.get(row.key);
    if (!tree) found.push(`snapshot ${row.key} is one that nobody made`);
    else if (!existsSync(folderOf(engine, row))) found.push(`snapshot ${row.key} has no folder`);
    else
      found.push(
        ...differences(tree, readTree(folderOf(engine, row))).map((line) => `snapshot ${row.key}: ${line}`),
      );
  }
  for (const image of engine.images.list()) {
    const chains = image.layers.map(({ chainId }) => chainId);
    const blobs = [
      image.target.digest,
      image.manifest.digest,
      image.id,
      ...image.layers.map((layer) => layer.descriptor.digest),
    ];
    for (const chain of chains) {
      if (engine.snapshots.stat(chain)?.kind !== "committed")
        found.push(`image ${image.id} lacks snapshot ${chain}`);
    }
    for (const digest of blobs)
      if (!engine.content.stat(digest as Digest)) found.push(`image ${image.id} lacks blob ${digest}`);
  }
  return found;
}

/** What is still there after a collection and should not be: files without a row, rows that nobody holds. Of tmp/ a collection takes what is some minutes old. */
export async function leftovers(engine: SmallEngine): Promise<string[]> {
  await engine.gc.collect(undefined, { ingests: "all" });
  const problems = await check(engine, { repair: false, deep: false });
  const { root, db } = engine.store;
  const files = (folder: string) => (existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : []);
  const blobs = new Set(engine.content.list().map(({ digest }) => digest.slice("sha256:".length)));
  const ids = new Set(snapshotsOf(engine).map(({ id, driver }) => `${driver}/${id}`));
  const known = new Set([
    "content",
    "snapshots",
    "containers",
    "tmp",
    "sampan.db",
    "sampan.db-wal",
    "sampan.db-shm",
    "reserve",
  ]);
  return [
    ...problems.map(({ what }) => what).filter((what) => !/^(?:probe|spool)-/.test(what)),
    ...files(".").filter((name) => !known.has(name)),
    ...files("content/ingest").map((name) => `content/ingest/${name}`),
    ...files("content/blobs/sha256")
      .filter((name) => !blobs.has(name))
      .map((name) => `blob ${name}`),
    ...files("snapshots")
      .flatMap((driver) => files(`snapshots/${driver}`).map((id) => `${driver}/${id}`))
      .filter((name) => !ids.has(name))
      .map((name) => `snapshots/${name}`),
    ...snapshotsOf(engine)
      .filter(({ key, kind }) => kind === "active" && key.startsWith("unpack-"))
      .map(({ key }) => `snapshot ${key}`),
    ...db
      .query<{ purpose: string }, []>("SELECT purpose FROM leases")
      .all()
      .map(({ purpose }) => `lease ${purpose}`),
    ...db
      .query<{ key: string }, []>("SELECT key FROM garbage")
      .all()
      .map(({ key }) => `garbage ${key}`),
  ];
}
