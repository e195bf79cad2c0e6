import { expect, test } from "bun:test";
import { obstacle } from "../needs.ts";

test("what is missing is named, and the first thing only", () => {
  expect(obstacle({ root: true, programs: ["no-such-program"] }, 1000)).toBe("needs root");
  expect(obstacle({ root: true, programs: ["sh", "no-such-program"] }, 0)).toBe(
    "needs no-such-program, which is not installed",
  );
  expect(obstacle({ files: ["/proc", "/no/such/file"] })).toBe("needs /no/such/file, which is not there");
});

test("nothing missing is no obstacle", () => {
  expect(obstacle({ root: true, programs: ["sh"], files: ["/proc"] }, 0)).toBeUndefined();
});

test("a command that does not work is named with its words", () => {
  expect(obstacle({ works: [["true"]] })).toBeUndefined();
  expect(obstacle({ works: [["true"], ["false", "-x"]] })).toBe("needs false -x, which does not work here");
});
