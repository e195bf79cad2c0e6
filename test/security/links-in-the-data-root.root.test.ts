/**
 * Links where the engine expects folders and files of its own. Nobody but root can put them there (cve-2021-41103), so this is about the damage of a mistake: a collection, a repair or a removal that follows a link deletes what
 * is the host's (the kind of moby's and BuildKit's CVE-2024-23652, a tear-down that deletes files of the host).
 *
 * CVE-2025-47290 (containerd): what lies at a name is another thing when it is used than when it was looked at, while a layer is unpacked. Known to work: a writer that goes by names (last test) leaves the root.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { check } from "../../src/engine/disk/check.ts";
import { diskUsage } from "../../src/engine/disk/usage.ts";
import { load } from "../../src/engine/images/load.ts";
import { removeImage } from "../../src/engine/images/remove.ts";
import { blobsOf, container, engineAt, inPieces, layout } from "../archive/_engine.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { liveOf } from "../containers/live.ts";
import { makeImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { Place } from "../unpack/_place.ts";
import { file, folder, tar } from "../unpack/_tar.ts";
import { scratch, treeOf } from "./_place.ts";
import { racer } from "./_racer.ts";

const { test } = needing({ root: true, programs: ["gcc"] });

const image = makeImage({
  layers: [
    [
      { name: "data/", type: "directory" },
      { name: "data/file", content: "x" },
    ],
  ],
  config: { Cmd: ["/x"] },
  compression: "plain",
});

function outsideOf(place: string): string {
  const outside = join(place, "outside");
  mkdirSync(join(outside, "fs"), { recursive: true });
  for (const name of ["file", "fs/file"]) writeFileSync(join(outside, name), "the host's");
  return outside;
}

async function loaded(place: string, driver: "overlayfs" | "copy") {
  const engine = await engineAt(join(place, "root"), driver);
  const annotations = { "org.opencontainers.image.ref.name": "box.example/box:1" };
  const index = { schemaVersion: 2, manifests: [{ ...image.manifest.descriptor, annotations }] };
  await load(engine, inPieces(layout(index, blobsOf(image))));
  return engine;
}

test.each(["overlayfs", "copy"] as const)(
  "links that lie about in the data root are removed or named, never followed (%s)",
  async (driver) => {
    using place = scratch();
    const outside = outsideOf(place.path);
    await using engine = await loaded(place.path, driver);
    const { root } = engine.store;
    const before = treeOf(outside);
    const planted = [
      "stray", "tmp/stray", "content/ingest/stray", `content/ingest/sha256-${"0".repeat(64)}`, "content/blobs/sha256/stray",
      `content/blobs/sha256/${"0".repeat(64)}`, `snapshots/${driver}/999`, `snapshots/${driver}/stray`, "snapshots/stray", "containers/stray",
      `containers/${"a".repeat(64)}`, "volumes/stray", "volumes/.new-stray", "cache",
    ].filter((name) => !existsSync(join(root, name))); // prettier-ignore
    for (const name of planted) {
      mkdirSync(join(root, name, ".."), { recursive: true, mode: 0o700 });
      symlinkSync(outside, join(root, name));
    }
    for (const repair of [false, true, true]) {
      await check(engine, { repair, deep: true });
      await engine.gc.collect(undefined, { ingests: "all" });
      await diskUsage(engine);
      expect(treeOf(outside)).toEqual(before);
    }
    await removeImage(engine, "box.example/box:1");
    expect(treeOf(outside)).toEqual(before);
    // It did look there: what is certainly garbage is gone, as the link that it is.
    expect(existsSync(join(root, `snapshots/${driver}/999`))).toBe(false);
  },
);

test.each(["overlayfs", "copy"] as const)(
  "a snapshot or a container's folder that is replaced by a link is not emptied behind it (%s)",
  async (driver) => {
    using place = scratch();
    const outside = outsideOf(place.path);
    await using engine = await loaded(place.path, driver);
    const made = await container(engine, "box.example/box:1");
    const before = treeOf(outside);
    const top = join(engine.snapshots.directory(made.snapshot), "..");
    for (const path of [top, join(engine.store.root, "containers", made.id)]) {
      rmSync(path, { recursive: true });
      symlinkSync(outside, path);
    }
    await check(engine, { repair: true, deep: true }).catch(() => undefined);
    await removeContainer(liveOf(engine), made.id).catch(() => undefined);
    await removeImage(engine, "box.example/box:1", { force: true }).catch(() => undefined);
    await engine.gc.collect(undefined, { ingests: "all" }).catch(() => undefined);
    expect(treeOf(outside)).toEqual(before);
  },
);

/** Files in folders that are swapped for links while they are unpacked; what comes may fail, but not leave the root. */
test("what is swapped below the unpacker's root leads nothing out of it", async () => {
  await using place = new Place(1);
  const outside = outsideOf(place.folder);
  const before = treeOf(outside);
  const names = Array.from({ length: 150 }, (_, at) => `f${at}`);
  const archive = place.path("many.tar");
  await Bun.write(
    archive,
    tar(
      ...names.flatMap((name) => [
        folder("fs"),
        file(`fs/${name}`, name, { mode: 0o777, uid: 5 }),
        file(`fs/.wh.${name}x`),
      ]),
    ),
  );
  let swapped = 0;
  const rounds = 8;
  for (let round = 0; round < rounds; round++) {
    const root = place.empty();
    mkdirSync(join(root, "fs"));
    symlinkSync(join(outside, "fs"), join(root, "aside"));
    await using _racing = await racer([join(root, "fs"), join(root, "aside")]);
    await place.unpack(archive, { root }).catch(() => undefined);
    swapped += readdirSync(root).length;
    expect(treeOf(outside)).toEqual(before);
  }
  expect(swapped).toBeGreaterThan(rounds);
}, 180_000);

test("a writer that goes by names leaves the root", async () => {
  using place = scratch();
  const outside = outsideOf(place.path);
  const root = join(place.path, "root");
  mkdirSync(join(root, "fs"), { recursive: true });
  symlinkSync(join(outside, "fs"), join(root, "aside"));
  await using _racing = await racer([join(root, "fs"), join(root, "aside")]);
  for (let at = 0; at < 20_000 && !existsSync(join(outside, "fs/written")); at++)
    writeFileSync(join(root, "fs/written"), "x");
  expect(existsSync(join(outside, "fs/written"))).toBe(true);
});
