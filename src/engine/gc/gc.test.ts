import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, type Digest } from "../../spec/image/digest.ts";
import { openContent } from "../content/open.ts";
import { blobPath, ingestPath } from "../content/paths.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { openCollector } from "./collect.ts";
import { openLeases } from "./leases.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Of the snapshotter only what a collection asks of it: folders of numbers, and that those without rows go. */
function fakeSnapshots(store: Store) {
  const base = join(store.root, "snapshots", "copy");
  mkdirSync(base, { recursive: true });
  return {
    name: "copy" as const,
    cleanup: () => {
      const has = (name: string) =>
        store.db.query("SELECT 1 FROM snapshots WHERE id = ?").get(Number(name)) !== null;
      const left = readdirSync(base).filter((name) => !has(name));
      for (const name of left) rmSync(join(base, name), { recursive: true });
      return Promise.resolve(left);
    },
  };
}

function make() {
  const root = mkdtempSync(join(tmpdir(), "sampan-gc-"));
  const store = openStore(root);
  const content = openContent(store, { sync: () => Promise.resolve() });
  const snapshots = fakeSnapshots(store);
  const snapshot = (key: string, parent: string | null, kind = "committed", driver = "copy") => {
    const made = store.db
      .query<{ id: number }, [string, string, string | null, string, number]>(
        "INSERT INTO snapshots (key, kind, parent, driver, bytes, created) VALUES (?, ?, ?, ?, 4096, ?) RETURNING id",
      )
      .get(key, kind, parent, driver, Date.now());
    const folder = join(root, "snapshots", driver, String(made?.id));
    mkdirSync(join(folder, "fs"), { recursive: true });
    writeFileSync(join(folder, "fs", "file"), key);
    return folder;
  };
  return {
    root,
    store,
    content,
    leases: openLeases(store),
    gc: openCollector({ store, snapshots }),
    snapshots,
    snapshot,
    /** An image of one layer, as a record: manifest → config, layer; one snapshot. */
    image: async (name: string) => {
      const [config, layer] = [
        await content.write(bytesOf(`${name} config`)),
        await content.write(bytesOf(`${name} layer`)),
      ];
      const manifest = await content.write(bytesOf(`${name} manifest`));
      const chain = digestOf(`${name} chain`);
      snapshot(chain, null);
      store.transaction(() => {
        store.db.query("INSERT INTO images VALUES (?, 'm', 1, 1, 1)").run(manifest.digest);
        store.db
          .query("INSERT INTO image_platforms VALUES (?1, ?1, 1, 'm', ?2, '{}', 1, '{}', ?3, 1)")
          .run(
            manifest.digest,
            config.digest,
            JSON.stringify([{ descriptor: { digest: layer.digest }, chainId: chain }]),
          );
        content.link(manifest.digest, [config.digest, layer.digest]);
      });
      return { target: manifest.digest, config: config.digest, layer: layer.digest, chain };
    },
    forget: (target: Digest) => store.db.query("DELETE FROM images WHERE target = ?").run(target),
    [Symbol.dispose]: () => {
      store[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const dead = "INSERT INTO leases VALUES ('dead', 'pull', 1, '0', 'an earlier boot', '', 0)";

describe("collect", () => {
  test("takes what no root reaches, and keeps an image whole", async () => {
    using under = make();
    const [kept, gone] = [await under.image("kept"), await under.image("gone")];
    under.forget(gone.target);
    const collected = await under.gc.collect();
    expect(collected).toMatchObject({ blobs: 3, snapshots: 1, ingests: 0 });
    // Three blobs, a snapshot of 4096 bytes by its row, and the folder around it.
    expect(collected.bytes).toBe(5 * 4096);
    expect(collected.removed).toContain(gone.layer);
    expect(under.content.list().map(({ digest }) => digest)).toEqual(
      [kept.target, kept.config, kept.layer].toSorted(),
    );
    for (const digest of [gone.target, gone.config, gone.layer]) {
      expect(existsSync(blobPath(under.root, digest))).toBe(false);
      expect(under.content.stat(digest)).toBeUndefined();
    }
    expect(under.content.childrenOf(gone.target)).toEqual([]);
    expect(under.store.db.query("SELECT key FROM snapshots").all()).toEqual([{ key: kept.chain }]);
    expect(under.store.db.query("SELECT * FROM garbage").all()).toEqual([]);
  });
  test("a second collection finds nothing", async () => {
    using under = make();
    under.forget((await under.image("gone")).target);
    await under.gc.collect();
    expect(await under.gc.collect()).toEqual({ blobs: 0, snapshots: 0, ingests: 0, bytes: 0, removed: [] });
  });
  test("collections of one process at the same time are one", async () => {
    using under = make();
    under.forget((await under.image("gone")).target);
    const [first, second] = await Promise.all([under.gc.collect(), under.gc.collect()]);
    expect(second).toBe(first);
  });
  test("two processes' collections at the same time each end well", async () => {
    using under = make();
    under.forget((await under.image("gone")).target);
    using store = openStore(under.root);
    const other = openCollector({ store, snapshots: under.snapshots });
    const both = await Promise.all([under.gc.collect(), other.collect()]);
    expect(both.reduce((sum, { blobs }) => sum + blobs, 0)).toBe(3);
  });
  test("a lease keeps a blob with all that it links to, and a snapshot with its parents", async () => {
    using under = make();
    const image = await under.image("leased");
    under.snapshot("child", image.chain, "active");
    under.forget(image.target);
    {
      await using lease = under.leases.acquire("pull");
      lease.add("blob", image.target);
      lease.add("snapshot", "child");
      expect(await under.gc.collect()).toMatchObject({ blobs: 0, snapshots: 0 });
    }
    expect(await under.gc.collect()).toMatchObject({ blobs: 3, snapshots: 2 });
  });
  test("a lease on a chain id keeps the layer that is being unpacked to it, and the other way round", async () => {
    using under = make();
    const [one, two] = [digestOf("one"), digestOf("two")];
    under.snapshot(`unpack-${one}`, null, "active");
    under.snapshot(`unpack-${two}`, one, "active");
    await using lease = under.leases.acquire("pull");
    lease.add("snapshot", two);
    expect(await under.gc.collect()).toMatchObject({ snapshots: 0 });
    under.store.db.query("UPDATE snapshots SET key = ? WHERE key = ?").run(one, `unpack-${one}`);
    expect(await under.gc.collect()).toMatchObject({ snapshots: 0 });
  });
  test("a container keeps its image and its snapshot", async () => {
    using under = make();
    const image = await under.image("used");
    under.snapshot("container", image.chain, "active");
    under.store.db
      .query(
        "INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state) VALUES ('c', 'c', 'used', ?2, ?1, ?1, 'container', '[]', '{}', 0, 'created')",
      )
      .run(image.target, image.config);
    expect(await under.gc.collect()).toMatchObject({ blobs: 0, snapshots: 0 });
  });
  test("a container keeps the images that are mounted into it, and no other's", async () => {
    using under = make();
    const image = await under.image("used");
    const [mine, gone] = ["ab".repeat(32), "cd".repeat(32)];
    for (const id of [mine, gone]) under.snapshot(`${id}-image-1`, null, "view");
    under.store.db
      .query(
        "INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state) VALUES (?3, 'c', 'used', ?2, ?1, ?1, 'container', '[]', '{}', 0, 'created')",
      )
      .run(image.target, image.config, mine);
    expect(await under.gc.collect()).toMatchObject({ snapshots: 1 });
    expect(under.store.db.query("SELECT key FROM snapshots WHERE kind = 'view'").all()).toEqual([
      { key: `${mine}-image-1` },
    ]);
  });
  test("the lease of a process that is gone keeps nothing", async () => {
    using under = make();
    const image = await under.image("gone");
    under.forget(image.target);
    under.store.db.run(dead);
    under.store.db.query("INSERT INTO lease_items VALUES ('dead', 'blob', ?)").run(image.target);
    expect(under.leases.list()).toMatchObject([{ id: "dead", alive: false }]);
    expect(await under.gc.collect()).toMatchObject({ blobs: 3 });
    expect(under.leases.list()).toEqual([]);
  });
  test("a process number that was given again is not the process of the lease", async () => {
    using under = make();
    await using _mine = under.leases.acquire("pull");
    under.store.db.run("UPDATE leases SET start_time = start_time + 1");
    expect(under.leases.list()).toMatchObject([{ alive: false }]);
  });
  test("what was leased between mark and sweep keeps its file for who publishes it", async () => {
    using under = make();
    const image = await under.image("back");
    under.forget(image.target);
    const lease = under.leases.acquire("pull");
    let transactions = 0;
    const store: Store = {
      ...under.store,
      transaction: (change) => {
        if (++transactions === 2) lease.add("blob", image.layer);
        return under.store.transaction(change);
      },
    };
    const collected = await openCollector({ store, snapshots: under.snapshots }).collect();
    expect(collected.removed).not.toContain(image.layer);
    expect(existsSync(blobPath(under.root, image.layer))).toBe(true);
    expect(under.content.stat(image.layer)).toBeUndefined();
    await under.content.write(bytesOf("back layer"));
    expect(await under.content.verify(image.layer)).toBe("whole");
    under.content.link(image.target, [image.layer]);
    await under.gc.collect();
    expect(await under.content.verify(image.layer)).toBe("whole");
    lease.release();
    expect(await under.gc.collect()).toMatchObject({ blobs: 1 });
  });
  test("what was published again between mark and sweep stays", async () => {
    using under = make();
    const { digest } = await under.content.write(bytesOf("back"));
    let transactions = 0;
    const store: Store = {
      ...under.store,
      transaction: (change) => {
        if (++transactions === 2)
          under.store.db
            .query("INSERT INTO blobs (digest, size, created, verified_epoch) VALUES (?, 4, 0, 1)")
            .run(digest);
        return under.store.transaction(change);
      },
    };
    expect(await openCollector({ store, snapshots: under.snapshots }).collect()).toMatchObject({ blobs: 0 });
    expect(await under.content.verify(digest)).toBe("whole");
    expect(under.store.db.query("SELECT * FROM garbage").all()).toEqual([]);
  });
  test("files and folders that a crash left without rows go", async () => {
    using under = make();
    const { digest } = await under.content.write(bytesOf("stray"));
    under.store.db.run("DELETE FROM blobs");
    writeFileSync(`${blobPath(under.root, digestOf("x"))}.new`, "x");
    const folder = under.snapshot("stray", null);
    under.store.db.run("DELETE FROM snapshots");
    expect(await under.gc.collect()).toMatchObject({ blobs: 2, snapshots: 1 });
    expect(existsSync(blobPath(under.root, digest))).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });
  test("folders of containers without a row go, what was put into tmp just now stays", async () => {
    using under = make();
    for (const name of ["containers/gone", "tmp/probe"])
      mkdirSync(join(under.root, name), { recursive: true });
    expect((await under.gc.collect()).removed).toEqual(["containers/gone"]);
    expect(readdirSync(join(under.root, "tmp"))).toEqual(["probe"]);
  });
  test("what is older than the database goes only when that is asked for", async () => {
    using under = make();
    const [folder, container] = [
      under.snapshot("upper", null, "active", "overlayfs"),
      join(under.root, "containers/c1"),
    ];
    mkdirSync(container, { recursive: true });
    under.store[Symbol.dispose]();
    rmSync(join(under.root, "sampan.db"));
    using store = openStore(under.root);
    const gc = openCollector({ store, snapshots: fakeSnapshots(store) });
    expect((await gc.collect(undefined, { ingests: "all" })).removed).toEqual([]);
    expect([folder, container].map(existsSync)).toEqual([true, true]);
    expect((await gc.collect(undefined, { found: "take" })).removed).toEqual(["snapshot 1", "containers/c1"]);
    expect([folder, container].map(existsSync)).toEqual([false, false]);
  });
  test("what another snapshotter left goes too", async () => {
    using under = make();
    const folder = under.snapshot("old", null, "committed", "overlayfs");
    expect(await under.gc.collect()).toMatchObject({ snapshots: 1 });
    expect(existsSync(folder)).toBe(false);
  });
  test("a file that is nobody's is left where it is", async () => {
    using under = make();
    await under.content.write(bytesOf("x"));
    const path = join(under.root, "content/blobs/sha256/README");
    writeFileSync(path, "mine");
    await under.gc.collect();
    expect(existsSync(path)).toBe(true);
  });
  test("a collection stops at its signal", async () => {
    using under = make();
    await under.content.write(bytesOf("gone"));
    const code = await under.gc.collect(AbortSignal.abort()).catch((error: { code: string }) => error.code);
    expect(code).toBe("cancelled");
    expect(await under.gc.collect()).toMatchObject({ blobs: 1 });
  });
});

describe("collect: partial downloads", () => {
  const digest = digestOf("partial");
  const old = new Date(Date.now() - 48 * 3600 * 1000);
  async function partial(under: ReturnType<typeof make>) {
    const begun = await under.content.ingest({ digest });
    if (begun === "present") throw new Error("present");
    await begun.write(bytesOf("part"));
    return begun;
  }
  test("a fresh one stays for the next try, an old one goes", async () => {
    using under = make();
    await (await partial(under))[Symbol.asyncDispose]();
    expect(await under.gc.collect()).toMatchObject({ ingests: 0 });
    utimesSync(ingestPath(under.root, digest), old, old);
    expect(await under.gc.collect()).toMatchObject({ ingests: 1, bytes: 4096 });
  });
  test("a fresh one goes when all are asked for", async () => {
    using under = make();
    await (await partial(under))[Symbol.asyncDispose]();
    expect(await under.gc.collect(undefined, { ingests: "all" })).toMatchObject({ ingests: 1 });
  });
  test("one that nobody can go on with goes as soon as its writer is gone", async () => {
    using under = make();
    const unknown = await under.content.ingestUnknown(100);
    await unknown.write(bytesOf("part"));
    expect(await under.gc.collect(undefined, { ingests: "all" })).toMatchObject({ ingests: 0 });
    // As after a crash: the same bytes under the same name, and no lock.
    copyFileSync(unknown.path, `${unknown.path}.copy`);
    renameSync(`${unknown.path}.copy`, unknown.path);
    expect(await under.gc.collect()).toMatchObject({ ingests: 1 });
    await unknown[Symbol.asyncDispose]();
  });
  test("what one lets go stays when another has leased it", async () => {
    using under = make();
    await (await partial(under))[Symbol.asyncDispose]();
    await using mine = under.leases.acquire("load");
    mine.add("ingest", digest);
    {
      await using other = under.leases.acquire("pull");
      other.add("ingest", digest);
      await under.content.abandon([digest], mine);
      expect(existsSync(ingestPath(under.root, digest))).toBe(true);
    }
    await under.content.abandon([digest], mine);
    expect(existsSync(ingestPath(under.root, digest))).toBe(false);
  });
  test("one that is being written stays, and so does one that is leased", async () => {
    using under = make();
    const growing = await partial(under);
    utimesSync(growing.path, old, old);
    expect(await under.gc.collect(undefined, { ingests: "all" })).toMatchObject({ ingests: 0 });
    await growing[Symbol.asyncDispose]();
    await using lease = under.leases.acquire("pull");
    lease.add("ingest", digest);
    expect(await under.gc.collect(undefined, { ingests: "all" })).toMatchObject({ ingests: 0 });
  });
});
