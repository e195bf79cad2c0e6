import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SampanError } from "../../base/errors.ts";
import { digestOf } from "../../spec/image/digest.ts";
import { openContent } from "../content/open.ts";
import { blobPath } from "../content/paths.ts";
import { openCollector } from "../gc/collect.ts";
import { openLeases } from "../gc/leases.ts";
import type { EngineSettings } from "../settings.ts";
import { openStore } from "../store/open.ts";
import { ensureRoom, watchRoom } from "./budget.ts";
import { check } from "./check.ts";
import { diskUsage } from "./usage.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function make(budget = 0) {
  const root = mkdtempSync(join(tmpdir(), "sampan-disk-"));
  const store = openStore(root);
  const content = openContent(store, { sync: () => Promise.resolve() });
  const folder = (id: number) => join(root, "snapshots/copy", String(id));
  const snapshots = {
    name: "copy" as const,
    list: () => [],
    cleanup: () => {
      const base = join(root, "snapshots/copy");
      const has = (name: string) =>
        store.db.query("SELECT 1 FROM snapshots WHERE id = ?").get(Number(name)) !== null;
      const left = readdirSync(base).filter((name) => !has(name));
      for (const name of left) rmSync(join(base, name), { recursive: true });
      return Promise.resolve(left);
    },
  };
  mkdirSync(join(root, "snapshots/copy"), { recursive: true, mode: 0o700 });
  const engine = {
    store,
    content,
    leases: openLeases(store),
    gc: openCollector({ store, snapshots }),
    settings: { root, budget } as EngineSettings,
    snapshots,
  };
  const snapshot = (key: string, parent: string | null, kind = "committed") => {
    const sql =
      "INSERT INTO snapshots (key, kind, parent, driver, created) VALUES (?, ?, ?, 'copy', 0) RETURNING id";
    const { id } = store.db.query<{ id: number }, (string | null)[]>(sql).get(key, kind, parent) ?? { id: 0 };
    mkdirSync(join(folder(id), "fs"), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder(id), "fs/file"), key);
    return folder(id);
  };
  return {
    root,
    engine,
    snapshot,
    /** An image of one named and one shared layer. */
    image: async (name: string) => {
      const [config, layer, shared, manifest] = [
        await content.write(bytesOf(`${name} config`)),
        await content.write(bytesOf(`${name} layer`)),
        await content.write(bytesOf("shared layer")),
        await content.write(bytesOf(`${name} manifest`)),
      ];
      const chains = [digestOf("shared chain"), digestOf(`${name} chain`)] as const;
      if (store.db.query("SELECT 1 FROM snapshots WHERE key = ?").get(chains[0]) === null)
        snapshot(chains[0], null);
      const path = snapshot(chains[1], chains[0]);
      const layers = [
        { descriptor: { digest: shared.digest }, chainId: chains[0] },
        { descriptor: { digest: layer.digest }, chainId: chains[1] },
      ];
      store.db.query("INSERT INTO images VALUES (?, 'm', 1, 1, 1)").run(manifest.digest);
      store.db.query("INSERT INTO names VALUES (?, ?, 1)").run(name, manifest.digest);
      store.db
        .query("INSERT INTO image_platforms VALUES (?1, ?1, 1, 'm', ?2, '{}', 1, '{}', ?3, 1)")
        .run(manifest.digest, config.digest, JSON.stringify(layers));
      return { target: manifest.digest, layer: layer.digest, shared: shared.digest, chains, path };
    },
    container: (name: string, image: { target: string }, snapshotKey: string, config = "{}") => {
      store.db
        .query(
          "INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state) VALUES (?1, ?1, 'i', ?2, ?2, ?2, ?3, '[]', ?4, 0, 'created')",
        )
        .run(name, image.target, snapshotKey, config);
    },
    [Symbol.dispose]: () => {
      store[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Counted by find(1): each inode once. */
function allBytes(root: string): number {
  const { stdout } = Bun.spawnSync(["find", root, "-printf", "%i %b\\n"]);
  const lines = new Set(stdout.toString().trim().split("\n"));
  return [...lines].reduce((sum, line) => sum + Number(line.split(" ")[1]) * 512, 0);
}

const codeOf = (doing: Promise<unknown>) =>
  doing.then(
    () => "done",
    (error: SampanError) => error.code,
  );

describe("disk usage", () => {
  test("every byte is in one item, and the items add up", async () => {
    using under = make();
    const image = await under.image("alpine");
    under.snapshot("writable", image.chains[1], "active");
    under.container("web", image, "writable");
    mkdirSync(join(under.root, "containers/web"), { recursive: true });
    for (const name of ["log", "log.1", "config.json"])
      writeFileSync(join(under.root, "containers/web", name), "x".repeat(5000));
    mkdirSync(join(under.root, "volumes/data"), { recursive: true });
    writeFileSync(join(under.root, "volumes/data/file"), "x".repeat(9000));
    mkdirSync(join(under.root, "strange/deep"), { recursive: true });
    writeFileSync(join(under.root, "strange/deep/file"), "x");
    linkSync(join(under.root, "strange/deep/file"), join(under.root, "strange/again"));
    linkSync(blobPath(under.root, image.layer), join(under.root, "strange/blob"));
    symlinkSync("/etc", join(under.root, "cache"));
    const usage = await diskUsage(under.engine);
    expect(usage.total).toBe(allBytes(under.root));
    expect(usage.categories.reduce((sum, { size }) => sum + size, 0)).toBe(usage.total);
    for (const { items, size } of usage.categories)
      expect(items.reduce((sum, item) => sum + item.size, 0)).toBe(size);
    const sizes = Object.fromEntries(usage.categories.map(({ name, size }) => [name, size]));
    expect(sizes).toMatchObject({ images: 4 * 4096, logs: 2 * 8192, "partial downloads": 0, garbage: 0 });
    expect(
      usage.categories
        .find(({ name }) => name === "unknown")
        ?.items.map(({ name }) => name)
        .toSorted(),
    ).toEqual(["cache", "strange"]);
  });
  test("what is shared is said so, with who shares it", async () => {
    using under = make();
    const one = await under.image("one");
    await under.image("two");
    under.snapshot("writable", one.chains[1], "active");
    under.container("web", one, "writable");
    const usage = await diskUsage(under.engine);
    const items = (name: string) => usage.categories.find((category) => category.name === name)?.items ?? [];
    expect(items("images").find(({ name }) => name === one.shared)).toMatchObject({
      shared: true,
      usedBy: ["one", "container web", "two"],
    });
    expect(items("images").find(({ name }) => name === "one")).toMatchObject({
      shared: false,
      size: 3 * 4096,
    });
    expect(items("layers").find(({ name }) => name === one.chains[0])?.shared).toBe(true);
    expect(items("layers").find(({ name }) => name === one.chains[1])).toMatchObject({
      shared: false,
      usedBy: ["one", "container web"],
    });
    expect(items("containers")).toMatchObject([{ name: "web", usedBy: ["web"] }]);
  });
  test("counts images, layers and containers, and what is of no container can be had back", async () => {
    using under = make();
    const [one, two] = [await under.image("one"), await under.image("two")];
    const look = async (name: string) =>
      (await diskUsage(under.engine)).categories.find((category) => category.name === name);
    const freeItems = async (name: string) =>
      (await look(name))?.items.filter((item) => item.reclaimable).map((item) => item.name);
    const images = await look("images");
    expect(images).toMatchObject({ count: 2, active: 0, reclaimable: images?.size });
    const layers = await look("layers");
    expect(layers).toMatchObject({ count: 3, active: 0, reclaimable: layers?.size });
    under.snapshot("writable", one.chains[1], "active");
    under.container("web", one, "writable");
    expect(await look("images")).toMatchObject({ count: 2, active: 1 });
    expect(await freeItems("images")).toEqual(["two"]);
    expect(await look("layers")).toMatchObject({ count: 3, active: 2 });
    expect(await freeItems("layers")).toEqual([two.chains[1] as string]);
    const stopped = await look("containers");
    expect(stopped).toMatchObject({ count: 1, active: 0, reclaimable: stopped?.size });
    under.engine.store.db.run("UPDATE containers SET state = 'running'");
    expect(await look("containers")).toMatchObject({ count: 1, active: 1, reclaimable: 0 });
  });
  test("what nobody uses can be had back, what a pull holds cannot", async () => {
    using under = make();
    const { digest } = await under.engine.content.write(bytesOf("free"));
    const reclaimable = async () =>
      (await diskUsage(under.engine)).categories.find(({ name }) => name === "images")?.reclaimable;
    expect(await reclaimable()).toBe(4096);
    await using lease = under.engine.leases.acquire("pull alpine");
    lease.add("blob", digest);
    expect(await reclaimable()).toBe(0);
  });
  test("a volume is used by the containers that mount it", async () => {
    using under = make();
    const image = await under.image("alpine");
    const volumes = [
      { source: "data", kind: "volume" },
      { source: "/etc", kind: "bind" },
    ];
    under.container("web", image, "x", JSON.stringify({ volumes }));
    for (const name of ["data", "free"]) mkdirSync(join(under.root, "volumes", name), { recursive: true });
    const found = (await diskUsage(under.engine)).categories.find(({ name }) => name === "volumes");
    expect(found?.items.map(({ name, usedBy }) => [name, usedBy])).toEqual([
      ["data", ["container web"]],
      ["free", []],
    ]);
    expect(found?.reclaimable).toBe(4096);
  });
  test("what has no row is garbage", async () => {
    using under = make();
    await under.engine.content.write(bytesOf("free"));
    under.snapshot("x", null);
    under.engine.store.db.run("DELETE FROM blobs; DELETE FROM snapshots");
    mkdirSync(join(under.root, "containers/gone"), { recursive: true });
    const garbage = (await diskUsage(under.engine)).categories.find(({ name }) => name === "garbage");
    expect(garbage?.items.map(({ name }) => name).toSorted()).toEqual([
      "containers/gone",
      digestOf("free"),
      "snapshots/copy/1",
    ]);
    expect(garbage?.reclaimable).toBe(garbage?.size);
  });
});

describe("the budget", () => {
  test("there is none by default", async () => {
    using under = make();
    await ensureRoom(under.engine, Number.MAX_SAFE_INTEGER);
  });
  test("garbage makes room", async () => {
    // The database's reserve is a megabyte of it.
    using under = make(2_000_000 + 2 ** 20);
    const { digest } = await under.engine.content.write(new Uint8Array(1_000_000));
    await ensureRoom(under.engine, 500_000);
    expect(under.engine.content.stat(digest)).toBeDefined();
    await ensureRoom(under.engine, 1_500_000);
    expect(under.engine.content.stat(digest)).toBeUndefined();
  });
  test("a partial download that nobody works on makes room too", async () => {
    using under = make(4_000_000);
    const begun = await under.engine.content.ingest({ digest: digestOf("partial") });
    if (begun === "present") throw new Error("it cannot be here");
    await begun.write(new Uint8Array(2_000_000));
    await begun[Symbol.asyncDispose]();
    await ensureRoom(under.engine, 2_500_000);
    expect(readdirSync(join(under.root, "content/ingest"))).toEqual([]);
  });
  test("what has outgrown it is told while it grows", async () => {
    using under = make(2_000_000);
    const { promise, resolve } = Promise.withResolvers<SampanError>();
    using watch = watchRoom(under.engine, resolve);
    mkdirSync(join(under.root, "cache"));
    writeFileSync(join(under.root, "cache/growing"), new Uint8Array(2_000_000));
    const error = await promise;
    expect(error).toBe(watch.exceeded as SampanError);
    expect(error.code).toBe("resource_exhausted");
    expect(error.message).toMatch(
      /^cannot store more in ".*": with it, [23]\d{6} bytes are in use and the budget is 2000000; /,
    );
  });
  test("what does not fit is refused with the numbers", async () => {
    using under = make(2_000_000);
    const refused = ensureRoom(under.engine, 3_000_000);
    expect(await codeOf(refused)).toBe("resource_exhausted");
    expect(await refused.catch(String)).toMatch(/cannot store 3000000 bytes.*the budget is 2000000/);
  });
});

describe("check", () => {
  const look = (under: ReturnType<typeof make>, repair = false, deep = false) =>
    check(under.engine, { repair, deep });
  const damage = (path: string, text: string) => {
    chmodSync(path, 0o600);
    writeFileSync(path, text);
  };
  test("finds nothing in a store that is whole", async () => {
    using under = make();
    await under.image("alpine");
    expect(await look(under)).toEqual([]);
    expect(await look(under, true, true)).toEqual([]);
  });
  test("a blob that lost bytes, and what heals its image", async () => {
    using under = make();
    const image = await under.image("alpine");
    damage(blobPath(under.root, image.layer), "x");
    const texts = (await look(under)).map(({ what }) => what);
    expect(texts[0]).toContain(`blob ${image.layer} is damaged: its file has 1 bytes, wanted 12`);
    const lacks = `image "alpine" lacks ${image.layer}; `;
    expect(texts[1]).toContain(
      `${lacks}it came from no registry: load or import it again, or make it anew; \`sampan rmi alpine\` removes it`,
    );
    const healing = async () => (await look(under))[1]?.what;
    const { db } = under.engine.store;
    db.query("INSERT INTO repo_digests (repository, target) VALUES ('r.example/alpine', ?)").run(
      image.target,
    );
    // A name that was given here is none of the registry's.
    expect(await healing()).toBe(`${lacks}\`sampan pull r.example/alpine@${image.target}\` heals it`);
    db.query("INSERT INTO names VALUES ('r.example/alpine:1', ?, 1)").run(image.target);
    expect(await healing()).toBe(`${lacks}\`sampan pull r.example/alpine:1\` heals it`);
    expect(under.engine.content.stat(image.layer)).toBeDefined();
    await look(under, true);
    expect(under.engine.content.stat(image.layer)).toBeUndefined();
    await under.engine.content.write(bytesOf("alpine layer"));
    expect(await look(under)).toEqual([]);
  });
  test("other bytes of the same size are found by a deep check alone", async () => {
    using under = make();
    const image = await under.image("alpine");
    damage(blobPath(under.root, image.layer), "ALPINE LAYER");
    expect(await look(under)).toEqual([]);
    expect((await look(under, false, true)).map(({ severity }) => severity)).toEqual(["damage", "damage"]);
  });
  test("a blob whose file is gone", async () => {
    using under = make();
    const image = await under.image("alpine");
    rmSync(blobPath(under.root, image.layer));
    expect((await look(under, true)).map(({ what }) => what)[0]).toContain("its file is gone");
    expect(under.engine.content.stat(image.layer)).toBeUndefined();
  });
  test("a snapshot without directory loses its row, so that it is unpacked again", async () => {
    using under = make();
    const image = await under.image("alpine");
    rmSync(image.path, { recursive: true });
    expect(await look(under, true)).toMatchObject([{ severity: "damage", repaired: true }]);
    expect(await look(under)).toEqual([]);
    expect(under.engine.store.db.query("SELECT key FROM snapshots").all()).toEqual([
      { key: image.chains[0] },
    ]);
  });
  test("what a container wrote is not dropped, but named", async () => {
    using under = make();
    const image = await under.image("alpine");
    rmSync(under.snapshot("writable", image.chains[1], "active"), { recursive: true });
    under.container("web", image, "writable");
    const [problem, ...others] = await look(under, true);
    expect(problem).toMatchObject({ severity: "damage", repaired: false });
    expect(problem?.what).toContain("`sampan rm web` removes it");
    expect(others).toEqual([]);
  });
  test("a snapshot whose parent is gone", async () => {
    using under = make();
    const image = await under.image("alpine");
    under.engine.store.db.query("DELETE FROM snapshots WHERE key = ?").run(image.chains[0]);
    const problems = await look(under);
    expect(problems.map(({ severity }) => severity).toSorted()).toEqual(["damage", "garbage"]);
    expect(problems.map(({ what }) => what).join()).toContain(
      `stands on ${image.chains[0]}, which is not here`,
    );
  });
  test("garbage is named, and gone after a repair", async () => {
    using under = make();
    await under.engine.content.write(bytesOf("free"));
    under.snapshot("free", null);
    under.engine.store.db.run(
      "INSERT INTO leases VALUES ('dead', 'pull x', 1, '0', 'an earlier boot', '', 0)",
    );
    under.engine.store.db.run("INSERT INTO garbage VALUES ('blob', 'sha256:x')");
    const found = await look(under);
    expect(found).toHaveLength(3);
    expect(found.every(({ severity, repaired }) => severity === "garbage" && !repaired)).toBe(true);
    expect((await look(under, true)).every(({ repaired }) => repaired)).toBe(true);
    expect(await look(under)).toEqual([]);
  });
  test("folders that others can use are shut", async () => {
    using under = make();
    chmodSync(under.root, 0o755);
    expect(await look(under)).toMatchObject([{ severity: "damage", repaired: false }]);
    expect(await look(under, true)).toMatchObject([{ repaired: true }]);
    expect(await look(under)).toEqual([]);
  });
  test("rows that point to nothing", async () => {
    using under = make();
    under.engine.store.db.run("PRAGMA foreign_keys = OFF");
    under.engine.store.db.run("INSERT INTO names VALUES ('x', 'sha256:x', 0)");
    expect((await look(under))[0]?.what).toContain("1 rows of names point to rows of images");
  });
  test("what is nobody's is named and left", async () => {
    using under = make();
    writeFileSync(join(under.root, "mine"), "x");
    expect(await look(under, true)).toMatchObject([{ severity: "note", repaired: false }]);
    expect(await look(under)).toHaveLength(1);
  });
  test("a deep check asks for a comparison of each committed snapshot", async () => {
    using under = make();
    const info = {
      key: "chain",
      kind: "committed",
      parent: undefined,
      created: new Date(),
      usage: { bytes: 0, inodes: 0 },
    } as const;
    const engine = {
      ...under.engine,
      snapshots: { list: () => [info, { ...info, kind: "active" as const }] },
    };
    const problems = await check(engine, {
      repair: false,
      deep: true,
      compareSnapshot: ({ key }) => Promise.resolve(`/etc/passwd of ${key} differs`),
    });
    expect(problems).toMatchObject([
      { what: expect.stringContaining("/etc/passwd of chain differs"), severity: "damage" },
    ]);
  });
  test("a check stops at its signal", async () => {
    using under = make();
    expect(
      await codeOf(check(under.engine, { repair: false, deep: true, signal: AbortSignal.abort() })),
    ).toBe("cancelled");
  });
});
