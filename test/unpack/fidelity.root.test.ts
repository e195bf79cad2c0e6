import { expect } from "bun:test";
import { lstatSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { countTree } from "../../src/engine/snapshots/count.ts";
import { needing } from "../needs.ts";
import { attributes, listing, Place } from "./_place.ts";
import { tar } from "./_tar.ts";

const { test } = needing({ root: true, programs: ["tar", "gzip", "setfattr", "mknod"] });

/** A tree with one of everything that Linux has. */
function everything(place: Place): string {
  const root = place.empty();
  const long = "n".repeat(200);
  place.run("mkdir", "-p", `${root}/a/b/c`, `${root}/setgid`, `${root}/sticky`, `${root}/${long}/${long}`);
  place.run("tee", `${root}/${long}/${long}/file`);
  place.run("dd", "if=/dev/urandom", `of=${root}/a/data`, "bs=1000", "count=700", "status=none");
  place.run("touch", "-d", "2001-02-03 04:05:06.123456789", `${root}/a/data`);
  place.run("touch", "-d", "1960-01-01 00:00:00.5", `${root}/a/old`);
  place.run("ln", `${root}/a/data`, `${root}/a/b/hard`);
  place.run("ln", "-s", "../../a/data", `${root}/a/b/c/soft`);
  place.run("ln", "-s", `/${long}`, `${root}/${long}/absolute`);
  place.run("chown", "-h", "1234:4321", `${root}/a/b/c/soft`);
  place.run("cp", `${root}/a/data`, `${root}/setuid`);
  place.run("chown", "4000000000:77", `${root}/setuid`);
  place.run("chmod", "6755", `${root}/setuid`);
  place.run("chown", "9:8", `${root}/setgid`);
  place.run("chmod", "2775", `${root}/setgid`);
  place.run("tee", `${root}/setgid/inherits-nothing`);
  place.run("mkdir", `${root}/setgid/folder`);
  place.run("chown", "0:0", `${root}/setgid/inherits-nothing`, `${root}/setgid/folder`);
  place.run("chmod", "0755", `${root}/setgid/folder`);
  place.run("chmod", "g-s", `${root}/setgid/folder`);
  place.run("chmod", "1777", `${root}/sticky`);
  place.run("chmod", "0000", `${root}/a/b/c`);
  place.run("mknod", `${root}/null`, "c", "1", "3");
  place.run("mknod", `${root}/disk`, "b", "259", "300000");
  place.run("mknod", "-m", "0622", `${root}/fifo`, "p");
  place.run("setfattr", "-n", "user.note", "-v", "with = and \u00e9", `${root}/a/data`);
  place.run(
    "setfattr",
    "-n",
    "security.capability",
    "-v",
    "0x0100000200200000000000000000000000000000",
    `${root}/setuid`,
  );
  place.run("setfattr", "-n", "user.of-a-folder", "-v", "x", `${root}/a`);
  place.run(
    "touch",
    "-d",
    "2010-10-10 10:10:10.000000001",
    `${root}/a/b/c`,
    `${root}/a/b`,
    `${root}/a`,
    root,
  );
  return root;
}

const forms = ["--format=pax", "--format=gnu"] as const;

test.each(forms)("a tree with one of everything comes out as it went in (%s)", async (form) => {
  await using place = new Place();
  const source = everything(place);
  place.run("tar", form, "--numeric-owner", "-C", source, "-cf", "x.tar", ".");
  const reference = place.empty();
  place.run("tar", "--numeric-owner", "-xpf", "x.tar", "-C", reference);
  const { root, implicitDirs, links } = await place.unpack(place.path("x.tar"));
  expect(listing(place, root)).toEqual(listing(place, reference));
  expect({ implicitDirs, links }).toEqual({ implicitDirs: [], links: [] });
  place.run("diff", "-r", "--no-dereference", "-x", "null", "-x", "disk", "-x", "fifo", root, source);
});

test("extended attributes and times are exact with PAX", async () => {
  await using place = new Place();
  const source = everything(place);
  place.run(
    "tar",
    "--format=pax",
    "--xattrs",
    "--xattrs-include=*",
    "--numeric-owner",
    "-C",
    source,
    "-cf",
    "x.tar",
    ".",
  );
  const { root, usage } = await place.unpack(place.path("x.tar"));
  expect(listing(place, root)).toEqual(listing(place, source));
  expect(attributes(place, root)).toEqual(attributes(place, source));
  expect(usage.inodes).toBe(Number(place.run("find", root, "-printf", "%i\n").split("\n").length) - 3);
});

test("what is counted is what is allocated: blocks of long links and of attributes too", async () => {
  await using place = new Place();
  const pieces = [
    { name: "folder/", flag: "5", mode: 0o755 },
    { name: "folder/short", flag: "2", link: "a" },
    ...[1, 2, 3].map((n) => ({
      name: `folder/${n}`,
      flag: "2",
      link: "-",
      pax: { linkpath: `${n}`.repeat(150) },
    })),
    {
      name: "folder/attributes",
      content: "y".repeat(5000),
      pax: { "SCHILY.xattr.user.big": "x".repeat(2000) },
    },
    { name: "folder/plain", content: "z".repeat(5000) },
    { name: "folder/empty", content: "" },
  ];
  await Bun.write(place.path("x.tar"), tar(...pieces));
  const { root, usage } = await place.unpack(place.path("x.tar"));
  const counted = await countTree(root);
  const own = lstatSync(root).blocks * 512;
  expect(usage).toEqual({ bytes: counted.bytes - own, inodes: counted.inodes - 1 });
});

test("gzip with several members, zstd and plain archives give the same tree", async () => {
  await using place = new Place();
  const source = everything(place);
  place.run("tar", "--format=pax", "--numeric-owner", "-C", source, "-cf", "x.tar", ".");
  const bytes = await Bun.file(place.path("x.tar")).bytes();
  const half = Math.floor(bytes.length / 2);
  const members = [bytes.subarray(0, half), bytes.subarray(half)].map((part) => gzipSync(part));
  await Bun.write(place.path("x.gz"), Buffer.concat(members));
  const frames = [bytes.subarray(0, half), bytes.subarray(half)].map((part) => zstdCompressSync(part));
  await Bun.write(place.path("x.zst"), Buffer.concat(frames));
  const plain = await place.unpack(place.path("x.tar"));
  const gzip = await place.unpack(place.path("x.gz"), { compression: "gzip", wanted: bytes });
  const zstd = await place.unpack(place.path("x.zst"), { compression: "zstd", wanted: bytes });
  expect(listing(place, gzip.root)).toEqual(listing(place, plain.root));
  expect(listing(place, zstd.root)).toEqual(listing(place, plain.root));
});

test("set-id bits of device nodes and fifos outlive the change of owner", async () => {
  await using place = new Place();
  const kinds = [
    { name: "char", flag: "3", major: 1, minor: 3 },
    { name: "disk", flag: "4", major: 259, minor: 7 },
    { name: "fifo", flag: "6" },
  ];
  const pieces = kinds.map((kind) => ({ ...kind, mode: 0o6755, uid: 12, gid: 34 }));
  await Bun.write(place.path("x.tar"), tar(...pieces));
  const { root } = await place.unpack(place.path("x.tar"));
  for (const { name } of kinds)
    expect(place.run("stat", "-c", "%a %u:%g", `${root}/${name}`)).toBe("6755 12:34\n");
});

test("what a hard link's header says counts for the file; a capability stays when the owner does", async () => {
  await using place = new Place();
  const capability = { "SCHILY.xattr.security.capability": "\x01\0\0\x02\0\x20" + "\0".repeat(14) };
  await Bun.write(
    place.path("x.tar"),
    tar(
      { name: "a", content: "a", mode: 0o644, mtime: 1000 },
      { name: "b", flag: "1", link: "a", mode: 0o4711, uid: 5, gid: 6, mtime: 2000 },
      { name: "c", content: "c", mode: 0o755, pax: capability },
      { name: "d", flag: "1", link: "c", mode: 0o755 },
      { name: "s", flag: "2", link: "nowhere", mode: 0o777 },
      { name: "t", flag: "1", link: "s", mode: 0o777, uid: 7, gid: 8, mtime: 3000 },
    ),
  );
  const { root } = await place.unpack(place.path("x.tar"));
  const seen = ["a", "s"].map((name) => place.run("stat", "-c", "%a %u:%g %Y %h", `${root}/${name}`).trim());
  expect(seen).toEqual(["4711 5:6 2000 2", "777 7:8 3000 2"]);
  expect(attributes(place, `${root}/c`)).toContain("security.capability");
});
