import { expect, test } from "bun:test";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { next, object, place, put, remove, tell, temporaryFolder } from "./_example.ts";
import { databaseName } from "./_database.ts";
import { openStorage } from "./open.ts";
import type { Page } from "./storage.ts";

const names = (page: Page) => page.items.map(({ key }) => key.name);

test("each write has a revision of its own, and the object says it", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const a = await put(storage, "a", "one");
  const b = await put(storage, "b", "two");
  expect(b.revision).toBe(a.revision + 1);
  expect(storage.revision).toBe(b.revision);
  expect(a.object.metadata.resourceVersion).toBe(String(a.revision));
  expect(storage.get(place("a"))?.object).toEqual(a.object);
  expect(JSON.parse(a.json ?? "")).toEqual(a.object);
});

test("a deletion answers what was there, with a revision of its own", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const made = await put(storage, "a", "one");
  const gone = await remove(storage, "a");
  expect(gone?.revision).toBe(made.revision + 1);
  expect(gone?.object).toEqual({
    ...made.object,
    metadata: { ...made.object.metadata, resourceVersion: String(made.revision + 1) },
  });
  expect(storage.get(place("a"))).toBeUndefined();
  expect(await remove(storage, "a")).toBeUndefined();
  expect(storage.revision).toBe(made.revision + 1);
});

test("a write that throws leaves nothing, and those of the same turn stay", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const results = await Promise.allSettled([
    put(storage, "a"),
    storage.write((transaction) => {
      transaction.put(place("b"), object("b"));
      transaction.delete(place("a"));
      throw new Error("no");
    }),
    storage.write((transaction) => transaction.get(place("a"))?.key.name),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(results[2]).toMatchObject({ value: "a" });
  expect(names(storage.list("pods"))).toEqual(["a"]);
  expect(storage.revision).toBe(2);
});

test("a write sees what it did itself, and nothing after its end", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const kept = await storage.write((transaction) => {
    transaction.put(place("a"), object("a", "one"));
    const second = transaction.put(place("a"), object("a", "two"));
    expect(transaction.get(place("a"))).toBe(second);
    transaction.delete(place("a"));
    expect(transaction.get(place("a"))).toBeUndefined();
    return transaction;
  });
  expect(() => kept.get(place("a"))).toThrow("after its write");
});

test("a write that gives a promise is refused", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  expect(storage.write(() => Promise.resolve())).rejects.toThrow("cannot wait");
});

test("pages follow one another and say what remains", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  for (const [namespace, name] of [
    ["b", "x"],
    ["a", "z"],
    ["a", "y"],
    ["a-b", "q"],
    ["c", "a"],
  ] as const)
    await put(storage, name, "", namespace);
  const first = storage.list("pods", { limit: 2 });
  expect(names(first)).toEqual(["y", "z"]);
  expect(first.remaining).toBe(3);
  expect(first.after).toEqual({ namespace: "a", name: "z" });
  const second = storage.list("pods", { limit: 3, ...(first.after ? { after: first.after } : {}) });
  expect(names(second)).toEqual(["q", "x", "a"]);
  expect(second.after).toBeUndefined();
  expect(names(storage.list("pods", { namespace: "a" }))).toEqual(["y", "z"]);
  expect(names(storage.list("apps/deployments"))).toEqual([]);
});

test("every state of the past that is kept can be listed as it was", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const states = new Map<number, string[]>();
  const now = new Map<string, string>();
  for (let step = 0; step < 120; step++) {
    const name = `n${(step * 7) % 11}`;
    if (step % 3 === 2 && now.has(name)) {
      await remove(storage, name);
      now.delete(name);
    } else {
      await put(storage, name, String(step));
      now.set(name, String(step));
    }
    states.set(storage.revision, [...now].map(([key, text]) => `${key} ${text}`).toSorted());
  }
  for (const [at, expected] of states) {
    const { items, revision } = storage.list("pods", { at, namespace: "default" });
    expect(items.map(({ key, object }) => `${key.name} ${String(object["text"])}`).toSorted()).toEqual(
      expected,
    );
    expect(revision).toBe(at);
    const page = storage.list("pods", { at, limit: 2 });
    expect(page.remaining ?? 0).toBe(Math.max(0, expected.length - 2));
  }
});

test("a watch tells changes from its revision on, in their order, each once", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const { revision } = await put(storage, "a", "1");
  await put(storage, "a", "2");
  await put(storage, "other", "", "elsewhere");
  await using watcher = storage.watch("pods", { namespace: "default", after: revision });
  expect(watcher.seen).toBe(revision);
  const read = next(watcher, 4);
  await put(storage, "b", "3");
  await remove(storage, "a");
  await remove(storage, "b");
  expect((await read).map(tell)).toEqual([
    `put a 3 "2" over 2`,
    `put b 5 "3"`,
    `delete a 6 "2" over 3`,
    `delete b 7 "3" over 5`,
  ]);
  expect(watcher.seen).toBe(storage.revision);
});

test("watchers of one change are handed the same object", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const after = storage.revision;
  await using one = storage.watch("pods", { after });
  await using other = storage.watch("pods", { after });
  const read = Promise.all([next(one, 1), next(other, 1)]);
  await put(storage, "a");
  const [[first], [second]] = await read;
  expect(first).toBe(second as NonNullable<typeof second>);
});

test("a watcher that does not read gets everything later, from the history", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  await using watcher = storage.watch("pods", { after: storage.revision });
  const count = 700;
  await Promise.all(
    Array.from({ length: count }, (_, index) => put(storage, `n${index % 50}`, String(index))),
  );
  const read = await next(watcher, count);
  expect(read.map(({ revision }) => revision)).toEqual(
    Array.from({ length: count }, (_, index) => index + 2),
  );
  expect(watcher.seen).toBe(storage.revision);
  const later = next(watcher, 1);
  await put(storage, "late", "x");
  expect((await later).map(tell)).toEqual([`put late ${count + 2} "x"`]);
});

test("a watch from before the history is refused, and one that fell behind it ends", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path, history: { count: 10 } });
  const after = storage.revision;
  await using slow = storage.watch("pods", { after });
  for (let round = 0; round < 6; round++)
    await Promise.all(Array.from({ length: 250 }, (_, index) => put(storage, `n${index % 3}`)));
  expect(storage.oldest).toBeGreaterThan(after);
  expect(next(slow, 1)).rejects.toMatchObject({ reason: "Expired" });
  expect(() => storage.watch("pods", { after })).toThrow("too old resource version: 1 (");
  expect(() => storage.list("pods", { at: after })).toThrow("too old resource version");
});

test("a watch ends when it is let go of, and when the storage closes", async () => {
  using folder = temporaryFolder();
  const storage = openStorage({ folder: folder.path });
  const one = storage.watch("pods", { after: storage.revision });
  const other = storage.watch("pods", { after: storage.revision });
  const read = Promise.all([next(one, 1), next(other, 1)]);
  await one[Symbol.asyncDispose]();
  expect(storage.figures().watchers).toBe(1);
  await storage[Symbol.asyncDispose]();
  expect(await read).toEqual([[], []]);
  expect(put(storage, "a")).rejects.toThrow("closed");
});

test("what is forgotten to save memory is read again", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  const made = await put(storage, "a", "one");
  expect(storage.get(place("a"))).toBe(made);
  storage.forget();
  const again = storage.get(place("a"));
  expect(again).not.toBe(made);
  expect([again?.revision, again?.object]).toEqual([made.revision, made.object]);
});

test("history goes when its time is over, and the last revision never comes again", async () => {
  using folder = temporaryFolder();
  let now = 0;
  const options = { folder: folder.path, now: () => now, history: { milliseconds: 1000 } };
  {
    await using storage = openStorage(options);
    await put(storage, "a");
    await put(storage, "a");
    await remove(storage, "a");
    now = 1500;
    await put(storage, "b");
    await remove(storage, "b");
    expect(storage.oldest).toBe(4);
    now = 5000;
    await put(storage, "c");
    await remove(storage, "c");
    expect(storage.oldest).toBe(6);
  }
  await using again = openStorage(options);
  expect(again.revision).toBe(8);
  expect((await put(again, "d")).revision).toBe(9);
  expect(again.oldest).toBeLessThan(again.revision);
});

test("the file stays within its bound however much is changed", async () => {
  using folder = temporaryFolder();
  const bytes = 1 << 20;
  await using storage = openStorage({ folder: folder.path, history: { bytes } });
  const text = "x".repeat(20_000);
  const names = 40;
  let highest = 0;
  for (let round = 0; round < 25; round++) {
    await Promise.all(Array.from({ length: names }, (_, index) => put(storage, `n${index}`, text + round)));
    if (round % 5 === 4)
      await Promise.all(Array.from({ length: names / 2 }, (_, index) => remove(storage, `n${index}`)));
    highest = Math.max(highest, sizeOf(folder.path));
  }
  const there = names * text.length;
  expect(highest).toBeLessThan(2 * (there + bytes) + (16 << 20));
  expect(storage.figures().fileBytes).toBeLessThan(2 * (there + bytes) + (4 << 20));
});

function sizeOf(folder: string): number {
  return [databaseName, `${databaseName}-wal`]
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((a, b) => a + b);
}

test("everything is there after it was opened again", async () => {
  using folder = temporaryFolder();
  {
    await using storage = openStorage({ folder: folder.path });
    await put(storage, "a", "one");
    await put(storage, "a", "two");
  }
  await using storage = openStorage({ folder: folder.path });
  expect(storage.get(place("a"))?.object["text"]).toBe("two");
  await using watcher = storage.watch("pods", { after: 1 });
  expect((await next(watcher, 2)).map(tell)).toEqual([`put a 2 "one"`, `put a 3 "two" over 2`]);
  expect(storage.figures().objects).toBe(1);
});

test("writes that wait when it closes are done", async () => {
  using folder = temporaryFolder();
  const storage = openStorage({ folder: folder.path });
  const write = put(storage, "a");
  await storage[Symbol.asyncDispose]();
  expect((await write).revision).toBe(2);
});

test("folder and file are for their owner alone", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "inner");
  await using storage = openStorage({ folder: path });
  await put(storage, "a");
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(statSync(join(path, databaseName)).mode & 0o777).toBe(0o600);
});

test("what is open in one place is not opened in another", async () => {
  using folder = temporaryFolder();
  await using storage = openStorage({ folder: folder.path });
  await put(storage, "a");
  expect(() => openStorage({ folder: folder.path })).toThrow("another process has it open");
});

const damages: readonly (readonly [what: string, damage: (file: string) => void])[] = [
  ["empty", (file) => truncateSync(file, 0)],
  ["no database", (file) => writeFileSync(file, "something else entirely".repeat(1000))],
  [
    "full of zeros in the middle",
    (file) => {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(0, 4096, bytes.length - 100));
    },
  ],
];

test.each(damages)("a file that is %s is refused and left as it is", async (_what, damage) => {
  using folder = temporaryFolder();
  {
    await using storage = openStorage({ folder: folder.path });
    for (let index = 0; index < 20; index++) await put(storage, `n${index}`, "x".repeat(3000));
  }
  const file = join(folder.path, databaseName);
  damage(file);
  const before = readFileSync(file);
  expect(() => {
    const storage = openStorage({ folder: folder.path });
    storage.list("pods");
  }).toThrow(/is damaged/);
  expect(readFileSync(file).equals(before)).toBe(true);
});

test("a database of a newer program is refused", async () => {
  using folder = temporaryFolder();
  await openStorage({ folder: folder.path })[Symbol.asyncDispose]();
  const { Database } = await import("bun:sqlite");
  {
    using db = new Database(join(folder.path, databaseName));
    db.run("PRAGMA user_version = 99");
  }
  expect(() => openStorage({ folder: folder.path })).toThrow("use a newer program");
});
