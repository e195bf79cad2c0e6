import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../../src/base/errors.ts";
import { Batches, limits, ofCloud } from "../../../src/fleet/edge/twin/batches.ts";
import { databaseName, TwinStore } from "../../../src/fleet/edge/twin/store.ts";

function place() {
  const path = mkdtempSync(join(tmpdir(), "sampan-twins-"));
  const store = TwinStore.open(path, () => {});
  let reloads = 0;
  const batches = new Batches(
    store,
    () => void reloads++,
    () => {},
  );
  return {
    path,
    store,
    batches,
    reloads: () => reloads,
    [Symbol.dispose]() {
      store[Symbol.dispose]();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

test("a device that talks without pause does not hold up another one", async () => {
  using at = place();
  let done = 0;
  const flood = Array.from({ length: limits.perDevice }, async () => {
    await at.batches.run("a", () => {});
    done += 1;
  });
  await at.batches.run("b", () => {});
  expect(done).toBeLessThanOrEqual(limits.perBatch);
  await Promise.all(flood);
  expect(done).toBe(limits.perDevice);
});

test("too much of one device is refused, and not what the cloud says of it", async () => {
  using at = place();
  const flood = Array.from({ length: limits.perDevice }, async () => await at.batches.run("a", () => {}));
  const more = at.batches.run("a", () => {}).catch((error: unknown) => SampanError.from(error).code);
  await at.batches.run(ofCloud("a"), () => {});
  expect(await more).toBe("resource_exhausted");
  await Promise.all(flood);
});

test("a change that is refused leaves the others of its batch as they are", async () => {
  using at = place();
  const told: string[] = [];
  const good = at.batches.run("a", () => {
    at.store.putDevice("a", {});
    return () => void told.push("a");
  });
  const bad = at.batches.run("b", () => {
    throw new SampanError("invalid_argument", "no");
  });
  await good;
  expect(bad).rejects.toThrow("no");
  expect(told).toEqual(["a"]);
  expect([...at.store.devices().keys()]).toEqual(["a"]);
});

test("when the disk refuses, nothing of the batch is kept or told, and memory is read again", async () => {
  using at = place();
  const told: string[] = [];
  const first = at.batches.run("a", () => {
    at.store.putDevice("a", {});
    return () => void told.push("a");
  });
  const second = at.batches.run("b", () => {
    throw new Error("disk I/O error");
  });
  const results = await Promise.allSettled([first, second]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(at.store.devices().size).toBe(0);
  expect([told, at.reloads()]).toEqual([[], 1]);
});

test("what waits at the end is done, and what comes after is refused", async () => {
  using at = place();
  const waiting = at.batches.run("a", () => at.store.putDevice("a", {}));
  at.batches.close();
  await waiting;
  expect(at.store.devices().size).toBe(1);
  expect(at.batches.run("a", () => {})).rejects.toThrow("closed");
});

test("the store is for its owner only, and one that is damaged is put aside", () => {
  using at = place();
  expect(statSync(join(at.path, databaseName)).mode & 0o777).toBe(0o600);
  const other = mkdtempSync(join(tmpdir(), "sampan-twins-"));
  try {
    const text = "this is no database, whatever its name says".repeat(100);
    writeFileSync(join(other, databaseName), text);
    const logged: string[] = [];
    using store = TwinStore.open(other, (line) => void logged.push(line));
    expect(store.devices().size).toBe(0);
    expect(logged).toHaveLength(1);
    expect(readFileSync(join(other, `${databaseName}.damaged`), "utf8")).toBe(text);
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

test("a store of a newer program is refused, and stays", () => {
  const path = mkdtempSync(join(tmpdir(), "sampan-twins-"));
  try {
    TwinStore.open(path, () => {})[Symbol.dispose]();
    const db = new Database(join(path, databaseName));
    db.run("PRAGMA user_version = 99");
    db.close();
    expect(() => TwinStore.open(path, () => {})).toThrow("newer");
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});
