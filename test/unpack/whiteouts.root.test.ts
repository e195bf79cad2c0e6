import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { failure, Place } from "./_place.ts";
import { file, folder, hardlink, type Piece, tar } from "./_tar.ts";

const { test, describe } = needing({ root: true, programs: ["getfattr"] });

let place: Place;

beforeAll(() => {
  place = new Place(1);
});

afterAll(async () => {
  await place[Symbol.asyncDispose]();
});

async function unpack(pieces: readonly Piece[], options: { root?: string; mode?: "layer" | "tree" } = {}) {
  const path = place.path("x.tar");
  await Bun.write(path, tar(...pieces));
  return place.unpack(path, options);
}

const isWhiteout = (path: string) => {
  const status = lstatSync(path);
  return status.isCharacterDevice() && status.rdev === 0;
};

const isOpaque = (path: string) =>
  place.run("getfattr", "-d", "-m", "trusted.overlay", "--absolute-names", path).includes('opaque="y"');

describe("in layer mode, the form of overlayfs", () => {
  test("a whiteout is a character device 0:0", async () => {
    const { root, usage } = await unpack([folder("a"), file("a/.wh.gone")]);
    expect(isWhiteout(`${root}/a/gone`)).toBe(true);
    expect(usage.inodes).toBe(2);
  });

  test("an opaque mark is an attribute of its folder, before and after its entries, and of the root", async () => {
    const { root } = await unpack([
      folder("a"),
      file("a/x"),
      file("a/.wh..wh..opq"),
      file("b/.wh..wh..opq"),
      file("b/y"),
      file(".wh..wh..opq"),
    ]);
    expect([isOpaque(`${root}/a`), isOpaque(`${root}/b`), isOpaque(root)]).toEqual([true, true, true]);
    expect(readdirSync(`${root}/a`)).toEqual(["x"]);
  });

  test("a whiteout leaves what its own layer brings, and hides what lies below it", async () => {
    const { root, links } = await unpack([
      file("f"),
      file(".wh.f"),
      file(".wh.g"),
      file("g"),
      folder("d"),
      file("d/x"),
      file(".wh.d"),
      file(".wh.e"),
      folder("e"),
      file(".wh.i"),
      file("i/x"),
      hardlink("l", "below"),
      file(".wh.l"),
    ]);
    expect([lstatSync(`${root}/f`).isFile(), lstatSync(`${root}/g`).isFile()]).toEqual([true, true]);
    expect([isOpaque(`${root}/d`), isOpaque(`${root}/e`), isOpaque(`${root}/i`)]).toEqual([true, true, true]);
    expect(readdirSync(`${root}/d`)).toEqual(["x"]);
    expect(existsSync(`${root}/l`)).toBe(false);
    expect(links).toEqual([{ path: "l", target: "below" }]);
  });

  test("other names with two prefixes are aufs's and make nothing", async () => {
    const { root } = await unpack([
      folder(".wh..wh.plnk"),
      file(".wh..wh.plnk/1.2"),
      file(".wh..wh.aufs"),
      file("a/.wh..wh.orph"),
    ]);
    expect(readdirSync(root)).toEqual([]);
  });

  test("folders without an entry of their own are told, parents first; a later entry takes them off", async () => {
    const { root, implicitDirs } = await unpack([
      file("a/b/c/x"),
      folder("a/b", { mode: 0o700 }),
      file("d/y"),
      file("d/.wh.z"),
    ]);
    expect(implicitDirs).toEqual(["a", "a/b/c", "d"]);
    expect(lstatSync(`${root}/a/b`).mode & 0o7777).toBe(0o700);
  });

  test("hard links to files of lower layers are told and not made; one that is replaced is forgotten", async () => {
    const { root, links } = await unpack([
      hardlink("usr/mine", "./usr/bin/theirs"),
      hardlink("second", "usr/mine"),
      hardlink("other", "/lib/theirs"),
      file("other", "own"),
    ]);
    expect(links).toEqual([
      { path: "usr/mine", target: "usr/bin/theirs" },
      { path: "second", target: "usr/bin/theirs" },
    ]);
    expect(readdirSync(root).sort()).toEqual(["other", "usr"]);
  });

  test("names that are not UTF-8 are told as bytes", async () => {
    const { root, implicitDirs, links } = await unpack([
      hardlink("caf\xe9/l\xff", "\xe9/theirs"),
      file("caf\xe9/f"),
    ]);
    expect(implicitDirs).toEqual(["caf\xe9"]);
    expect(links).toEqual([{ path: "caf\xe9/l\xff", target: "\xe9/theirs" }]);
    expect(readdirSync(root, { encoding: "buffer" })).toEqual([Buffer.from("caf\xe9", "latin1")]);
  });

  test("a hard link to what its layer removes is refused", async () => {
    expect(await failure(unpack([file(".wh.a"), hardlink("b", "a")]))).toMatchObject({
      code: "invalid_argument",
    });
  });
});

describe("in tree mode", () => {
  /** A tree as a lower layer left it. */
  function lower(): string {
    const root = place.empty();
    for (const name of ["a/deep/deeper", "b", "c"]) mkdirSync(`${root}/${name}`, { recursive: true });
    for (const name of ["f", "a/x", "a/deep/y", "b/z", "c/w"]) writeFileSync(`${root}/${name}`, "lower");
    return root;
  }

  test("whiteouts remove files and folders of the layers below, not of their own", async () => {
    const root = lower();
    await unpack(
      [
        file("a/deep/new", "1"),
        file(".wh.a"),
        file(".wh.f"),
        file("c/.wh.w"),
        file("c/.wh.nothing"),
        file("none/.wh.x"),
      ],
      {
        root,
        mode: "tree",
      },
    );
    expect(readdirSync(root).sort()).toEqual(["a", "b", "c"]);
    expect(readdirSync(`${root}/a`)).toEqual(["deep"]);
    expect(readdirSync(`${root}/a/deep`)).toEqual(["new"]);
    expect(readdirSync(`${root}/c`)).toEqual([]);
  });

  test("an opaque mark empties its folder of the layers below", async () => {
    const root = lower();
    await unpack([file("a/own", "1"), file("a/.wh..wh..opq"), file("a/late", "2")], { root, mode: "tree" });
    expect(readdirSync(`${root}/a`).sort()).toEqual(["late", "own"]);
  });

  test("entries replace what is there; folders stay and take the new attributes", async () => {
    const root = lower();
    await unpack(
      [
        folder("a", { mode: 0o700, uid: 5, mtime: 1000 }),
        file("f", "new"),
        file("b", "now a file"),
        folder("c/w"),
      ],
      {
        root,
        mode: "tree",
      },
    );
    expect(lstatSync(`${root}/a`)).toMatchObject({ mode: 0o40700, uid: 5, mtimeMs: 1_000_000 });
    expect(readFileSync(`${root}/a/x`, "utf8")).toBe("lower");
    expect(readFileSync(`${root}/f`, "utf8")).toBe("new");
    expect(readFileSync(`${root}/b`, "utf8")).toBe("now a file");
    expect(lstatSync(`${root}/c/w`).isDirectory()).toBe(true);
  });

  test("a hard link to a file of a lower layer is made; one to nothing is refused", async () => {
    const root = lower();
    const { links } = await unpack([hardlink("same", "a/x")], { root, mode: "tree" });
    expect(lstatSync(`${root}/same`).ino).toBe(lstatSync(`${root}/a/x`).ino);
    expect(links).toEqual([]);
    expect(await failure(unpack([hardlink("same", "nothing")], { root, mode: "tree" }))).toMatchObject({
      code: "invalid_argument",
    });
  });
});
