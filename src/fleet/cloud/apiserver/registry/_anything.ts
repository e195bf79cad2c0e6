/** For tests: values that fit a schema more or less, and some that do not at all. */
import type { Definitions, Schema } from "../schema/schema.ts";

export type Random = (below: number) => number;

/** Always the same for a seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function one<Value>(random: Random, values: readonly Value[]): Value {
  return values[random(values.length)] as Value;
}

const oddTexts = ["", "A_b", "../..", "1Gi", "50%", "*", "\0", "2026-01-01T00:00:00Z", "x".repeat(300)];
const oddNumbers = [0, -1, -0.5, 1e308, 2 ** 53];
const oddObjects: unknown[] = [[], {}, [null], [{}], { a: null }, { a: { b: [1] } }];
const hostile: unknown = JSON.parse(`{"__proto__":{"x":1}}`);
const odd: readonly unknown[] = [null, true, false, hostile, ...oddTexts, ...oddNumbers, ...oddObjects];
const texts = [
  "a",
  "b",
  "",
  "10.0.0.1",
  "fe80::1",
  "1",
  "2Gi",
  "a.b/c",
  "Always",
  "Ready",
  "default",
  "aGVsbG8=",
];
const numbers = [0, 1, -1, 80, 70_000, 2 ** 31];
const deepest = 9;

export function oddValue(random: Random): unknown {
  return one(random, odd);
}

export function anything(
  random: Random,
  {
    schema,
    definitions,
    depth = 0,
  }: { schema: Schema | undefined; definitions: Definitions; depth?: number },
): unknown {
  const inner = (of: Schema | undefined) => anything(random, { schema: of, definitions, depth: depth + 1 });
  const found = resolved(schema, definitions);
  if (!found || depth > deepest || random(25) === 0) return oddValue(random);
  if (found.enum) return one(random, found.enum);
  if (found["x-kubernetes-int-or-string"]) return one(random, [1, -3, "50%", "200%", "http"]);
  switch (found.type) {
    case "object":
      return fieldsOf(random, { schema: found, depth, inner });
    case "array":
      return Array.from({ length: random(3) }, () => inner(found.items));
    case "string":
      return one(random, texts);
    case "boolean":
      return random(2) === 0;
    case "integer":
    case "number":
      return one(random, numbers);
    case undefined:
      return oddValue(random);
  }
}

function resolved(schema: Schema | undefined, definitions: Definitions): Schema | undefined {
  const name = schema?.$ref ?? schema?.allOf?.[0]?.$ref;
  return name === undefined ? schema : resolved(definitions(name), definitions);
}

function fieldsOf(
  random: Random,
  { schema, depth, inner }: { schema: Schema; depth: number; inner: (schema: Schema | undefined) => unknown },
): object {
  const result: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const likely = schema.required?.includes(name) ? 90 : depth < 2 ? 70 : 25;
    if (random(100) < likely) result[name] = inner(field);
  }
  const { additionalProperties: more } = schema;
  if (typeof more === "object")
    for (let count = random(3); count > 0; count--)
      result[one(random, ["a", "b/c", "x y", ""])] = inner(more);
  return result;
}
