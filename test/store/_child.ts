/** What another process does on a data root: `bun _child.ts VERB ROOT [SEED]`. Says a word on stdout at the moments that tests wait for. */
import { mkdirSync, readdirSync, rmSync, writeSync } from "node:fs";
import { openContent } from "../../src/engine/content/open.ts";
import { openCollector } from "../../src/engine/gc/collect.ts";
import { openLeases } from "../../src/engine/gc/leases.ts";
import { openStore } from "../../src/engine/store/open.ts";
import type { Store } from "../../src/engine/store/store.ts";
import { digestOf, type Digest } from "../../src/spec/image/digest.ts";

const say = (word: string) => void writeSync(1, `${word}\n`);
export const noSync = { sync: () => Promise.resolve() };

/** Of the snapshotter what a collection asks for. */
export function foldersOf(store: Store) {
  const base = `${store.root}/snapshots/copy`;
  mkdirSync(base, { recursive: true, mode: 0o700 });
  return {
    name: "copy" as const,
    list: () => [],
    cleanup: () => {
      const names = readdirSync(base);
      const has = (name: string) =>
        store.db.query("SELECT 1 FROM snapshots WHERE id = ?").get(Number(name)) !== null;
      const left = store.transaction(() => names.filter((name) => !has(name)));
      for (const name of left) rmSync(`${base}/${name}`, { recursive: true, force: true });
      return Promise.resolve(left);
    },
  };
}

/** The bytes of the blobs that children write; few, so that they meet. */
export function bytesOf(number: number): Uint8Array {
  return new Uint8Array(1000 + number * 3000).fill(1 + (number % 250));
}

export const big = new Uint8Array(4 << 20).map((_, i) => (i * 31) % 251);

const verbs = {
  /** Writes half of a blob and then nothing. */
  half: async (store: Store) => {
    const content = openContent(store, noSync);
    const begun = await content.ingest({ digest: digestOf(big), size: big.length });
    if (begun === "present") throw new Error("present");
    for (let at = 0; at < big.length / 2; at += 65536) await begun.write(big.subarray(at, at + 65536));
    say("half");
    await new Promise(() => setInterval(() => {}, 1000));
  },
  /** Stores three blobs, two of them together, each with a row of another table in the same transaction. */
  publish: async (store: Store) => {
    const content = openContent(store, noSync);
    await content.write(bytesOf(1));
    for (const number of [2, 3]) {
      const begun = await content.ingest({ digest: digestOf(bytesOf(number)) });
      if (begun === "present") continue;
      await using growing = begun;
      if (growing.written > 0) await growing.restart();
      await growing.write(bytesOf(number));
      await growing.finish();
    }
    const both = [digestOf(bytesOf(2)), digestOf(bytesOf(3))];
    await content.publish(both, () => {
      for (const digest of both)
        store.db.query("INSERT OR REPLACE INTO images VALUES (?, 'm', 1, 1, 1)").run(digest);
    });
    say("done");
  },
  collect: async (store: Store) => {
    const collected = await openCollector({ store, snapshots: foldersOf(store) }).collect();
    say(`${collected.blobs}`);
  },
  /** Opens the root, which is not there yet. */
  open: (store: Store) => {
    say(`${store.epoch}`);
    return Promise.resolve();
  },
  /** Pulls, removals and collections at random, in an order that the seed gives. Says each blob that it made an image of. */
  churn: async (store: Store, seed: number) => {
    const content = openContent(store, noSync);
    const leases = openLeases(store);
    const gc = openCollector({ store, snapshots: foldersOf(store) });
    const random = randomOf(seed);
    for (let turn = 0; turn < 60; turn++) {
      const bytes = bytesOf(random(8));
      const digest = digestOf(bytes);
      const what = random(10);
      if (what < 5) await pull(store, content, leases, bytes);
      else if (what < 8) store.db.query("DELETE FROM images WHERE target = ?").run(digest);
      else await gc.collect(undefined, { ingests: what === 9 ? "all" : "old" });
    }
    say("done");
  },
};

/** As a pull does: lease, bytes, then blob and record in one transaction. What it leased must then be whole. */
async function pull(
  store: Store,
  content: ReturnType<typeof openContent>,
  leases: ReturnType<typeof openLeases>,
  bytes: Uint8Array,
): Promise<void> {
  const digest = digestOf(bytes);
  await using lease = leases.acquire("pull");
  lease.add("blob", digest);
  const begun = await content.ingest({ digest, size: bytes.length });
  if (begun !== "present") {
    await using growing = begun;
    for (let at = growing.written; at < bytes.length; at += 5000)
      await growing.write(bytes.subarray(at, at + 5000));
    await growing.finish();
  }
  await content.publish([digest], () => record(store, digest));
  await content.read(digest);
}

function record(store: Store, digest: Digest): void {
  store.db.query("INSERT OR IGNORE INTO images VALUES (?, 'm', 1, 1, 1)").run(digest);
}

/** Numbers below a limit, always the same for a seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

if (import.meta.main) {
  const [verb = "", root = "", seed = "0"] = process.argv.slice(2);
  using store = openStore(root);
  await verbs[verb as keyof typeof verbs](store, Number(seed));
}
