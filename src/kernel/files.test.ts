import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  exists,
  isExecutable,
  listDir,
  makeDir,
  makeDirs,
  readText,
  readTextIfThere,
  remove,
  removeAll,
  rename,
  writeFile,
} from "./files.ts";
import { resolvePath } from "./libc.ts";

let dir = "";
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "sampan-files-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("files", () => {
  test("what was written is read again, of any size", () => {
    for (const size of [0, 1, 16384, 16385, 300_001]) {
      const text = "ä".repeat(size);
      writeFile(`${dir}/f`, text);
      expect(readText(`${dir}/f`)).toBe(text);
    }
  });

  test("a new file has its mode, an old one is cut", () => {
    writeFile(`${dir}/f`, "long text", 0o600);
    writeFile(`${dir}/f`, "x");
    expect(readFileSync(`${dir}/f`, "utf8")).toBe("x");
    expect(statSync(`${dir}/f`).mode & 0o777).toBe(0o600);
  });

  test("a file of /proc, which has no size, is read whole", () => {
    expect(readText("/proc/self/mountinfo")).toBe(readFileSync("/proc/self/mountinfo", "utf8"));
  });

  test("what is not there: an error with the path, or undefined", () => {
    expect(() => readText(`${dir}/none`)).toThrow(`cannot read "${dir}/none": no such file or directory`);
    expect(readTextIfThere(`${dir}/none`)).toBeUndefined();
    expect(exists(`${dir}/none`)).toBe(false);
    expect(isExecutable("/bin/sh")).toBe(true);
  });

  test("folders: made once, with their parents, listed, removed whole without following links", () => {
    expect(makeDir(`${dir}/a`, 0o700)).toBe(true);
    expect(makeDir(`${dir}/a`, 0o700)).toBe(false);
    makeDirs(`${dir}/a/b/c`, 0o755);
    writeFile(`${dir}/a/b/f`, "");
    writeFile(`${dir}/kept`, "");
    symlinkSync(dir, `${dir}/a/link`);
    expect(
      listDir(`${dir}/a`)
        .map(({ name, directory }) => `${name}${directory ? "/" : ""}`)
        .toSorted(),
    ).toEqual(["b/", "link"]);
    removeAll(`${dir}/a`);
    expect(exists(`${dir}/a`)).toBe(false);
    expect(exists(`${dir}/kept`)).toBe(true);
    expect(listDir(`${dir}/a`)).toEqual([]);
  });

  test("a folder of more entries than one call gives is listed whole", () => {
    for (let i = 0; i < 2000; i++) writeFile(`${dir}/a-file-with-a-longer-name-${i}`, "");
    expect(listDir(dir)).toHaveLength(2000);
  });

  test("rename replaces, remove of nothing is no error", () => {
    writeFile(`${dir}/a`, "1");
    writeFile(`${dir}/b`, "2");
    rename(`${dir}/a`, `${dir}/b`);
    expect(readText(`${dir}/b`)).toBe("1");
    remove(`${dir}/b`);
    remove(`${dir}/b`);
    expect(() => rename(`${dir}/a`, `${dir}/c`)).toThrow("cannot rename");
  });

  test("links are resolved", () => {
    symlinkSync(dir, `${dir}/link`);
    expect(resolvePath(`${dir}/link/.`)).toBe(resolvePath(dir));
    expect(resolvePath(`${dir}/none`)).toBeUndefined();
  });
});
