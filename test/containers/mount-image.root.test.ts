/** An image's files in a container (--mount type=image). */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { writeBundle } from "../../src/engine/containers/bundle.ts";
import { containerFolder } from "../../src/engine/containers/create.ts";
import { mountImage } from "../../src/engine/containers/mount-image.ts";
import { storedContainer } from "../../src/engine/containers/open.ts";
import { makeRootfs, placeOf, removeRootfs } from "../../src/engine/containers/rootfs.ts";
import { mountAll } from "../../src/engine/snapshots/mount.ts";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);

test("an image is mounted once, read-only, and taken away with the container's root", async () => {
  using place = new Place();
  await place.fill();
  const { id } = await place.create({ command: ["true"] });
  const own = { container: id, place: placeOf(place.parts, id) };
  const folder = await mountImage(place.parts, own, "busybox");
  expect(await mountImage(place.parts, own, "busybox")).toBe(folder);
  expect(readdirSync(folder)).toContain("bin");
  expect(() => writeFileSync(join(folder, "new"), "")).toThrow("EROFS");
  expect(place.mounts()).toEqual([folder]);
  removeRootfs(place.parts, id);
  expect(place.mounts()).toEqual([]);
  expect(existsSync(own.place)).toBe(false);
});

test("a part of it is what the container's configuration binds", async () => {
  using place = new Place();
  await place.fill();
  const part = {
    Type: "image",
    Source: "busybox",
    Target: "/tools",
    ImageOptions: { Subpath: "bin" },
  } as const;
  const { id, snapshot } = await place.create({ command: ["true"], host: { Mounts: [part] } });
  const { parts } = place;
  const stored = storedContainer(parts.store, id);
  const rootfs = makeRootfs(parts, id, stored);
  await mountAll(parts.snapshots.mounts(snapshot), rootfs);
  const imageFolder = (image: string) =>
    mountImage(parts, { container: id, place: placeOf(parts, id) }, image);
  const folder = containerFolder(parts.store.root, id);
  const volumeFolder = () => Promise.reject(new Error("it has no volume"));
  await writeBundle({ id, folder, rootfs, stored, live: { imageFolder, volumeFolder } });
  const { mounts } = place.spec(id) as {
    mounts: { destination: string; source: string; options: string[] }[];
  };
  const found = mounts.find(({ destination }) => destination === "/tools");
  expect(readdirSync(found?.source ?? "")).toContain("busybox");
  expect(found?.options).toContain("ro");
  removeRootfs(parts, id);
  expect(place.mounts()).toEqual([]);
});
