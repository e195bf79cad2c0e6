import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { faults, parsePromises } from "./_promises.ts";

test("every promise has the id of a test or benchmark that exists", () => {
  const promises = parsePromises(readFileSync("docs/promises.md", "utf8"));
  expect(promises.length).toBeGreaterThan(0);
  expect(faults(promises, (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined))).toEqual([]);
});

test("a promise without an id, with an unknown file, with an unknown name, or out of its turn is found", () => {
  const page = [
    "1. Kept.\n   - `a.test.ts#does # it`",
    "2. Bare.",
    "3. No file: `b.test.ts#x`",
    "4. No name: `a.test.ts#other`",
    "6. Out of turn: `a.test.ts#does # it`",
  ].join("\n");
  const textOf = (path: string) => (path === "a.test.ts" ? `test("does # it", () => {})` : undefined);
  expect(faults(parsePromises(page), textOf)).toEqual([
    "promise 2 has no test and no benchmark",
    "promise 3: there is no file b.test.ts",
    'promise 4: a.test.ts has no "other"',
    "promise 6 stands where 5 was expected",
  ]);
});
