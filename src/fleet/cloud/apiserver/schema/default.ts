/** Values that the schema gives where the client gave none. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Definitions, Schema } from "./schema.ts";
import { type Fields, isFields, put } from "./json.ts";
import { fieldSchema, itemSchema, resolve } from "./resolve.ts";

/** Characters of JSON that defaults may bring: a list of empty elements with a large default each would fill the memory. Stored objects are smaller. */
const maxGiven = 3 << 20;

interface Giving {
  readonly definitions: Definitions;
  left: number;
}

const none: Definitions = () => undefined;

/**
 * The value with the schema's defaults, and the defaults of what they brought. A null where none is allowed counts as missing when there is a default.
 * What changes is copied, the rest is shared; the value itself stays as it is. A default itself is never shared.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function applyDefaults<Value>(value: Value, schema: Schema, definitions: Definitions = none): Value {
  return walk(value, resolve(schema, definitions), { definitions, left: maxGiven }) as Value;
}

function walk(value: unknown, schema: Schema, giving: Giving): unknown {
  if (Array.isArray(value)) return schema.items ? defaultElements(value, schema, giving) : value;
  return isFields(value) ? defaultFields(value, schema, giving) : value;
}

function defaultElements(value: readonly unknown[], schema: Schema, giving: Giving): readonly unknown[] {
  const items = itemSchema(schema, giving.definitions);
  const result = value.map((element) => walk(orDefault(element, items, giving), items, giving));
  return result.every((element, at) => element === value[at]) ? value : result;
}

function defaultFields(value: Fields, schema: Schema, giving: Giving): Fields {
  let result = value;
  const set = (name: string, field: unknown): void => {
    if (result === value) result = { ...value };
    put(result, name, field);
  };
  for (const name of new Set([...Object.keys(schema.properties ?? {}), ...Object.keys(value)])) {
    const inner = fieldSchema(schema, name, giving.definitions);
    if (inner === undefined) continue;
    const before = Object.hasOwn(value, name) ? value[name] : undefined;
    const after = walk(orDefault(before, inner, giving), inner, giving);
    if (after !== before) set(name, after);
  }
  return result;
}

function orDefault(value: unknown, schema: Schema, giving: Giving): unknown {
  if (schema.default === undefined) return value;
  const missing = value === undefined || (value === null && schema.nullable !== true);
  if (!missing) return value;
  giving.left -= sizeOf(schema);
  if (giving.left < 0)
    throw new KubeError(
      "RequestEntityTooLarge",
      `the defaults of the object are larger than ${maxGiven} bytes`,
    );
  return structuredClone(schema.default);
}

const sizes = new WeakMap<Schema, number>();

/** Of a schema's default as JSON. */
function sizeOf(schema: Schema): number {
  const size = sizes.get(schema) ?? JSON.stringify(schema.default).length;
  sizes.set(schema, size);
  return size;
}
