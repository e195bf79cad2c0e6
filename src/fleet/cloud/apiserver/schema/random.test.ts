/** What holds of any schema and any value: tried by ones that look random and are the same each time. */
import { expect, test } from "bun:test";
import { decodeProblems, dropNulls } from "./coerce.ts";
import { applyDefaults } from "./default.ts";
import { prune } from "./prune.ts";
import { ruleCauses, validateRules } from "./rules.ts";
import type { Schema } from "./schema.ts";
import { validate } from "./validate.ts";

type Random = (below: number) => number;

function sequence(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const names = ["a", "b", "c", "__proto__", "constructor", "toString", "metadata", "kind", "apiVersion"];
const pick = <Value>(random: Random, values: readonly Value[]): Value =>
  values[random(values.length)] as Value;
const maybe = (random: Random, made: Schema): Schema => (random(3) === 0 ? made : {});

function value(random: Random, depth: number): unknown {
  const kind = random(depth > 0 ? 8 : 5);
  if (kind === 0) return null;
  if (kind === 1) return random(20) - 10;
  if (kind === 2) return random(2) === 1;
  if (kind === 3) return random(100) / 7;
  if (kind === 4) return pick(random, ["", "a", "abc", "2026-01-01T00:00:00Z", "1h", "10.0.0.1"]);
  if (kind === 5) return Array.from({ length: random(4) }, () => value(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: random(5) }, () => [pick(random, names), value(random, depth - 1)]),
  );
}

function schema(random: Random, depth: number): Schema {
  const type = pick(random, [
    "object",
    "object",
    "array",
    "string",
    "integer",
    "number",
    "boolean",
    undefined,
  ] as const);
  const inner = (): Schema => (depth > 0 ? schema(random, depth - 1) : {});
  const common: Schema = {
    ...(type === undefined ? {} : { type }),
    ...maybe(random, { nullable: true }),
    ...maybe(random, { default: value(random, 1) as never }),
    ...maybe(random, { enum: [value(random, 0) as never, value(random, 0) as never] }),
    ...maybe(random, { anyOf: [inner(), inner()] }),
    ...maybe(random, { oneOf: [inner(), inner()] }),
    ...maybe(random, { not: inner() }),
    ...maybe(random, { "x-kubernetes-preserve-unknown-fields": true }),
    ...maybe(random, {
      "x-kubernetes-validations": [
        { rule: pick(random, ["self == oldSelf", "has(self.a)", "size(self) > 1", "self > 2"]) },
      ],
    }),
  };
  if (type === "object")
    return {
      ...common,
      ...(random(2) === 1
        ? {
            properties: Object.fromEntries(
              Array.from({ length: random(4) }, () => [pick(random, names), inner()]),
            ),
          }
        : { additionalProperties: inner() }),
      ...maybe(random, { required: [pick(random, names)] }),
      ...maybe(random, { minProperties: random(3), maxProperties: random(4) }),
      ...maybe(random, { "x-kubernetes-embedded-resource": true }),
    };
  if (type === "array")
    return {
      ...common,
      ...(random(4) === 0 ? {} : { items: inner() }),
      ...maybe(random, { "x-kubernetes-list-type": "set" }),
      ...maybe(random, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a", "b"] }),
      ...maybe(random, { minItems: random(3), maxItems: random(4), uniqueItems: true }),
    };
  if (type === "string")
    return {
      ...common,
      ...maybe(random, { format: pick(random, ["date-time", "duration", "byte", "uuid", "ipv4", "nobody"]) }),
      ...maybe(random, { pattern: pick(random, ["^a", "(a+)+$", "("]) }),
      ...maybe(random, { minLength: random(3), maxLength: random(4) }),
    };
  return {
    ...common,
    ...maybe(random, { minimum: random(5), maximum: random(9), exclusiveMinimum: true, multipleOf: 2 }),
  };
}

test("whatever the schema and the value, they are read to the end and left as they are", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const random = sequence(seed);
    const [of, given, old] = [schema(random, 3), value(random, 4), value(random, 4)];
    const kept = JSON.stringify([of, given, old]);
    const pruned = prune(given, of);
    expect(prune(pruned.value, of).unknown).toEqual([]);
    const defaulted = applyDefaults(pruned.value, of);
    expect(applyDefaults(defaulted, of)).toEqual(defaulted);
    const dropped = dropNulls(given, of);
    expect(dropNulls(dropped, of)).toEqual(dropped);
    for (const found of [validate(given, of), validateRules(given, old, of), ruleCauses(of, "s")])
      for (const { reason, message, field } of found) {
        expect(reason).toStartWith("FieldValue");
        expect(message?.length).toBeGreaterThan(0);
        expect(field?.length).toBeGreaterThan(0);
      }
    expect(decodeProblems(given, of).every((problem) => problem.length < 500)).toBe(true);
    expect(JSON.stringify([of, given, old])).toBe(kept);
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
});
