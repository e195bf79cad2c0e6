/** Chains whose options are longer than the page that mount(2) takes. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { mountAll, mountRelative, unmountAll } from "../../src/engine/snapshots/mount.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { needing } from "../needs.ts";
import { commitImage, mounted, Place, work } from "./place.ts";

const { test } = needing({ root: true });

const layers = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    write: (root: string) => writeFileSync(join(root, `f${index}`), ""),
  }));
const open = ({ store }: Place) => new Overlayfs(store, work, { mapsIds: true });
/** Layers as they stand when they are committed, written in one transaction: 501 of them would take their time. */
function rows(place: Place, count: number): string[] {
  const names = Array.from({ length: count }, (_, index) => `layer ${index}`);
  place.store.transaction(() => {
    for (const [index, name] of names.entries()) {
      place.store.db
        .query(
          "INSERT INTO snapshots (id, key, kind, parent, driver, created) VALUES (?, ?, 'committed', ?, 'overlayfs', 0)",
        )
        .run(index + 1, name, names[index - 1] ?? null);
      const folder = join(place.store.root, "snapshots/overlayfs", String(index + 1), "fs");
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, `f${index}`), "");
    }
  });
  return names;
}

const range = [{ containerID: 0, hostID: 100_000, size: 65_536 }];

test("500 layers are mounted, and one more is refused by name", async () => {
  using place = new Place();
  const snapshots = open(place);
  const names = rows(place, 501);
  await snapshots.prepare("c1", names[499]);
  expect(await mounted(place, snapshots, (root) => readdirSync(root).length, "c1")).toBe(500);
  expect(snapshots.prepare("c2", names[500])).rejects.toThrow(
    "it stands on 501 layers, and overlayfs takes 500",
  );
  expect(snapshots.stat("c2")).toBeUndefined();
});

test("127 layers with mapped ids are mounted", async () => {
  using place = new Place();
  const snapshots = open(place);
  const names = await commitImage(snapshots, layers(127));
  await snapshots.prepare("c1", names[126], { remap: { uids: range, gids: range } });
  expect(await mounted(place, snapshots, (root) => readdirSync(root).length, "c1")).toBe(127);
});

test("relative paths, for kernels before 6.5, leave the working directory as it was", async () => {
  using place = new Place();
  const snapshots = open(place);
  const names = await commitImage(snapshots, layers(127));
  const [mount] = await snapshots.prepare("c1", names[126]);
  const before = process.cwd();
  mountRelative(mount?.options ?? [], place.merged);
  expect(readdirSync(place.merged)).toHaveLength(127);
  unmountAll([mount as never], place.merged);
  expect(process.cwd()).toBe(before);
  expect(readdirSync(".")).toEqual(readdirSync(before));
});

test("of several mounts all are taken away when one fails", async () => {
  using place = new Place();
  const source = join(place.root, "source");
  mkdirSync(source);
  const bind = { type: "bind", source, target: "", options: ["rw"] };
  const missing = { ...bind, source: join(place.root, "missing") };
  expect(mountAll([bind, bind, missing], place.merged)).rejects.toThrow("no such file");
  writeFileSync(join(source, "seen"), "");
  expect(readdirSync(place.merged)).toEqual([]);
});
