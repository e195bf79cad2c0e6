import { expect, test } from "bun:test";
import type { Schema } from "../../schema/schema.ts";
import { canonicalize } from "./canonical.ts";
import { quantityName } from "../notation.ts";
import { quantityRule } from "../../../../../spec/kubernetes/quantity.ts";

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

test("quantities have one form wherever they are, and what is none is told", () => {
  const value = { part: { size: 0.5 }, sizes: { a: "1024Mi", b: "many" } };
  expect(canonicalize(value, schema, none)).toEqual([`sizes[b]: ${quantityRule}`]);
  expect(value).toEqual({ part: { size: "500m" }, sizes: { a: "1Gi", b: "many" } } as object as typeof value);
});

test("what is no base64 and no time is told", () => {
  const own: Schema = {
    type: "object",
    properties: {
      at: { type: "string", format: "date-time" },
      data: { type: "object", additionalProperties: { type: "string", format: "byte" } },
    },
  };
  const told = (value: object): string[] => canonicalize(value, own, none);
  expect(told({ at: "2026-01-02T03:04:05.000000Z", data: { a: "YQ==", b: "" } })).toEqual([]);
  expect(told({ at: "yesterday", data: { a: "!!" } })).toEqual([
    "at: is no time as RFC 3339 has it",
    "data[a]: illegal base64 data",
  ]);
});
