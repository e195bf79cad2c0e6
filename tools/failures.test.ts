import { expect, test } from "bun:test";
import { failureOf, inFull, inShort } from "./_failures.ts";

const output = `bun test v1
test/a.root.test.ts:
error: expect(received).toBe(expected)
Expected: 1
Received: 2
(fail) a group > counts [12.31ms]
(fail) a group > adds [0.10ms]
 2 fail
`;

test("a failed run is told by its first failure and how many more there are", () => {
  expect(inShort(failureOf("test/a.root.test.ts", { output }))).toBe(
    "  test/a.root.test.ts: a group > counts (+1)",
  );
});

test("a run without a failed test is told by its reason", () => {
  const failure = failureOf("test/b.test.ts", { output: "", reason: "still running after 600 s" });
  expect(inShort(failure)).toBe("  test/b.test.ts: still running after 600 s");
  expect(inFull(failure)).toEqual(["  test/b.test.ts: still running after 600 s"]);
});

test("in full it is the lines that say why", () => {
  expect(inFull(failureOf("a", { output })).slice(1, 4)).toEqual([
    "    error: expect(received).toBe(expected)",
    "    Expected: 1",
    "    Received: 2",
  ]);
});

test("a line in short has an end", () => {
  expect(inShort(failureOf("a", { output: `(fail) ${"long ".repeat(100)} [1.00ms]` })).length).toBeLessThan(
    161,
  );
});
