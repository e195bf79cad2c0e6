/** Values that the schema gives where the client gave none. */
import type { Definitions, Schema } from "./schema.ts";
import { type Fields, isFields, put } from "./json.ts";
import { fieldSchema, itemSchema, resolve } from "./resolve.ts";

const none: Definitions = () => undefined;

/**
 * The value with the schema's defaults, and the defaults of what they brought. A null where none is allowed counts as missing when there is a default.
 * What changes is copied, the rest is shared; the value itself stays as it is. A default itself is never shared.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function applyDefaults<Value>(value: Value, schema: Schema, definitions: Definitions = none): Value {
  return walk(value, resolve(schema, definitions), definitions) as Value;
}

function walk(value: unknown, schema: Schema, definitions: Definitions): unknown {
  if (Array.isArray(value)) return schema.items ? defaultElements(value, schema, definitions) : value;
  return isFields(value) ? defaultFields(value, schema, definitions) : value;
}

function defaultElements(
  value: readonly unknown[],
  schema: Schema,
  definitions: Definitions,
): readonly unknown[] {
  const items = itemSchema(schema, definitions);
  const result = value.map((element) => walk(orDefault(element, items), items, definitions));
  return result.every((element, at) => element === value[at]) ? value : result;
}

function defaultFields(value: Fields, schema: Schema, definitions: Definitions): Fields {
  let result = value;
  const set = (name: string, field: unknown): void => {
    if (result === value) result = { ...value };
    put(result, name, field);
  };
  for (const name of new Set([...Object.keys(schema.properties ?? {}), ...Object.keys(value)])) {
    const inner = fieldSchema(schema, name, definitions);
    if (inner === undefined) continue;
    const before = Object.hasOwn(value, name) ? value[name] : undefined;
    const after = walk(orDefault(before, inner), inner, definitions);
    if (after !== before) set(name, after);
  }
  return result;
}

function orDefault(value: unknown, schema: Schema): unknown {
  if (schema.default === undefined) return value;
  const missing = value === undefined || (value === null && schema.nullable !== true);
  return missing ? structuredClone(schema.default) : value;
}
