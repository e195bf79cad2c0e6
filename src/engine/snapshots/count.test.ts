import { expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, byteString, close, makeDirAt, openAt } from "../../kernel/fs.ts";
import { O } from "../../kernel/linux.ts";
import { removeTree } from "../unpack/remove.ts";
import { countTree } from "./count.ts";

const data = new Uint8Array(1 << 20);

async function within(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-count-"));
  try {
    await work(folder);
  } finally {
    removeTree(folder);
  }
}

test("a file with several names counts once, a link for itself, and what is not there for nothing", () =>
  within(async (folder) => {
    mkdirSync(join(folder, "a/b"), { recursive: true });
    writeFileSync(join(folder, "a/b/file"), data);
    linkSync(join(folder, "a/b/file"), join(folder, "other"));
    symlinkSync("/", join(folder, "a/link"));
    const { bytes, inodes } = await countTree(folder);
    expect(inodes).toBe(5);
    expect(bytes).toBeGreaterThanOrEqual(data.length);
    expect(bytes).toBeLessThan(2 * data.length);
    expect(await countTree(join(folder, "none"))).toEqual({ bytes: 0, inodes: 0 });
    expect((await countTree(join(folder, "other"))).inodes).toBe(1);
  }));

test("what has a name that is no text counts too", () =>
  within(async (folder) => {
    const name = Buffer.from([0xff, 0xfe]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), data);
    const { bytes, inodes } = await countTree(folder);
    expect(inodes).toBe(2);
    expect(bytes).toBeGreaterThanOrEqual(data.length);
  }));

test("folders that lie deeper than a path is long are counted to their end, and those beside them", () =>
  within(async (folder) => {
    const depth = 100;
    const name = "d".repeat(200);
    let fd = openAt(at.FDCWD, byteString(folder), O.RDONLY | O.DIRECTORY);
    for (let level = 0; level < depth; level++) {
      for (const each of [name, "beside"]) makeDirAt(fd, each, 0o700);
      const next = openAt(fd, name, O.RDONLY | O.DIRECTORY);
      close(fd);
      fd = next;
    }
    writeFileSync(`/proc/self/fd/${fd}/file`, data);
    close(fd);
    const { bytes, inodes } = await countTree(folder);
    expect(inodes).toBe(1 + 2 * depth + 1);
    expect(bytes).toBeGreaterThanOrEqual(data.length);
  }));

test("a folder of very many names is counted", () =>
  within(async (folder) => {
    const many = 1500;
    for (let number = 0; number < many; number++) mkdirSync(join(folder, String(number)));
    expect((await countTree(folder)).inodes).toBe(1 + many);
    rmSync(join(folder, "0"), { recursive: true });
    expect((await countTree(folder)).inodes).toBe(many);
  }));

test("what is counted elsewhere is left out, and a file that another tree has too", () =>
  within(async (folder) => {
    for (const name of ["a", "b", "c"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "a/file"), data);
    linkSync(join(folder, "a/file"), join(folder, "b/file"));
    writeFileSync(join(folder, "c/file"), data);
    const seen = new Set<string>();
    const skip = (path: string) => path === join(folder, "c");
    expect((await countTree(join(folder, "a"), { seen })).inodes).toBe(2);
    expect((await countTree(join(folder, "b"), { seen })).inodes).toBe(1);
    expect((await countTree(folder, { skip })).inodes).toBe(4);
  }));
