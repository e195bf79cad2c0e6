import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SampanError } from "../../base/errors.ts";
import { markCleanStop } from "./clean-stop.ts";
import { forgetFound, foundBefore } from "./found.ts";
import { migrations } from "./schema.ts";
import { openStore } from "./open.ts";

function newRoot() {
  const path = mkdtempSync(join(tmpdir(), "sampan-store-"));
  return {
    path,
    file: join(path, "sampan.db"),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

function refusal(root: string): SampanError {
  try {
    openStore(root)[Symbol.dispose]();
  } catch (error) {
    return error as SampanError;
  }
  throw new Error("it was opened");
}

const schemaOf = (file: string) => {
  using db = new Database(file, { readonly: true });
  return db.query("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all();
};

describe("a data root", () => {
  test("is made with the folders above it, for its owner alone", () => {
    using root = newRoot();
    const path = join(root.path, "var/lib/sampan");
    using store = openStore(path);
    expect(store.root).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, "sampan.db")).mode & 0o777).toBe(0o600);
  });
  test("that is empty and open to others is shut, one with other files is left as it is", () => {
    using root = newRoot();
    const [empty, full] = [join(root.path, "empty"), join(root.path, "full")];
    for (const path of [empty, full]) {
      mkdirSync(path);
      chmodSync(path, 0o755);
    }
    writeFileSync(join(full, "mine"), "");
    for (const path of [empty, full]) openStore(path)[Symbol.dispose]();
    expect(statSync(empty).mode & 0o777).toBe(0o700);
    expect(statSync(full).mode & 0o777).toBe(0o755);
  });
  test("keeps its rows durable, with foreign keys, in WAL", () => {
    using root = newRoot();
    using store = openStore(root.path);
    const pragma = (name: string) =>
      Object.values(store.db.query(`PRAGMA ${name}`).get() as object)[0] as unknown;
    expect(["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map(pragma)).toEqual([
      "wal",
      2,
      1,
      30_000,
    ]);
    expect(() => store.db.run("INSERT INTO names VALUES ('x', 'nothing', 0)")).toThrow("FOREIGN KEY");
  });
  test("that is a file is refused by name", () => {
    using root = newRoot();
    const path = join(root.path, "file");
    writeFileSync(path, "");
    expect(refusal(path).message).toMatch(/^cannot open data root ".*file": /);
  });
  test("is opened through a link to it", () => {
    using root = newRoot();
    const link = join(root.path, "link");
    mkdirSync(join(root.path, "real"));
    symlinkSync("real", link);
    openStore(link)[Symbol.dispose]();
    expect(existsSync(join(root.path, "real/sampan.db"))).toBe(true);
  });
});

describe("the database", () => {
  test("opened twice in one process shows each what the other wrote", () => {
    using root = newRoot();
    using first = openStore(root.path);
    using second = openStore(root.path);
    first.transaction(() => first.db.run("INSERT INTO meta VALUES ('a', 'b')"));
    expect(second.db.query("SELECT value FROM meta WHERE key = 'a'").get()).toEqual({ value: "b" });
  });
  test.each(migrations.map((_, version) => version))("of version %i is brought up to date", (version) => {
    using root = newRoot();
    {
      using db = new Database(root.file, { create: true });
      for (const step of migrations.slice(0, version)) db.run(step);
      db.run(`PRAGMA user_version = ${version}`);
    }
    using fresh = newRoot();
    openStore(root.path)[Symbol.dispose]();
    openStore(fresh.path)[Symbol.dispose]();
    expect(schemaOf(root.file)).toEqual(schemaOf(fresh.file));
  });
  test("of a newer program is refused and not touched", () => {
    using root = newRoot();
    openStore(root.path)[Symbol.dispose]();
    {
      using db = new Database(root.file);
      db.run("PRAGMA user_version = 1000");
    }
    const bytes = readFileSync(root.file);
    const error = refusal(root.path);
    expect(error.code).toBe("failed_precondition");
    expect(error.message).toMatch(
      /sampan\.db": its version is 1000, this program knows up to \d+; use a newer program/,
    );
    expect(readFileSync(root.file)).toEqual(bytes);
  });
  test("that is something else is refused by name", () => {
    using root = newRoot();
    writeFileSync(root.file, "no database at all ".repeat(1000));
    const error = refusal(root.path);
    expect(error.code).toBe("data_loss");
    expect(error.message).toContain(`cannot use database "${root.file}": it is damaged`);
  });
  test("damaged while the machine was off is refused at the first opening after", () => {
    using root = newRoot();
    {
      using store = openStore(root.path);
      store.db.run("UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot_id'");
      const add = store.db.query("INSERT INTO blob_sources VALUES (?, ?)");
      store.transaction(() => Array.from({ length: 2000 }, (_, i) => add.run(`sha256:${i}`, "x".repeat(40))));
    }
    const bytes = readFileSync(root.file);
    bytes.fill(0xff, bytes.length - 20_000, bytes.length - 10_000);
    writeFileSync(root.file, bytes);
    const error = refusal(root.path);
    expect(error.code).toBe("data_loss");
    expect(error.message).toContain(root.file);
  });
  test("damaged while it is used is named, with what heals it, by whichever query meets it", () => {
    using root = newRoot();
    {
      using store = openStore(root.path);
      const add = store.db.query("INSERT INTO blob_sources VALUES (?, ?)");
      store.transaction(() => Array.from({ length: 2000 }, (_, i) => add.run(`sha256:${i}`, "x".repeat(40))));
    }
    const bytes = readFileSync(root.file);
    bytes.fill(0xff, bytes.length - 40_000);
    writeFileSync(root.file, bytes);
    using store = openStore(root.path);
    for (const look of [
      () => store.db.query("SELECT * FROM blob_sources").all(),
      () => store.db.query("SELECT count(*) FROM blob_sources WHERE source = ?").get("y"),
      () => store.db.run("DELETE FROM blob_sources"),
    ])
      expect(look).toThrow(
        `cannot use database "${root.file}": it is damaged (SQLITE_CORRUPT); move it away with its -wal and -shm`,
      );
  });
  test("left empty by a crash is begun anew", () => {
    using root = newRoot();
    writeFileSync(root.file, "");
    using store = openStore(root.path);
    expect(store.epoch).toBe(1);
  });
});

describe("a database that was lost", () => {
  test("gives no number and no name again that its root has seen", () => {
    using root = newRoot();
    mkdirSync(join(root.path, "snapshots/overlayfs/7/fs"), { recursive: true });
    mkdirSync(join(root.path, "snapshots/copy/12"), { recursive: true });
    mkdirSync(join(root.path, "containers/abc"), { recursive: true });
    using store = openStore(root.path);
    const add = store.db.query<{ id: number }, []>(
      "INSERT INTO snapshots (key, kind, driver, created) VALUES ('k', 'active', 'copy', 0) RETURNING id",
    );
    expect(add.get()?.id).toBe(13);
    const before = foundBefore(store);
    expect([7, 12, 13].map(before.snapshot)).toEqual([true, true, false]);
    expect(["abc", "abd"].map(before.container)).toEqual([true, false]);
    forgetFound(store);
    expect(foundBefore(store).snapshot(7)).toBe(false);
  });
  test("is another thing than one that is new", () => {
    using root = newRoot();
    using store = openStore(root.path);
    expect(foundBefore(store).snapshot(1)).toBe(false);
    expect(foundBefore(store).container("")).toBe(false);
  });
});

describe("closing", () => {
  test("the last one leaves one file, and the reserve", () => {
    using root = newRoot();
    const [first, second] = [openStore(root.path), openStore(root.path)];
    first.transaction(() => first.db.run("INSERT INTO meta VALUES ('a', 'b')"));
    first[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(readdirSync(root.path).toSorted()).toEqual(["reserve", "sampan.db"]);
  });
});

describe("the epoch", () => {
  test("is the same for every opening of one boot, and rises by one with the next", () => {
    using root = newRoot();
    const epoch = () => {
      using store = openStore(root.path);
      return store.epoch;
    };
    expect([epoch(), epoch()]).toEqual([1, 1]);
    {
      using store = openStore(root.path);
      store.db.run("UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot_id'");
    }
    expect([epoch(), epoch()]).toEqual([2, 2]);
  });

  const reboot = (path: string) => {
    // Without openStore, which would be an opening.
    const db = new Database(join(path, "sampan.db"));
    db.run("UPDATE meta SET value = value || ' of an earlier boot' WHERE key IN ('boot_id', 'clean_stop')");
    db.close();
  };

  test("stays when the stop before the next boot was a clean one, and everything was synced before the mark", async () => {
    using root = newRoot();
    const synced: string[] = [];
    {
      using store = openStore(root.path);
      await markCleanStop(store, {
        sync: async (path) => {
          const marks = store.db.query("SELECT * FROM meta WHERE key = 'clean_stop'").all().length;
          synced.push(`${path} ${marks}`);
        },
      });
    }
    expect(synced).toEqual([`${root.path} 0`]);
    reboot(root.path);
    const epoch = () => {
      using store = openStore(root.path);
      return store.epoch;
    };
    expect([epoch(), epoch()]).toEqual([1, 1]);
    reboot(root.path);
    expect(epoch()).toBe(2);
  });

  test("rises when somebody opened it between the clean stop and the boot", async () => {
    using root = newRoot();
    {
      using store = openStore(root.path);
      await markCleanStop(store, { sync: async () => {} });
    }
    openStore(root.path)[Symbol.dispose]();
    reboot(root.path);
    using store = openStore(root.path);
    expect(store.epoch).toBe(2);
  });
});

describe("a transaction", () => {
  const keys = (store: ReturnType<typeof openStore>) =>
    store.db
      .query<{ key: string }, []>("SELECT key FROM meta WHERE length(key) = 1 ORDER BY key")
      .all()
      .map(({ key }) => key);
  const put = (store: ReturnType<typeof openStore>, key: string) =>
    store.transaction(() => void store.db.query("INSERT INTO meta VALUES (?, '')").run(key));
  test("gives what its function gave", () => {
    using root = newRoot();
    using store = openStore(root.path);
    expect(store.transaction(() => 7)).toBe(7);
  });
  test("that throws changes nothing", () => {
    using root = newRoot();
    using store = openStore(root.path);
    const failing = () =>
      store.transaction(() => {
        put(store, "a");
        throw new Error("no");
      });
    expect(failing).toThrow("no");
    expect(keys(store)).toEqual([]);
    put(store, "b");
    expect(keys(store)).toEqual(["b"]);
  });
  test("within another is undone alone when its error is caught", () => {
    using root = newRoot();
    using store = openStore(root.path);
    store.transaction(() => {
      put(store, "a");
      expect(() =>
        store.transaction(() => {
          put(store, "b");
          throw new Error("no");
        }),
      ).toThrow("no");
      put(store, "c");
    });
    expect(keys(store)).toEqual(["a", "c"]);
  });
  test("cannot wait for anything", () => {
    using root = newRoot();
    using store = openStore(root.path);
    expect(() =>
      store.transaction(() => {
        put(store, "a");
        return Promise.resolve();
      }),
    ).toThrow("a transaction cannot wait");
    expect(keys(store)).toEqual([]);
  });
  test("names the database when SQLite refuses", () => {
    using root = newRoot();
    using store = openStore(root.path);
    expect(() => store.transaction(() => store.db.run("INSERT INTO meta VALUES ('a', NULL)"))).toThrow(
      `cannot use database "${root.file}": NOT NULL constraint failed`,
    );
  });
});
