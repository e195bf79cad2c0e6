/** What comes of archives, also of hostile ones; and what archives come of folders. */
import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Headers, pack as newPack } from "tar-stream";
import { extractTo } from "./extract.ts";
import { packPath } from "./pack.ts";
import { parsePlace } from "./place.ts";

const top = mkdtempSync(join(tmpdir(), "sampan-copy-"));
let to: string;
let count = 0;
beforeEach(() => {
  to = join(top, String(++count));
  mkdirSync(to);
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

type Item = Headers & { content?: string };

function archive(...items: readonly Item[]): AsyncIterable<Uint8Array> {
  const pack = newPack();
  for (const { content = "", ...header } of items) pack.entry(header, content);
  pack.finalize();
  return pack as unknown as AsyncIterable<Uint8Array>;
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return String(error);
  }
  throw new Error("it did not fail");
}

test("a place is a container's, this side's or a stream", () => {
  expect(parsePlace("-")).toEqual({ kind: "stream" });
  expect(parsePlace("web:/etc")).toEqual({ kind: "container", container: "web", path: "/etc" });
  expect(parsePlace("./a:b")).toEqual({ kind: "local", path: "./a:b" });
  expect(parsePlace("/a:b")).toEqual({ kind: "local", path: "/a:b" });
  expect(parsePlace("plain")).toEqual({ kind: "local", path: "plain" });
});

test("the archive's first name becomes the destination", async () => {
  const found = await extractTo(
    join(to, "new"),
    archive(
      { name: "tree/", type: "directory", mode: 0o755 },
      { name: "tree/a", mode: 0o640, content: "one" },
      { name: "tree/link", type: "symlink", linkname: "a" },
      { name: "tree/hard", type: "link", linkname: "tree/a" },
      { name: "tree/null", type: "character-device" },
    ),
  );
  expect(readFileSync(join(to, "new/hard"), "utf8")).toBe("one");
  expect(lstatSync(join(to, "new/a")).mode & 0o777).toBe(0o640);
  expect(readlinkSync(join(to, "new/link"))).toBe("a");
  expect(found).toEqual({ size: 3, left: [join(to, "new/null")] });
});

test("a folder that is read-only is filled first", async () => {
  await extractTo(
    join(to, "new"),
    archive({ name: "tree/", type: "directory", mode: 0o555 }, { name: "tree/a", content: "one" }),
  );
  expect(lstatSync(join(to, "new")).mode & 0o777).toBe(0o555);
});

test("contents alone go into the folder", async () => {
  await extractTo(to, archive({ name: "./", type: "directory" }, { name: "./a", content: "one" }));
  expect(readFileSync(join(to, "a"), "utf8")).toBe("one");
});

test("no name leads out", async () => {
  for (const name of ["../out", "tree/../../out", "tree/a/../../../out"])
    expect(
      await failureOf(
        extractTo(join(to, "new"), archive({ name: "tree/", type: "directory" }, { name, content: "x" })),
      ),
    ).toContain("it leads out of the archive");
  expect(
    await failureOf(
      extractTo(
        join(to, "other"),
        archive({ name: "tree/", type: "directory" }, { name: "/etc/x", content: "x" }),
      ),
    ),
  ).toContain('it does not lie below "tree"');
});

test("no link of the archive is followed, nor one that is there", async () => {
  const outside = join(top, `outside-${count}`);
  mkdirSync(outside);
  const through = archive(
    { name: "tree/", type: "directory" },
    { name: "tree/way", type: "symlink", linkname: outside },
    { name: "tree/way/file", content: "x" },
  );
  expect(await failureOf(extractTo(join(to, "new"), through))).toContain("it is there and is no folder");
  writeFileSync(join(outside, "kept"), "kept");
  mkdirSync(join(to, "old"));
  symlinkSync(join(outside, "kept"), join(to, "old/file"));
  await extractTo(
    join(to, "old"),
    archive({ name: "tree/", type: "directory" }, { name: "tree/file", content: "new" }),
  );
  expect(readFileSync(join(to, "old/file"), "utf8")).toBe("new");
  expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept");
  const linked = archive(
    { name: "tree/", type: "directory" },
    { name: "tree/hard", type: "link", linkname: "../outside/kept" },
  );
  expect(await failureOf(extractTo(join(to, "third"), linked))).toContain("it leads out of the archive");
  expect(existsSync(join(outside, "file"))).toBe(false);
});

test("an archive that is cut is an error", async () => {
  async function* cut() {
    for await (const bytes of archive({ name: "file", content: "x".repeat(5000) })) {
      yield bytes.subarray(0, 600);
      return;
    }
  }
  expect(await failureOf(extractTo(join(to, "file"), cut()))).toContain("the archive is cut or malformed");
});

test("what is packed comes back as it was", async () => {
  const from = join(to, "from");
  mkdirSync(join(from, "empty"), { recursive: true });
  writeFileSync(join(from, "a"), "content", { mode: 0o600 });
  symlinkSync("a", join(from, "link"));
  const { archive: packed, size } = packPath(from, { as: "name", followLink: false, keepOwner: false });
  await extractTo(join(to, "back"), packed);
  expect(readFileSync(join(to, "back/a"), "utf8")).toBe("content");
  expect(lstatSync(join(to, "back/empty")).isDirectory()).toBe(true);
  expect(readlinkSync(join(to, "back/link"))).toBe("a");
  expect(size()).toBe(7);
});

test("what is not there is an error of the stream", async () => {
  const { archive: packed } = packPath(join(to, "nosuch"), { as: "x", followLink: false, keepOwner: false });
  expect(await failureOf(extractTo(join(to, "back"), packed))).toContain("nosuch");
});
