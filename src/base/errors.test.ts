import { expect, test } from "bun:test";
import { invalid, SampanError } from "./errors.ts";

test("wrap puts the context in front, keeps the code, and has the original as its cause", () => {
  const inner = new SampanError("not_found", "cannot find x");
  const outer = SampanError.wrap("cannot start y", inner);
  expect(outer.message).toBe("cannot start y: cannot find x");
  expect(outer.code).toBe("not_found");
  expect(outer.cause).toBe(inner);
});

test("from makes an error of anything, and leaves its own kind alone", () => {
  const own = invalid("x");
  expect(SampanError.from(own)).toBe(own);
  const other = new RangeError("y");
  expect(SampanError.from(other)).toMatchObject({ code: "unknown", message: "y", cause: other });
  expect(SampanError.from("z")).toMatchObject({ code: "unknown", message: "z", cause: "z" });
});

test("what failed first is told, not what failed while its scope was left", () => {
  const first = new SampanError("resource_exhausted", "cannot write row: the disk is full");
  const second = new Error("cannot undo");
  expect(SampanError.from(new SuppressedError(second, first, "")).message).toBe(first.message);
  expect(SampanError.wrap("cannot create container", new SuppressedError(second, first)).code).toBe(
    "resource_exhausted",
  );
});
