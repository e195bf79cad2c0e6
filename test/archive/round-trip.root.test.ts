import { afterAll, expect } from "bun:test";
import {
  cpSync,
  openSync,
  closeSync,
  writeSync,
  writeFileSync,
  readFileSync,
  mkdirSync,
  symlinkSync,
} from "node:fs";
import { archiveDifference } from "../../src/engine/archive/difference.ts";
import { archiveMerged } from "../../src/engine/archive/merged.ts";
import { archiveTree, archiveUpper } from "../../src/engine/archive/tree.ts";
import { Applier } from "../../src/engine/unpack/apply.ts";
import { TarReader } from "../../src/engine/unpack/reader.ts";
import { needing } from "../needs.ts";
import { change, describeTree } from "./_model.ts";
import { call, folder, random, scratch } from "./_trees.ts";

const { test } = needing({ root: true, programs: ["tar"] });

// The processes that unpack have none, so that modes come as the archive has them.
const before = process.umask(0);
afterAll(() => void process.umask(before));

function save(pieces: Iterable<Uint8Array>, path: string): void {
  const fd = openSync(path, "w");
  for (const piece of pieces) writeSync(fd, piece);
  closeSync(fd);
}

function unpack(pieces: Iterable<Uint8Array>, root: string): void {
  const sink = new Applier({ mode: "tree", root }, 1e6);
  const reader = new TarReader(sink);
  for (const piece of pieces) reader.feed(Buffer.from(piece));
  reader.finish();
  sink.complete();
}

const seeds = Array.from({ length: 12 }, (_, seed) => ({ seed }));

test.each(seeds)("our own unpack gives back the tree of seed $seed", ({ seed }) => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  change(tree, random(seed), 60);
  const copy = folder(place.path, "copy");
  unpack(archiveTree(tree), copy);
  expect(describeTree(copy)).toEqual(describeTree(tree));
});

test.each(seeds.slice(0, 6))("GNU tar gives back the tree of seed $seed", ({ seed }) => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  change(tree, random(100 + seed), 60);
  const copy = folder(place.path, "copy");
  const file = `${place.path}/tree.tar`;
  save(archiveTree(tree), file);
  call("tar", "-C", copy, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", file);
  expect(describeTree(copy)).toEqual(describeTree(tree));
});

test.each(seeds)(
  "the difference of two trees, applied to the first, gives the second: seed $seed",
  ({ seed }) => {
    using place = scratch();
    const next = random(200 + seed);
    const before = folder(place.path, "before");
    change(before, next, 50);
    const after = folder(place.path, "after");
    unpack(archiveTree(before), after);
    change(after, next, 15);
    unpack(archiveDifference({ parent: before, active: after }), before);
    expect(describeTree(before)).toEqual(describeTree(after));
  },
);

test.each(seeds)(
  "an upper folder's layer, applied to the lower one, and both read as one, give overlayfs's tree: seed $seed",
  ({ seed }) => {
    using place = scratch();
    const next = random(300 + seed);
    const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) =>
      folder(place.path, name),
    ) as [string, string, string, string];
    change(lower, next, 50);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},redirect_dir=off,metacopy=off,index=off`;
    call("mount", "-t", "overlay", "-o", options, "overlay", merged);
    try {
      change(merged, next, 15);
      const layer = [...archiveUpper(upper)];
      const copy = folder(place.path, "copy");
      unpack(archiveTree(lower), copy);
      unpack(layer, copy);
      expect(describeTree(copy)).toEqual(describeTree(merged));
      const seen = folder(place.path, "seen");
      unpack(archiveMerged([upper, lower]), seen);
      expect(describeTree(seen)).toEqual(describeTree(merged));
    } finally {
      call("umount", merged);
    }
  },
);

test("the same tree gives the same bytes, whatever order its files were made in", () => {
  using place = scratch();
  const one = folder(place.path, "one");
  const two = folder(place.path, "two");
  for (const [root, names] of [
    [one, ["b", "a", "c"]],
    [two, ["c", "a", "b"]],
  ] as const)
    for (const name of names) writeFileSync(`${root}/${name}`, name);
  for (const root of [one, two])
    call("touch", "-d", "@5.5", root, ...["a", "b", "c"].map((n) => `${root}/${n}`));
  expect(Buffer.concat([...archiveTree(one)])).toEqual(Buffer.concat([...archiveTree(two)]));
});

test("the difference of equal trees is an archive without entries", () => {
  using place = scratch();
  const one = folder(place.path, "one");
  change(one, random(1), 30);
  const two = folder(place.path, "two");
  unpack(archiveTree(one), two);
  expect(Buffer.concat([...archiveDifference({ parent: one, active: two })])).toEqual(Buffer.alloc(1024));
});

test("a file rewritten with its size and times as before is in the difference", () => {
  using place = scratch();
  const one = folder(place.path, "one");
  writeFileSync(`${one}/f`, "before");
  const two = `${place.path}/two`;
  cpSync(one, two, { recursive: true });
  writeFileSync(`${two}/f`, "after!");
  for (const path of [`${one}/f`, `${two}/f`, one, two]) call("touch", "-d", "@5", path);
  const text = Buffer.concat([...archiveDifference({ parent: one, active: two })]).toString();
  expect(text).toContain("after!");
});

test("a file that grows while it is read is refused", () => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  writeFileSync(`${tree}/log`, Buffer.alloc(2 << 20));
  const pieces = archiveTree(tree);
  pieces.next();
  writeFileSync(`${tree}/log`, Buffer.alloc(3 << 20));
  expect(() => [...pieces]).toThrow('cannot archive "/log": it changed while it was read');
});

test("a file that shrinks while it is read is refused", () => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  writeFileSync(`${tree}/log`, Buffer.alloc(2 << 20));
  const pieces = archiveTree(tree);
  pieces.next();
  writeFileSync(`${tree}/log`, "");
  expect(() => [...pieces]).toThrow('cannot archive "/log": it changed while it was read');
});

test("a symlink to a folder elsewhere is kept as a symlink", () => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  symlinkSync("/etc", `${tree}/etc`);
  save(archiveTree(tree), `${place.path}/t.tar`);
  expect(call("tar", "-tvf", `${place.path}/t.tar`)).toContain("etc -> /etc");
});

test("a mount inside the tree is an empty folder", () => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  const inner = folder(tree, "proc");
  call("mount", "-t", "tmpfs", "none", inner);
  try {
    mkdirSync(`${inner}/secret`);
    save(archiveTree(tree), `${place.path}/t.tar`);
  } finally {
    call("umount", inner);
  }
  expect(call("tar", "-tf", `${place.path}/t.tar`)).toBe("./\nproc/\n");
});

test("a layer refuses a file whose name would mean a removal", () => {
  using place = scratch();
  const tree = folder(place.path, "tree");
  writeFileSync(`${tree}/.wh.x`, "");
  expect(() => [...archiveUpper(tree)]).toThrow("begins with .wh.");
  expect(() => [...archiveDifference({ parent: undefined, active: tree })]).toThrow("begins with .wh.");
  expect(readFileSync(`${tree}/.wh.x`, "utf8")).toBe("");
});
