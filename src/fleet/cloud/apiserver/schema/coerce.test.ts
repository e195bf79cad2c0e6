import { expect, test } from "bun:test";
import { dropNulls } from "./coerce.ts";
import type { Schema } from "./schema.ts";

const schema: Schema = {
  type: "object",
  properties: {
    field: { type: "string" },
    texts: { type: "object", additionalProperties: { type: "string" } },
    numbers: { type: "object", additionalProperties: { type: "integer" } },
    open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

test("null is as absent, but a key without a value stays a key in a map of strings", () => {
  const value = { field: null, texts: { a: null, b: "c" }, numbers: { a: null }, open: { a: null } };
  expect(dropNulls<object>(value, schema)).toEqual({
    texts: { a: "", b: "c" },
    numbers: {},
    open: { a: null },
  });
});

test("a described field that keeps what nobody described is absent when it is null itself", () => {
  expect(dropNulls<object>({ open: null, field: "a" }, schema)).toEqual({ field: "a" });
});
