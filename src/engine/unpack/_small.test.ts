import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSmall } from "./_small.ts";

const place = (fill: (folder: string) => void): Disposable & { readonly folder: string } => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-small-"));
  fill(folder);
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
};

test.each([
  [
    "what a container that did nothing leaves",
    true,
    (at: string) => mkdirSync(join(at, "work/work"), { recursive: true }),
  ],
  ["a link to much", true, (at: string) => symlinkSync("/usr", join(at, "usr"))],
  [
    "a large file that has no blocks",
    true,
    (at: string) => (writeFileSync(join(at, "hole"), ""), truncateSync(join(at, "hole"), 2 ** 40)),
  ],
  ["a large file", false, (at: string) => writeFileSync(join(at, "file"), Buffer.alloc(17 << 20, 1))],
  [
    "many files",
    false,
    (at: string) => Array.from({ length: 101 }, (_, n) => writeFileSync(join(at, `${n}`), "")),
  ],
  [
    "many folders in each other",
    false,
    (at: string) => mkdirSync(join(at, "d/".repeat(101)), { recursive: true }),
  ],
  [
    "a name that is no text",
    false,
    (at: string) => writeFileSync(Buffer.concat([Buffer.from(`${at}/`), Buffer.from([0xff])]), ""),
  ],
])("%s: small is %p", (_, small, fill) => {
  using made = place(fill);
  expect(isSmall(made.folder)).toBe(small);
});

test("what is not there is left to who removes", () => {
  expect(isSmall("/nothing/there")).toBe(false);
});
