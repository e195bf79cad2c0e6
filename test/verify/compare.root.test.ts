/** What was unpacked is held against its archive: whole images differ in nothing, and each kind of damage is found and named. */
import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { ensureUnpacked } from "../../src/engine/images/ensure.ts";
import { pull } from "../../src/engine/images/pull.ts";
import type { LocalImage } from "../../src/engine/images/images.ts";
import { compareSnapshot } from "../../src/engine/verify/snapshot.ts";
import type { Depth } from "../../src/engine/verify/contents.ts";
import { layerFormat } from "../../src/spec/image/layers.ts";
import { needing } from "../needs.ts";
import { mockRegistry } from "../pull/mock-registry.ts";
import { testEngine, type TestEngine } from "../pull/parts.ts";
import { big, everything } from "./_images.ts";

const { test } = needing({ root: true });
const image = everything();

async function compare(engine: TestEngine, pulled: LocalImage, depth: Depth): Promise<string[]> {
  const found: string[] = [];
  for (const { chainId, descriptor } of pulled.layers) {
    const { compression } = layerFormat(descriptor.mediaType);
    const layer = { chainId, path: await engine.content.open(descriptor.digest), compression };
    const difference = await compareSnapshot(engine.snapshots, layer, { depth });
    if (difference !== undefined) found.push(difference);
  }
  return found;
}

/** Writes into a file without changing its size or times. */
function overwrite(path: string, at: number, length: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, new Uint8Array(length), 0, length, at);
  closeSync(fd);
  utimesSync(path, new Date(), 0);
}

/** By what is found: what is done to the lowest layer. */
const damages: readonly [what: string, damage: (root: string) => void, told: string][] = [
  [
    "a file cut short",
    (root) => truncateSync(join(root, "usr/bin/tool"), 100),
    "it has 100 bytes, wanted 10000",
  ],
  [
    "an empty file",
    (root) => truncateSync(join(root, "usr/bin/through"), 0),
    '"/usr/bin/through": it has 0 bytes',
  ],
  ["a program of zeros", (root) => overwrite(join(root, "usr/bin/tool"), 0, 10_000), ": its bytes differ"],
  [
    "a library of zeros in its middle",
    (root) => overwrite(join(root, "usr/lib.so"), big / 2, 4096),
    '"/usr/lib.so": its bytes differ',
  ],
  [
    "the end of large data",
    (root) => overwrite(join(root, "usr/model"), big - 10, 10),
    '"/usr/model": its bytes differ',
  ],
  [
    "a mode",
    (root) => chmodSync(join(root, "etc/passwd"), 0o666),
    '"/etc/passwd": its mode is 0666, wanted 0644',
  ],
  [
    "an owner",
    (root) => chownSync(join(root, "etc/passwd"), 0, 0),
    '"/etc/passwd": its owner is 0:0, wanted 10:20',
  ],
  [
    "a time",
    (root) => utimesSync(join(root, "etc/passwd"), 5, 5),
    '"/etc/passwd": its time of change differs',
  ],
  ["a file that is gone", (root) => unlinkSync(join(root, "var/kept")), '"/var/kept": it is gone'],
  ["a folder that is gone", (root) => rmSync(join(root, "usr"), { recursive: true }), '"/usr": it is gone'],
  ["a whole layer that is gone", (root) => rmSync(root, { recursive: true }), "no such file or directory"],
  [
    "a link that leads elsewhere",
    (root) => relink(join(root, "bin"), "usr/sbin"),
    '"/bin": it leads elsewhere',
  ],
  [
    "a hard link of its own",
    (root) => copyApart(join(root, "usr/bin/same")),
    "hard links are files of their own",
  ],
  [
    "a hard link too much",
    (root) => replaceByLink(join(root, "etc/empty"), join(root, "etc/passwd")),
    '"/etc/',
  ],
  ["another type", (root) => retype(join(root, "run/pipe")), '"/run/pipe": it is of another type'],
];

function relink(path: string, target: string): void {
  unlinkSync(path);
  symlinkSync(target, path);
}

function copyApart(path: string): void {
  const bytes = readFileSync(path);
  unlinkSync(path);
  writeFileSync(path, bytes);
  chownSync(path, 0, 0);
  chmodSync(path, 0o4755);
  utimesSync(path, 1_600_000_003, 1_600_000_003);
}

function replaceByLink(path: string, target: string): void {
  unlinkSync(path);
  linkSync(target, path);
}

function retype(path: string): void {
  unlinkSync(path);
  mkdirSync(path);
}

for (const snapshotter of ["overlayfs", "copy"] as const)
  describe(snapshotter, () => {
    test("an image with everything in it differs in nothing", async () => {
      await using registry = mockRegistry({ image });
      await using engine = await testEngine({ snapshotter });
      const pulled = (await pull(engine, `${registry.host}/app`)).image;
      expect(await compare(engine, pulled, "all")).toEqual([]);
      expect(await compare(engine, pulled, "programs")).toEqual([]);
    });

    test("each kind of damage is found and named, and gone when the layer was unpacked again", async () => {
      await using registry = mockRegistry({ image });
      await using engine = await testEngine({ snapshotter });
      const pulled = (await pull(engine, `${registry.host}/app`)).image;
      registry.intercept = () => new Response("{}", { status: 500 });
      const chainId = pulled.layers[0]?.chainId ?? "";
      const lowest = { ...pulled, layers: pulled.layers.slice(0, 1) };
      for (const [what, damage, told] of damages) {
        damage(engine.snapshots.directory(chainId));
        for (const depth of ["all", "programs"] as const)
          expect([what, ...(await compare(engine, lowest, depth))]).toEqual([
            what,
            expect.stringContaining(told),
          ]);
        await ensureUnpacked(engine, pulled, { distrusted: new Set([chainId]) });
        expect([what, ...(await compare(engine, pulled, "all"))]).toEqual([what]);
      }
    });

    test("finds what does not belong there, in a folder that is there", async () => {
      await using registry = mockRegistry({ image });
      await using engine = await testEngine({ snapshotter });
      const pulled = (await pull(engine, `${registry.host}/app`)).image;
      const folder = join(engine.snapshots.directory(pulled.layers[1]?.chainId ?? ""), "etc");
      writeFileSync(join(folder, "strange"), "x");
      utimesSync(folder, 1_600_000_010, 1_600_000_010);
      expect(await compare(engine, pulled, "programs")).toContainEqual(
        expect.stringContaining('"/etc/strange"'),
      );
    });

    test("finds the middle of large data only when it reads everything", async () => {
      await using registry = mockRegistry({ image });
      await using engine = await testEngine({ snapshotter });
      const pulled = (await pull(engine, `${registry.host}/app`)).image;
      overwrite(
        join(engine.snapshots.directory(pulled.layers[0]?.chainId ?? ""), "usr/model"),
        big / 2,
        4096,
      );
      expect((await compare(engine, pulled, "all"))[0]).toContain('"/usr/model": its bytes differ');
      if (snapshotter === "overlayfs") expect(await compare(engine, pulled, "programs")).toEqual([]);
    });
  });

test("finds a whiteout that is gone, and a folder that is no longer opaque", async () => {
  await using registry = mockRegistry({ image });
  await using engine = await testEngine({ snapshotter: "overlayfs" });
  const pulled = (await pull(engine, `${registry.host}/app`)).image;
  const root = engine.snapshots.directory(pulled.layers[1]?.chainId ?? "");
  unlinkSync(join(root, "var/gone"));
  expect((await compare(engine, pulled, "programs"))[0]).toContain('"/var/gone": it is gone');
  Bun.spawnSync(["mknod", join(root, "var/gone"), "c", "0", "0"]);
  expect(await compare(engine, pulled, "programs")).toEqual([]);
  Bun.spawnSync(["setfattr", "-x", "trusted.overlay.opaque", join(root, "var/old")]);
  expect((await compare(engine, pulled, "programs"))[0]).toContain(
    '"/var/old": it shows what the layers below',
  );
});

test("sparse files: data, size and holes", async () => {
  const { sparseImage } = await import("./_sparse.ts");
  await using registry = mockRegistry({ image: sparseImage() });
  await using engine = await testEngine({ snapshotter: "overlayfs" });
  const pulled = (await pull(engine, `${registry.host}/app`)).image;
  expect(await compare(engine, pulled, "all")).toEqual([]);
  const path = join(engine.snapshots.directory(pulled.layers[0]?.chainId ?? ""), "sparse");
  const fd = openSync(path, "r+");
  writeSync(fd, "x", 8192);
  closeSync(fd);
  expect((await compare(engine, pulled, "programs"))[0]).toContain('"/sparse": its holes are not empty');
  const again = openSync(path, "r+");
  ftruncateSync(again, 5);
  closeSync(again);
  expect((await compare(engine, pulled, "programs"))[0]).toContain('"/sparse": it has 5 bytes');
});
