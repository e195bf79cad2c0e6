import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { openSnapshotter } from "../../src/engine/snapshots/open.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { mount, unmount } from "../../src/kernel/mounts.ts";
import { needing } from "../needs.ts";
import { mountsBelow, Place, work } from "./place.ts";

const { test } = needing({ root: true });

const nameOf = async (place: Place, choice: "auto" | "copy" | "overlayfs") =>
  (await openSnapshotter(choice, place.store, work)).name;

test("auto takes overlayfs on a disk that carries it, and leaves nothing of the trial", async () => {
  using place = new Place();
  expect(await nameOf(place, "auto")).toBe("overlayfs");
  expect(readdirSync(join(place.store.root, "tmp"))).toEqual([]);
  expect(mountsBelow(place.root)).toEqual([]);
});

test("the trial is made once in an epoch", async () => {
  using place = new Place();
  place.store.db
    .query("INSERT INTO meta (key, value) VALUES ('probe.overlayfs', ?)")
    .run(`${place.store.epoch} no`);
  expect(await nameOf(place, "auto")).toBe("copy");
  place.store.db.query("UPDATE meta SET value = '0 no' WHERE key = 'probe.overlayfs'").run();
  expect(await nameOf(place, "auto")).toBe("overlayfs");
});

test("a root keeps the driver of its snapshots", async () => {
  using place = new Place();
  await (await openSnapshotter("copy", place.store, work)).prepare("c1", undefined);
  expect(await nameOf(place, "auto")).toBe("copy");
  expect(nameOf(place, "overlayfs")).rejects.toMatchObject({ code: "failed_precondition" });
});

test("on a file system that cannot carry overlayfs auto copies, and overlayfs is refused", async () => {
  using place = new Place();
  const at = (name: string) => join(place.root, name);
  for (const name of ["lower", "upper", "work", "disk"]) mkdirSync(at(name));
  const data = `lowerdir=${at("lower")},upperdir=${at("upper")},workdir=${at("work")}`;
  mount({ type: "overlay", source: "overlay", target: at("disk"), flags: 0, data });
  const store = openStore(at("disk/data"));
  try {
    expect((await openSnapshotter("auto", store, work)).name).toBe("copy");
    expect(openSnapshotter("overlayfs", store, work)).rejects.toMatchObject({ code: "failed_precondition" });
  } finally {
    store[Symbol.dispose]();
    unmount(at("disk"));
  }
});

test("a root whose path overlayfs could not read is for copies", async () => {
  using place = new Place();
  const store = openStore(join(place.root, "a:b,c"));
  try {
    expect((await openSnapshotter("auto", store, work)).name).toBe("copy");
  } finally {
    store[Symbol.dispose]();
  }
});
