/**
 * Layers that want to write outside of their root: CVE-2021-32760 (containerd: chmod of host files through links in a layer), CVE-2026-62369 (KubeEdge: path
 * traversal in an installer's archive), and the kinds before them. After each the host's tree is as it was, and nothing but the root has changed.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { needing } from "../needs.ts";
import { Outside } from "../unpack/_outside.ts";
import { attributes, failure, Place } from "../unpack/_place.ts";
import { file, folder, hardlink, type Piece, symlink, tar } from "../unpack/_tar.ts";

const { test, describe } = needing({ root: true, programs: ["find", "getfattr"] });

let place: Place;
let outside: Outside;

beforeAll(() => {
  place = new Place(1);
  outside = new Outside(place);
});

afterAll(async () => {
  await place[Symbol.asyncDispose]();
});

async function unpack(
  pieces: readonly (Piece | Buffer)[],
  mode: "layer" | "tree" = "layer",
): Promise<string> {
  const path = place.path("evil.tar");
  await Bun.write(path, tar(...pieces));
  return (await place.unpack(path, { mode })).root;
}

const modes = ["layer", "tree"] as const;
const up = (path: string) => `../../../../../../../../..${path}`;

describe.each(modes)("in %s mode", (mode) => {
  /** What may come of the archive: a refusal of this kind, or files that are all inside. */
  const kinds: Record<string, () => readonly Piece[]> = {
    "a path with ..": () => [file(up(`${outside.folder}/new`), "x")],
    "a path with .. behind a folder": () => [folder("a"), file(`a/../${up(outside.folder)}/new`, "x")],
    "an absolute path": () => [file(`${outside.folder}/new`, "x")],
    "a file through an absolute symlink": () => [symlink("link", outside.folder), file("link/new", "x")],
    "a file through a relative symlink": () => [
      symlink("link", up(outside.folder)),
      file("link/etc/passwd", "x"),
    ],
    "a file through a chain of symlinks": () => [
      symlink("a", ".."),
      symlink("b", "a/.."),
      symlink("c", `b/${up(outside.folder)}`),
      file("c/etc/passwd", "x"),
    ],
    "a file over a symlink": () => [symlink("link", `${outside.folder}/etc/passwd`), file("link", "x")],
    "a folder over a symlink": () => [
      symlink("link", outside.folder),
      folder("link", { mode: 0o777, uid: 5 }),
      file("link/new", "x"),
    ],
    "a hard link to a file outside": () => [
      hardlink("mine", up(`${outside.folder}/etc/passwd`)),
      file("mine", "x"),
    ],
    "a hard link with an absolute path, then its mode": () => [
      hardlink("mine", `${outside.folder}/etc/passwd`),
      { name: "mine", flag: "1", link: `${outside.folder}/etc/passwd`, mode: 0o777, uid: 1 },
    ],
    "a hard link through a symlink": () => [
      symlink("link", `${outside.folder}/etc`),
      hardlink("mine", "link/passwd"),
    ],
    "a hard link to a symlink, then its mode": () => [
      symlink("link", `${outside.folder}/etc/passwd`),
      { name: "mine", flag: "1", link: "link", mode: 0o4777, uid: 1 },
      file("mine", "x"),
    ],
    "a mode of a folder that became a symlink": () => [
      folder("a"),
      folder("a/b", { mode: 0o777, uid: 9, mtime: 1 }),
      symlink("a", outside.folder),
      folder("a/etc", { mode: 0o777, uid: 9, mtime: 1 }),
    ],
    "a folder whose parent becomes a symlink before its time is set": () => [
      folder("a"),
      folder("a/etc", { mtime: 1 }),
      { name: "a", flag: "2", link: outside.folder },
    ],
    "a whiteout through a symlink": () => [symlink("link", outside.folder), file("link/.wh.etc")],
    "an opaque mark through a symlink": () => [
      symlink("link", `${outside.folder}/etc`),
      file("link/.wh..wh..opq"),
    ],
    "a whiteout behind ..": () => [file(up(`${outside.folder}/.wh.etc`))],
    "a device through a symlink": () => [
      symlink("link", outside.folder),
      { name: "link/sda", flag: "4", major: 8, minor: 0 },
    ],
    "a fifo over a symlink to a file": () => [
      symlink("link", `${outside.folder}/etc/passwd`),
      { name: "link", flag: "6" },
    ],
    "a sparse file through a symlink": () => [
      symlink("link", outside.folder),
      file("link/new", "x", { pax: { "GNU.sparse.map": "0,1", "GNU.sparse.size": "100000" } }),
    ],
    "the way out by /proc": () => [symlink("link", "/proc/self/root"), file(`link${"/tmp"}/new`, "x")],
    "a path of a PAX header": () => [file("harmless", "x", { pax: { path: up(`${outside.folder}/new`) } })],
    "a name in GNU.sparse": () => [
      file("harmless", "x", {
        pax: {
          "GNU.sparse.map": "0,1",
          "GNU.sparse.size": "9",
          "GNU.sparse.name": `${up(outside.folder)}/new`,
        },
      }),
    ],
    "attributes through a symlink": () => [
      symlink("link", `${outside.folder}/etc`),
      { name: "link", flag: "2", link: outside.folder, pax: { "SCHILY.xattr.trusted.evil": "1" } },
      folder("link/passwd", { pax: { "SCHILY.xattr.trusted.evil": "1" } }),
    ],
  };

  test.each(Object.keys(kinds))("nothing outside is touched by %s", async (kind) => {
    const marks = attributes(place, outside.folder);
    const end = await unpack((kinds[kind] as () => readonly Piece[])(), mode).catch(
      (error: unknown) => error,
    );
    if (typeof end !== "string") expect(end).toMatchObject({ code: "invalid_argument" });
    expect(outside.now).toEqual(outside.before);
    expect(attributes(place, outside.folder)).toBe(marks);
  });
});

test.each(["..", "a/../..", "./../x", "/..", "a/b/../../../c"])(
  "the path %s is refused by name",
  async (name) => {
    expect(await failure(unpack([file(name, "x")]))).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("leads out of the root"),
    });
  },
);

test.each([".wh.", ".wh..", ".wh...", "a/.wh..."])("the whiteout %s is refused", async (name) => {
  expect(await failure(unpack([file(name)]))).toMatchObject({ code: "invalid_argument" });
  expect(await failure(unpack([file(name)], "tree"))).toMatchObject({ code: "invalid_argument" });
});

test("links stay inside as a container would see them", async () => {
  const root = await unpack([
    folder("usr/lib"),
    symlink("lib", "/usr/lib"),
    file("lib/x", "1"),
    symlink("up", "../../.."),
    file("up/y", "2"),
  ]);
  expect(readFileSync(`${root}/usr/lib/x`, "utf8")).toBe("1");
  expect(readFileSync(`${root}/y`, "utf8")).toBe("2");
});

test("a symlink that leads nowhere gets the folder made that it names", async () => {
  const path = place.path("evil.tar");
  await Bun.write(path, tar(symlink("var/run", "../run/here"), file("var/run/pid", "1")));
  const { root, implicitDirs } = await place.unpack(path);
  expect(readFileSync(`${root}/run/here/pid`, "utf8")).toBe("1");
  expect(implicitDirs).toEqual(["var", "run", "run/here"]);
});

test.each([
  ["a symlink to itself", [symlink("a", "a"), file("a/b", "x")]],
  ["two symlinks to each other", [symlink("a", "b"), symlink("b", "a"), file("a/c", "x")]],
  [
    "symlinks that double",
    [
      ...Array.from({ length: 60 }, (_, i) => symlink(`s${i + 1}`, `s${i}/../s${i}`)),
      folder("s0"),
      file("s60/x", "x"),
    ],
  ],
  ["a file as a folder", [file("a", "x"), file("a/b", "x")]],
  ["a hard link to itself", [hardlink("a", "a")]],
  ["a hard link to a folder", [folder("a"), hardlink("b", "a")]],
  ["a hard link to the root", [hardlink("b", "./")]],
  ["a root that is a file", [file("./", "x", { flag: "2", link: "x" })]],
  ["a name with a NUL", [file("a", "x", { pax: { path: "a\0b" } })]],
  ["a name of 300 bytes", [file("a", "x", { pax: { path: "n".repeat(300) } })]],
  ["a path of 5000 bytes", [file("a", "x", { pax: { path: "n/".repeat(2500) + "x" } })]],
  ["a symlink to nothing", [symlink("a", "")]],
  ["a device of no number", [{ name: "a", flag: "3", major: 5000, minor: 0 }]],
] as const)("refused as an entry that cannot be: %s", async (_what, pieces) => {
  expect(await failure(unpack(pieces))).toMatchObject({ code: "invalid_argument" });
});

test("overlayfs's own marks are not taken from an archive", async () => {
  const pax = {
    "SCHILY.xattr.trusted.overlay.opaque": "y",
    "SCHILY.xattr.trusted.overlay.redirect": "/etc",
    "SCHILY.xattr.trusted.overlay.metacopy": "",
    "SCHILY.xattr.user.overlay.opaque": "y",
    "SCHILY.xattr.trusted.other": "kept",
  };
  const root = await unpack([folder("a", { pax }), file("b", "", { pax }), folder("./", { pax })]);
  expect(attributes(place, root)).not.toContain("overlay");
  expect(attributes(place, root)).toContain("trusted.other");
});

test("set-id bits are of the owner that the archive names, and stand after writing", async () => {
  const root = await unpack([file("a", "x", { mode: 0o6755, uid: 7, gid: 8 })]);
  expect(statSync(`${root}/a`)).toMatchObject({ mode: 0o106755, uid: 7, gid: 8 });
});

test("an entry that comes twice replaces the first, of whatever kind", async () => {
  const root = await unpack([
    file("a", "1"),
    hardlink("kept", "a"),
    file("a", "2"),
    folder("b"),
    file("b/c", "x"),
    symlink("b", "a"),
    symlink("d", "a"),
    folder("d"),
    { name: "e", flag: "6" },
    file("e", "3"),
  ]);
  expect(readFileSync(`${root}/a`, "utf8")).toBe("2");
  expect(readFileSync(`${root}/kept`, "utf8")).toBe("1");
  expect(readlinkSync(`${root}/b`)).toBe("a");
  expect(lstatSync(`${root}/d`).isDirectory()).toBe(true);
  expect(readFileSync(`${root}/e`, "utf8")).toBe("3");
});

test("folders deeper than a path can say are made and removed again", async () => {
  const half = "d/".repeat(1500);
  const root = await unpack([
    folder("x", { pax: { path: half } }),
    { name: "s", flag: "2", pax: { linkpath: half } },
    folder("x", { pax: { path: `s/${half}` } }),
  ]);
  const depth = place.run("find", root, "-printf", "%d\n").trim().split("\n").map(Number);
  expect(Math.max(...depth)).toBe(3000);
  await place.unpacker.removeTree(root);
  expect(existsSync(root)).toBe(false);
});

test("the limit on bytes and the limit on entries hold while the archive comes", async () => {
  const path = place.path("evil.tar");
  await Bun.write(path, tar(file("a", Buffer.alloc(1 << 20)), file("b"), file("c")));
  expect(await failure(place.unpack(path, { limits: { bytes: 1 << 20 } }))).toMatchObject({
    code: "resource_exhausted",
  });
  const root = place.empty();
  expect(await failure(place.unpack(path, { root, limits: { entries: 2 } }))).toMatchObject({
    code: "resource_exhausted",
  });
  expect(readdirSync(root).sort()).toEqual(["a", "b"]);
});

test("a gzip bomb ends at the limit", async () => {
  const path = place.path("bomb.gz");
  const bomb = tar(file("zeros", Buffer.alloc(64 << 20)));
  await Bun.write(path, gzipSync(bomb, { level: 9 }));
  const root = place.empty();
  const bytes = 4 << 20;
  expect(await failure(place.unpack(path, { root, compression: "gzip", limits: { bytes } }))).toMatchObject({
    code: "resource_exhausted",
  });
  expect(statSync(`${root}/zeros`).size).toBeLessThanOrEqual(bytes);
});
