import { expect } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { needing } from "../needs.ts";
import { attributes, listing, Place } from "./_place.ts";

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
