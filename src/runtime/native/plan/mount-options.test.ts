import { describe, expect, test } from "bun:test";
import { MOUNT_ATTR, MS } from "../../../kernel/linux.ts";
import { attributesOf, knownMountOptions, parseMountOptions, remountOf } from "./mount-options.ts";

describe("parseMountOptions", () => {
  test.each([
    [["ro", "nosuid", "nodev", "noexec"], MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC],
    [["rbind"], MS.BIND | MS.REC],
    [["bind", "rbind"], MS.BIND | MS.REC],
    [
      ["noatime", "nodiratime", "relatime", "strictatime"],
      MS.NOATIME | MS.NODIRATIME | MS.RELATIME | MS.STRICTATIME,
    ],
    [["defaults", "async", "rw", "suid", "dev", "exec"], 0],
    [
      ["nosymfollow", "sync", "dirsync", "mand", "lazytime", "silent"],
      MS.NOSYMFOLLOW | MS.SYNCHRONOUS | MS.DIRSYNC | MS.MANDLOCK | MS.LAZYTIME | MS.SILENT,
    ],
  ])("%j are flags", (options, flags) => {
    expect(parseMountOptions(options).flags).toBe(flags);
  });

  test("a later word wins over an earlier one, and what was cleared is known", () => {
    expect(parseMountOptions(["ro", "rw"])).toMatchObject({ flags: 0, cleared: MS.RDONLY });
    expect(parseMountOptions(["rw", "ro"])).toMatchObject({ flags: MS.RDONLY, cleared: 0 });
  });

  test("propagation is kept in order, with its recursion", () => {
    expect(parseMountOptions(["rslave", "shared"]).propagation).toEqual([
      { flag: MS.SLAVE, recursive: true },
      { flag: MS.SHARED, recursive: false },
    ]);
  });

  test("recursive words set and clear attributes of the whole tree", () => {
    expect(parseMountOptions(["rro", "rnosuid", "rdev"]).recursive).toEqual({
      set: MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID,
      clear: MOUNT_ATTR.NODEV,
    });
    expect(parseMountOptions(["rro", "rrw"]).recursive).toEqual({ set: 0, clear: MOUNT_ATTR.RDONLY });
    expect(parseMountOptions(["rnoatime"]).recursive).toEqual({
      set: MOUNT_ATTR.NOATIME,
      clear: MOUNT_ATTR.ATIME,
    });
  });

  test("what no table knows is the file system's", () => {
    expect(parseMountOptions(["size=64k", "mode=755", "tmpcopyup", "idmap", "X"])).toMatchObject({
      data: ["size=64k", "mode=755", "X"],
      tmpcopyup: true,
      idmap: "top",
    });
    expect(parseMountOptions(["ridmap"]).idmap).toBe("tree");
  });

  test("every known word is taken as a word, not as data", () => {
    for (const word of knownMountOptions()) expect(parseMountOptions([word]).data).toEqual([]);
  });
});

describe("attributes of one mount", () => {
  test("MS_* become MOUNT_ATTR_*; relatime is the default", () => {
    expect(attributesOf(MS.RDONLY | MS.NOSUID | MS.STRICTATIME)).toBe(
      MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.STRICTATIME,
    );
    expect(attributesOf(MS.RELATIME)).toBe(0);
    expect(attributesOf(MS.NOATIME | MS.NODIRATIME)).toBe(MOUNT_ATTR.NOATIME | MOUNT_ATTR.NODIRATIME);
  });

  test("a remount replaces the flags, and keeps the access times' mode unless one is named", () => {
    const all =
      MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSYMFOLLOW;
    expect(remountOf(MS.RDONLY)).toEqual({ set: MOUNT_ATTR.RDONLY, clear: all & ~MOUNT_ATTR.RDONLY });
    expect(remountOf(MS.NOATIME)).toEqual({
      set: MOUNT_ATTR.NOATIME,
      clear: all | MOUNT_ATTR.NODIRATIME | MOUNT_ATTR.ATIME,
    });
  });
});
