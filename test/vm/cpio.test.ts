import { expect, test } from "bun:test";
import { cpioArchive } from "./cpio.ts";

test("an archive has a padded newc header, name and contents for each entry, and a trailer", () => {
  const contents = new TextEncoder().encode("hello");
  const archive = Buffer.from(cpioArchive([{ name: "a", type: "file", mode: 0o755, contents }])).toString(
    "latin1",
  );
  const header = [
    ["070701", "00000001", "000081ed", "00000000", "00000000", "00000001", "00000000", "00000005"],
    ["00000000", "00000000", "00000000", "00000000", "00000002", "00000000"],
  ];
  const entry = `${header.flat().join("")}a\0hello\0\0\0`;
  expect(archive.slice(0, entry.length)).toBe(entry);
  expect(archive.slice(entry.length)).toMatch(/^070701.*TRAILER!!!\0+$/);
  expect(archive.length % 4).toBe(0);
});

test("a directory has its type in the mode and no contents", () => {
  const archive = Buffer.from(cpioArchive([{ name: "d", type: "directory", mode: 0o755 }])).toString(
    "latin1",
  );
  expect(archive.slice(14, 22)).toBe("000041ed");
  expect(archive.slice(54, 62)).toBe("00000000");
});
