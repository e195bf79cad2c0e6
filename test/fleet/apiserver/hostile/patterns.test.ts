/** Patterns that are made to cost, and texts to go with them: refused with a word why, and quickly. */
import { expect, test } from "bun:test";
import { compilePattern } from "../../../../src/fleet/cloud/apiserver/schema/pattern.ts";
import { validateRules } from "../../../../src/fleet/cloud/apiserver/schema/rules.ts";
import type { Schema } from "../../../../src/fleet/cloud/apiserver/schema/schema.ts";
import { validate } from "../../../../src/fleet/cloud/apiserver/schema/validate.ts";

const heavy = "(.*a){300}";

test.each(["a{1000}".repeat(585), `(${"abc".repeat(1000)}){1000}`, "(?:(?:[a-z]{10}){10}){10}".repeat(150)])(
  "a pattern of too many states is none: %#",
  (pattern) => {
    expect(compilePattern(pattern)).toBeInstanceOf(Error);
  },
);

test.each([
  heavy,
  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
  String.raw`^(\d{1,3}\.){3}\d{1,3}[)\]\\]{0,2}$`,
  "[]a{9}]{5}",
])("a usual pattern is one: %s", (pattern) => {
  expect(compilePattern(pattern)).not.toBeInstanceOf(Error);
});

const tooLong = expect.stringContaining("takes too long to hold against the patterns");

test("a large pattern is not held against a long text, and says so", () => {
  const schema = { type: "string", pattern: heavy } as const;
  expect(validate("a".repeat(1000), schema)).toEqual([]);
  expect(validate("a".repeat(200_000), schema)).toMatchObject([{ message: tooLong }]);
});

test("many texts, or many alternatives, are as one long text", () => {
  const one = { type: "string", pattern: heavy } as const;
  const texts = Array.from({ length: 1000 }, (_, at) => `${at}${"a".repeat(200)}`);
  expect(validate(texts, { type: "array", items: one })).toMatchObject([{ message: tooLong }]);
  const anyOf = Array.from({ length: 100 }, () => ({ pattern: `${heavy}x` }));
  expect(validate("a".repeat(1000), { type: "string", anyOf })).toMatchObject([{ message: tooLong }]);
});

test("what was not looked at is not taken for what does not match", () => {
  const not = { pattern: heavy };
  expect(validate("a".repeat(200_000), { type: "string", not })).toMatchObject([{ message: tooLong }]);
});

test("a small pattern may be held against a long text", () => {
  expect(validate("a".repeat(1 << 20), { type: "string", pattern: "^[a-z]+$" })).toEqual([]);
});

test.each([
  ["matches", `self.matches('${heavy}')`],
  ["find", `self.find('${heavy}') != ''`],
  ["findAll, which looks at the rest of the text again and again", "self.findAll('a.*b|a').size() > 0"],
])("rules pay for their patterns: %s", (_name, rule) => {
  const schema: Schema = { type: "string", "x-kubernetes-validations": [{ rule }] };
  expect(validateRules("a".repeat(500), undefined, schema)).toEqual([]);
  expect(validateRules("a".repeat(100_000), undefined, schema)).toMatchObject([
    { message: expect.stringContaining("running out of cost budget") },
  ]);
});
