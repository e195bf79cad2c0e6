import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

const tracked = Bun.spawnSync(["git", "-c", "safe.directory=*", "ls-files", "-z"])
  .stdout.toString()
  .split("\0")
  .filter((path) => path !== "" && existsSync(path));

/** Words that belong to one machine or one mirror. They are put together here so that this file does not hold them itself. */
const foreign: readonly [what: string, pattern: RegExp][] = [
  ["a path of one machine", new RegExp(`(?:^|[\\s"'\`=(:])/${"work"}/(?:main|shared)`, "m")],
  [
    "a package registry's address",
    new RegExp(["npmjs", "debian"].map((n) => `https?://[\\w.]*\\b${n}\\.org`).join("|")),
  ],
];

test("no tracked file holds a path of one machine or a registry's address", () => {
  expect(tracked.length).toBeGreaterThan(0);
  const found = tracked.flatMap((path) => {
    const text = readFileSync(path, "utf8");
    return foreign.filter(([, pattern]) => pattern.test(text)).map(([what]) => `${path}: ${what}`);
  });
  expect(found).toEqual([]);
});

test("no tracked file is built, installed or larger than a mebibyte", () => {
  const found = tracked.filter(
    (path) => /^(?:node_modules|dist|build)\//.test(path) || Bun.file(path).size > 2 ** 20,
  );
  expect(found).toEqual([]);
});

test("the licence is Apache-2.0 in full, and package.json says so", () => {
  const text = readFileSync("LICENSE", "utf8");
  expect(text).toContain("Version 2.0, January 2004");
  expect(text).toContain("END OF TERMS AND CONDITIONS");
  expect(readFileSync("package.json", "utf8")).toContain('"license": "Apache-2.0"');
});

test("every relative link of a page leads to a file", () => {
  const pages = tracked.filter((path) => path.endsWith(".md"));
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? "")
      .filter((target) => !existsSync(new URL(target, `file://${process.cwd()}/${page}`).pathname))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test("a decision has its number, its context, its decision and its consequences", () => {
  const decisions = tracked.filter((path) => path.startsWith("docs/decisions/"));
  expect(decisions.length).toBeGreaterThan(0);
  decisions.forEach((path, index) => {
    expect(path).toStartWith(`docs/decisions/${String(index + 1).padStart(3, "0")}-`);
    for (const heading of ["## Context", "## Decision", "## Consequences"])
      expect(readFileSync(path, "utf8"), path).toContain(`${heading}\n`);
  });
});
