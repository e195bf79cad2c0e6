import { expect, test } from "bun:test";
import type { Schema } from "../../schema/schema.ts";
import { canonicalize, quantityCauses } from "./canonical.ts";
import { quantityName } from "../notation.ts";

const quantity: Schema = { $ref: quantityName };
const schema: Schema = {
  type: "object",
  required: ["kept"],
  properties: {
    kept: { type: "array", items: { type: "string" } },
    list: { type: "array", items: { type: "string" } },
    map: { type: "object", additionalProperties: { type: "array", items: { type: "string" } } },
    part: { type: "object", properties: { size: quantity } },
    sizes: { type: "object", additionalProperties: quantity },
    any: { "x-kubernetes-preserve-unknown-fields": true },
  },
};
const none = (): undefined => undefined;

test("empty lists and maps are as absent, but not where they must be or mean something", () => {
  const value = { kept: [], list: [], map: {}, part: {}, sizes: {}, any: {}, unknown: [] };
  canonicalize(value, schema, none);
  expect(value).toEqual({ kept: [], part: {}, any: {}, unknown: [] } as object as typeof value);
  const entries = { kept: ["a"], map: { a: [] } };
  canonicalize(entries, schema, none);
  expect(entries).toEqual({ kept: ["a"], map: { a: [] } });
});

test("quantities have one form wherever they are, and what is none is complained of", () => {
  const value = { part: { size: 0.5 }, sizes: { a: "1024Mi", b: "many" } };
  canonicalize(value, schema, none);
  expect(value).toEqual({ part: { size: "500m" }, sizes: { a: "1Gi", b: "many" } } as object as typeof value);
  expect(quantityCauses(value, schema, none).map(({ field }) => field)).toEqual(["sizes[b]"]);
});
