import { expect, test } from "bun:test";
import { KubeError, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Definitions, Schema } from "../../schema/schema.ts";
import { around } from "../_example.ts";
import { builtInResources } from "../resources.ts";

/** The same numbers for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const words = [
  "",
  "a",
  "constructor",
  "__proto__",
  "toString",
  "../..",
  "/",
  "A b",
  "10.0.0.1",
  "1Gi",
  "-1",
  "25%",
  "None",
  "x".repeat(300),
  "é",
  "=",
  "%",
];
const amounts = [0, 1, -1, 80, 65536, 2 ** 31 - 1, -(2 ** 31), 30000];
const deepest = 9;

/** A value of the right type and otherwise of no sense. */
function odd(schema: Schema, definitions: Definitions, random: () => number, depth = 0): unknown {
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const inner = (next: Schema): unknown => odd(next, definitions, random, depth + 1);
  if (schema.$ref) {
    const found = definitions(schema.$ref);
    return found ? odd(found, definitions, random, depth) : undefined;
  }
  if (schema.anyOf || schema["x-kubernetes-int-or-string"])
    return random() < 0.5 ? pick(words) : pick(amounts);
  if (schema.enum) return random() < 0.8 ? pick(schema.enum) : pick(words);
  if (schema.type === "string") return pick(words);
  if (schema.type === "boolean") return random() < 0.5;
  if (schema.type === "integer" || schema.type === "number") return pick(amounts);
  if (depth > deepest) return schema.type === "array" ? [] : {};
  if (schema.type === "array") {
    const { items = {} } = schema;
    return Array.from({ length: Math.floor(random() * 3) }, () => inner(items));
  }
  if (typeof schema.additionalProperties === "object") {
    const { additionalProperties } = schema;
    return Object.fromEntries(
      [pick(words), pick(words)].map((key) => [key ?? "", inner(additionalProperties)]),
    );
  }
  const share = random();
  const fields = Object.entries(schema.properties ?? {}).filter(() => random() < share);
  return Object.fromEntries(fields.map(([name, each]) => [name, inner(each)]));
}

test.each(
  builtInResources().map(
    (resource, index) => [`${resource.plural}.${resource.group}`, resource, index] as const,
  ),
)("%s of the right types and no sense are complained of, never broken by", (_name, resource, seed) => {
  const { schema, definitions, strategy, table } = resource;
  const random = numbers(seed);
  const make = (): KubeObject => {
    const made = odd(schema, definitions, random) as KubeObject;
    const metadata = { ...made.metadata, namespace: "a", name: made.metadata?.name ?? "x" };
    return { ...made, apiVersion: "v1", kind: resource.kind, metadata };
  };
  const context = around();
  for (let round = 0; round < 150; round++) {
    const object = make();
    const old = make();
    try {
      strategy.default?.(object);
      strategy.default?.(old);
      strategy.prepareForCreate?.(structuredClone(object), context);
      strategy.prepareForUpdate?.(object, old, context);
      strategy.validate?.(object, context);
      strategy.validateUpdate?.(object, old, context);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
    }
    strategy.warnings?.(object);
    strategy.gracePeriod?.(object, undefined);
    for (const value of Object.values(strategy.selectableFields?.(object) ?? {})) expect(value).toBeString();
    expect(table.cells(object, 0)).toHaveLength(table.columns.length);
  }
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});
