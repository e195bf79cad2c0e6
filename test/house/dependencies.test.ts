import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parsePackages } from "../../tools/_packages.ts";

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

function installed(): Record<string, string> {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
  return { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
}

/** The first column of the tables in docs/dependencies.md that names npm packages. */
function described(): string[] {
  const page = readFileSync("docs/dependencies.md", "utf8");
  return [...page.matchAll(/^\| `([^`]+)` *\| *[^|\s][^|\n]*\| *[^|\s][^|\n]*\|$/gm)].flatMap(
    (row) => row[1] ?? [],
  );
}

test("each npm package has its row in docs/dependencies.md, and each row its package", () => {
  expect(described().toSorted()).toEqual(Object.keys(installed()).toSorted());
});

test("each npm package is pinned to one version", () => {
  for (const [name, version] of Object.entries(installed())) expect(version, name).toMatch(/^\d+\.\d+\.\d+/);
});

test("each Debian package says what it is for, and is listed once", () => {
  const packages = parsePackages(readFileSync("tools/packages.txt", "utf8"));
  expect(packages.filter(({ why }) => why === "")).toEqual([]);
  expect(new Set(packages.map(({ name }) => name)).size).toBe(packages.length);
});

test("the lock file carries digests and no download addresses", () => {
  const lock = readFileSync("package-lock.json", "utf8");
  expect(lock).toContain('"integrity"');
  expect(lock).not.toContain('"resolved"');
});
