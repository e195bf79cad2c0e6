import { expect, test } from "bun:test";
import type { Entry } from "../../src/engine/unpack/entry.ts";
import { TarReader } from "../../src/engine/unpack/reader.ts";
import { file, folder, header, padded, pax, record, sealed, symlink, tar } from "./_tar.ts";

interface Read {
  readonly entry: Entry;
  readonly content: string;
}

/** All entries of an archive that comes in pieces of this size. */
function read(archive: Buffer, piece = archive.length): Read[] {
  const entries: { entry: Entry; content: string }[] = [];
  const reader = new TarReader({
    begin: (entry) => void entries.push({ entry, content: "" }),
    data: (bytes, start, end) => {
      const last = entries.at(-1);
      if (last) last.content += Buffer.from(bytes.subarray(start, end)).toString("latin1");
    },
    end: () => {},
  });
  for (let at = 0; at < archive.length; at += piece) reader.feed(archive.subarray(at, at + piece));
  reader.finish();
  return entries;
}

const only = (archive: Buffer): Read => {
  const entries = read(archive);
  expect(entries).toHaveLength(1);
  return entries[0] as Read;
};

const content = "0123456789".repeat(77);

test.each([1, 7, 511, 512, 513, 1000, 100_000])("entries are the same in pieces of %d bytes", (piece) => {
  const archive = tar(
    folder("a/"),
    file("a/b", content),
    symlink("c", "a/b"),
    file("d", "", { pax: { path: "long/er" } }),
    file("e", "x"),
  );
  expect(read(archive, piece)).toEqual(read(archive));
  expect(read(archive).map(({ entry }) => [entry.type, entry.name])).toEqual([
    ["directory", "a/"],
    ["file", "a/b"],
    ["symlink", "c"],
    ["file", "long/er"],
    ["file", "e"],
  ]);
  expect(read(archive)[1]?.content).toBe(content);
});

test("an archive may end without blocks of zeros, and an empty one is one", () => {
  expect(read(tar(file("a", "x")).subarray(0, 1024))).toHaveLength(1);
  expect(read(Buffer.alloc(0))).toEqual([]);
  expect(read(Buffer.alloc(10240))).toEqual([]);
});

test("what follows the end is not read", () => {
  expect(read(Buffer.concat([tar(file("a")), tar(file("b")), Buffer.from("rubbish")]))).toHaveLength(1);
});

test("extended headers say times, owners, sizes, names and links", () => {
  const { entry } = only(
    tar(
      file("short", "", {
        flag: "2",
        pax: {
          path: "p".repeat(300),
          linkpath: "l".repeat(300),
          uid: "4000000000",
          gid: "7",
          mtime: "-1.25",
          atime: "12.1234567899",
        },
      }),
    ),
  );
  expect(entry).toMatchObject({ name: "p".repeat(300), target: "l".repeat(300), uid: 4_000_000_000, gid: 7 });
  expect(entry).toMatchObject({
    seconds: -2,
    nanoseconds: 750_000_000,
    accessSeconds: 12,
    accessNanoseconds: 123_456_789,
  });
});

test("a global header counts until it is taken back, and says nothing of names and sizes", () => {
  const archive = tar(
    pax({ uid: "5", path: "elsewhere", size: "9999", comment: "c" }, "g"),
    file("a", "x"),
    file("b", "y", { uid: 3, pax: { uid: "" } }),
    file("c", "z", { pax: { uid: "6" } }),
  );
  expect(read(archive).map(({ entry }) => [entry.name, entry.uid, entry.size])).toEqual([
    ["a", 5, 1],
    ["b", 3, 1],
    ["c", 6, 1],
  ]);
});

test("extended attributes are bytes", () => {
  const body = Buffer.concat([
    Buffer.from("28 SCHILY.xattr.user.x="),
    Buffer.from([0, 10, 61, 255]),
    Buffer.from("\n"),
  ]);
  expect(body.length).toBe(28);
  const archive = tar(
    Buffer.concat([header({ name: "x", flag: "x", size: body.length }), padded(body)]),
    file("a"),
  );
  expect(only(archive).entry.attributes).toEqual([
    { name: "user.x", value: Uint8Array.from([0, 10, 61, 255]) },
  ]);
});

test("GNU long names and links, and a number in base 256", () => {
  const long = (flag: string, text: string) =>
    Buffer.concat([header({ name: "././@LongLink", flag, size: text.length + 1 }), padded(`${text}\0`)]);
  const block = header({ name: "short", flag: "2", link: "short" });
  block.set([0x80, 0, 0, 0, 0xee, 0x6b, 0x28, 0x00], 108);
  const negative = Buffer.alloc(12, 0xff);
  negative.copy(block, 136);
  const { entry } = only(tar(long("L", "n".repeat(500)), long("K", "k".repeat(500)), sealed(block)));
  expect(entry).toMatchObject({
    name: "n".repeat(500),
    target: "k".repeat(500),
    uid: 4_000_000_000,
    seconds: -1,
  });
});

test("V7 headers: no prefix, folders by their slash", () => {
  const block = header({ name: "old/", size: 0 });
  block.fill(0, 257, 512);
  block.write("not-a-prefix", 345);
  block[156] = 0;
  expect(only(tar(sealed(block))).entry).toMatchObject({ type: "directory", name: "old/" });
});

const refused: Record<string, [Buffer, RegExp, string]> = {
  "a damaged header": [tar(file("a", "x")).fill(0xff, 10, 11), /check sum is wrong/, "data_loss"],
  "an archive that is cut in a file": [
    tar(file("a", content)).subarray(0, 700),
    /entry "a" at byte 0 .*cut/,
    "data_loss",
  ],
  "an archive that is cut in a header": [
    tar(file("a", "x"), file("b")).subarray(0, 1200),
    /at byte 1024.*cut/,
    "data_loss",
  ],
  "an archive that is cut after an extended header": [pax({ path: "b" }), /cut/, "data_loss"],
  "a lone block of zeros": [Buffer.concat([Buffer.alloc(512), tar(file("a"))]), /zeros/, "data_loss"],
  "an unknown type": [tar(file("a", "", { flag: "Z" })), /type "Z"/, "invalid_argument"],
  "an owner that chown would not set": [
    tar(file("a", "", { pax: { uid: "4294967295" } })),
    /uid/,
    "invalid_argument",
  ],
  "an owner that is text": [
    tar(file("a", "", { pax: { uid: "root" } })),
    /uid is no number/,
    "invalid_argument",
  ],
  "a time that is none": [
    tar(file("a", "", { pax: { mtime: "now" } })),
    /mtime is no time/,
    "invalid_argument",
  ],
  "an extended header of 2 MiB": [
    tar(header({ name: "x", flag: "x", size: 2 << 20 })),
    /too long/,
    "invalid_argument",
  ],
  "a long name of 2 MiB": [
    tar(header({ name: "x", flag: "L", size: 2 << 20 })),
    /too long/,
    "invalid_argument",
  ],
  "global headers without end": [
    tar(
      ...Array.from({ length: 20 }, (_, i) => pax({ [`comment${i}`]: "c".repeat(100_000) }, "g")),
      file("a"),
    ),
    /too long/,
    "invalid_argument",
  ],
  "a record that is longer than its header": [
    tar(Buffer.concat([header({ name: "x", flag: "x", size: 12 }), padded("99 path=abc\n")]), file("a")),
    /malformed/,
    "invalid_argument",
  ],
  "a record without a key": [
    tar(Buffer.concat([header({ name: "x", flag: "x", size: 6 }), padded("6 =ab\n")]), file("a")),
    /no key/,
    "invalid_argument",
  ],
  "a size beyond numbers": [
    tar(file("a", "", { pax: { size: "99999999999999999999" } })),
    /size is no number/,
    "invalid_argument",
  ],
  "holes in no order": [
    tar(file("a", "xy", { pax: { "GNU.sparse.map": "5,1,0,1", "GNU.sparse.size": "10" } })),
    /map of holes/,
    "invalid_argument",
  ],
  "holes that leave the file": [
    tar(file("a", "xy", { pax: { "GNU.sparse.map": "9,2", "GNU.sparse.size": "10" } })),
    /map of holes/,
    "invalid_argument",
  ],
  "a map that is not as long as the data": [
    tar(file("a", "xyz", { pax: { "GNU.sparse.map": "0,2", "GNU.sparse.size": "10" } })),
    /map of holes/,
    "invalid_argument",
  ],
  "a map of a thousand million holes": [
    tar(
      file("a", padded("1000000000\n"), {
        pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10" },
      }),
    ),
    /more than/,
    "invalid_argument",
  ],
};

test.each(Object.keys(refused))("refused: %s", (what) => {
  const [archive, message, code] = refused[what] as [Buffer, RegExp, string];
  expect(() => read(archive)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test("a writer of the test writes records whose length counts itself", () => {
  expect(record("path", "x".repeat(91)).toString()).toStartWith("101 path=x");
});
