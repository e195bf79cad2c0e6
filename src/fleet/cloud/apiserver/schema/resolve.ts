/** The steps through a schema that everything else takes: `$ref`, the schema of a field, how a list or a map is merged. */
import type { Definitions, Schema } from "./schema.ts";

const resolved = new WeakMap<Schema, Schema>();
/** A chain of references longer than this is a ring. */
const maxReferences = 16;

/** Follows `$ref`; what stands beside it (a description, a merge key) goes over what it names. An unknown name accepts everything. */
export function resolve(schema: Schema, definitions: Definitions): Schema {
  if (schema.$ref === undefined) return schema;
  const known = resolved.get(schema);
  if (known) return known;
  let result: Schema = schema;
  for (let step = 0; result.$ref !== undefined && step < maxReferences; step++) {
    const { $ref, ...beside } = result;
    result = { ...(definitions($ref) ?? anything), ...beside };
  }
  const { $ref: _ring, ...whole } = result;
  resolved.set(schema, whole);
  return whole;
}

/** What a field without a description is. */
export const anything: Schema = { "x-kubernetes-preserve-unknown-fields": true };

/** No type, no fields, no elements: nothing is known of the value, so everything is accepted. */
export function isOpen(schema: Schema): boolean {
  return (
    schema["x-kubernetes-preserve-unknown-fields"] === true ||
    (schema.type === undefined &&
      schema.properties === undefined &&
      schema.additionalProperties === undefined &&
      schema.items === undefined)
  );
}

/** Own properties only: `constructor` is a field that nobody described. */
export function own<Value>(
  record: Readonly<Record<string, Value>> | undefined,
  name: string,
): Value | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The schema of a field, `$ref` followed; undefined when the schema knows no such field. */
export function fieldSchema(schema: Schema, name: string, definitions: Definitions): Schema | undefined {
  const property = own(schema.properties, name);
  if (property) return resolve(property, definitions);
  const { additionalProperties } = schema;
  if (typeof additionalProperties === "object") return resolve(additionalProperties, definitions);
  if (additionalProperties === true) return anything;
  return isOpen(schema) ? anything : undefined;
}

export function itemSchema(schema: Schema, definitions: Definitions): Schema {
  return schema.items ? resolve(schema.items, definitions) : anything;
}

export type ListKind =
  | { readonly type: "atomic" }
  | { readonly type: "set" }
  | { readonly type: "map"; readonly keys: readonly string[] };

const atomic: ListKind = { type: "atomic" };
const set: ListKind = { type: "set" };

/** How a list is merged by server-side apply: x-kubernetes-list-type or, without it, what strategic merge says. */
export function listKind(schema: Schema): ListKind {
  const type = schema["x-kubernetes-list-type"];
  if (type === "set") return set;
  if (type === "map") return { type, keys: schema["x-kubernetes-list-map-keys"] ?? [] };
  if (type === "atomic" || !mergesByStrategy(schema)) return atomic;
  const key = schema["x-kubernetes-patch-merge-key"];
  return key === undefined ? set : { type: "map", keys: [key] };
}

export function mergesByStrategy(schema: Schema): boolean {
  return strategies(schema).includes("merge");
}

export function strategies(schema: Schema): readonly string[] {
  return schema["x-kubernetes-patch-strategy"]?.split(",") ?? [];
}
