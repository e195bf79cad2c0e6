import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { openVolumes } from "./open.ts";
import { parseSize, parseVolumeOptions } from "./options.ts";
import type { Volumes } from "./volumes.ts";

let root: string;
let store: Store;
let volumes: Volumes;
const told: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sampan-volumes-"));
  store = openStore(join(root, "data"));
  volumes = open();
  told.length = 0;
});

afterEach(() => {
  store[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
});

function open(): Volumes {
  return openVolumes(store, {
    unpacker: { removeTree: (path) => rm(path, { recursive: true }) },
    events: { emit: ({ action, id }) => void told.push(`${action} ${id}`) },
  });
}

function container(id: string, volume: string): void {
  const config = JSON.stringify({ volumes: [{ kind: "volume", source: volume }] });
  store.db
    .query(
      "INSERT OR IGNORE INTO images (target, media_type, size, stored, sequence) VALUES ('t', 'm', 1, 1, 1)",
    )
    .run();
  store.db
    .query(
      "INSERT INTO containers (id, name, image, image_id, target, manifest, snapshot, command, config, created, state) VALUES (?1, ?1, 'i', 'i', 't', 'm', ?1, '[]', ?2, 1, 'created')",
    )
    .run(id, config);
}

test("a volume is a row and a folder, and making it again changes nothing", async () => {
  const made = await volumes.create({ name: "data", labels: { a: "b" } });
  expect(made).toMatchObject({
    name: "data",
    driver: "local",
    labels: { a: "b" },
    options: {},
    anonymous: false,
  });
  expect(made.mountpoint).toBe(join(store.root, "volumes/data/_data"));
  expect(readdirSync(made.mountpoint)).toEqual([]);
  expect(await volumes.create({ name: "data" })).toEqual(made);
  expect(open().get("data")).toEqual(made);
  expect(told).toEqual(["create data"]);
});

test("one without a name has 64 digits and is anonymous", async () => {
  const { name, anonymous } = await volumes.create({});
  expect(name).toMatch(/^[0-9a-f]{64}$/);
  expect(anonymous).toBe(true);
});

test("the same name with other options is refused, without any it is the one that is there", async () => {
  const options = { type: "tmpfs", device: "tmpfs" };
  await volumes.create({ name: "data", options });
  expect((await volumes.create({ name: "data" })).options).toEqual(options);
  expect(volumes.create({ name: "data", options: { ...options, o: "size=1m" } })).rejects.toThrow(
    "with other options",
  );
});

test.each(["a", "", ".hidden", "../up", "a/b", "-x", "a\nb", "x".repeat(256)])(
  "name %j is refused",
  (name) => {
    expect(volumes.create({ name })).rejects.toThrow("cannot name a volume");
    expect(() => volumes.get(name)).toThrow("no such volume");
    expect(volumes.remove(name)).rejects.toThrow("no such volume");
  },
);

test("one that a container names stays", async () => {
  await volumes.create({ name: "data" });
  container("c1", "data");
  expect(volumes.users("data")).toEqual(["c1"]);
  expect(volumes.remove("data", { force: true })).rejects.toThrow("volume is in use - [c1]");
  store.db.query("DELETE FROM containers").run();
  await volumes.remove("data");
  expect(readdirSync(join(store.root, "volumes"))).toEqual([]);
  expect(volumes.remove("data")).rejects.toThrow("no such volume");
  await volumes.remove("data", { force: true });
  expect(told).toEqual(["create data", "destroy data"]);
});

test("folders from before there were rows are volumes", () => {
  const chance = "ab".repeat(32);
  for (const name of ["old", chance])
    mkdirSync(join(store.root, "volumes", name, "_data"), { recursive: true });
  mkdirSync(join(store.root, "volumes/.new-1-1-x/_data"), { recursive: true });
  mkdirSync(join(store.root, "volumes/no-data"));
  expect(volumes.get("old")).toMatchObject({ anonymous: false });
  expect(volumes.list().map(({ name, anonymous }) => [name, anonymous])).toEqual([
    [chance, true],
    ["old", false],
  ]);
});

test("a removal that was cut off is finished before the name comes again", async () => {
  const { mountpoint } = await volumes.create({ name: "data" });
  writeFileSync(join(mountpoint, "left"), "x");
  store.db.query("DELETE FROM volumes").run();
  store.db.query("INSERT INTO garbage (kind, key) VALUES ('volume-name', 'data')").run();
  expect(volumes.list()).toEqual([]);
  await volumes.create({ name: "data" });
  expect(readdirSync(mountpoint)).toEqual([]);
  expect(readdirSync(join(store.root, "volumes"))).toEqual(["data"]);
});

test("a folder that was replaced by a link is not given to a container", async () => {
  const { mountpoint } = await volumes.create({ name: "data" });
  rmSync(mountpoint, { recursive: true });
  symlinkSync("/etc", mountpoint);
  expect(volumes.acquire("data", "c1")).rejects.toThrow("is not a folder");
});

test("acquired twice it is one use, and its folder stays where it is", async () => {
  const { mountpoint } = await volumes.create({ name: "data" });
  expect([await volumes.acquire("data", "c1"), await volumes.acquire("data", "c1")]).toEqual([
    mountpoint,
    mountpoint,
  ]);
  await volumes.release("data", "c1");
  expect(existsSync(mountpoint)).toBe(true);
  expect(volumes.acquire("nothere", "c1")).rejects.toThrow("no such volume");
});

test.each<[Record<string, string>, string]>([
  [{ colour: "red" }, 'invalid option: "colour"'],
  [{ type: "nfs" }, 'missing required option: "device"'],
  [{ device: "x" }, 'missing required option: "type"'],
  [{ o: "ro" }, 'missing required option: "device"'],
  [{ type: "none", o: "bind", device: "relative" }, "is not an absolute path"],
  [{ type: "none", o: "bind", device: "/a/../etc" }, "is not an absolute path"],
  [{ type: "-o evil", device: "x" }, "is no file system"],
  [{ type: "nfs", device: "x\ny" }, "is not one line"],
  [{ size: "many" }, "cannot use size"],
])("options %j are refused", (options, why) => {
  expect(() => parseVolumeOptions(options)).toThrow(why);
  expect(volumes.create({ name: "data", options })).rejects.toThrow(why);
});

test("a size is in binary units", () => {
  expect(["1024", "10k", "1.5M", "2GiB"].map(parseSize)).toEqual([1024, 10_240, 1_572_864, 2 ** 31]);
});

test("a driver that is not there is refused", () => {
  expect(volumes.create({ name: "data", driver: "cloud" })).rejects.toThrow('no driver "cloud"');
});
