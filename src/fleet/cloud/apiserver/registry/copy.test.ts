import { expect, test } from "bun:test";
import { copyJson } from "./_copy.ts";

test("a copy is equal and shares nothing", () => {
  const value = { a: [1, { b: null }], c: { d: "e" }, f: true };
  const copy = copyJson(value);
  expect(copy).toEqual(value);
  expect(copy.a).not.toBe(value.a);
  expect(copy.a[1]).not.toBe(value.a[1] as object);
  expect(copy.c).not.toBe(value.c);
});

test("a field called __proto__ stays a field", () => {
  const copy = copyJson(JSON.parse(`{"__proto__":{"x":1},"y":2}`) as Record<string, unknown>);
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(JSON.stringify(copy)).toBe(`{"__proto__":{"x":1},"y":2}`);
});
