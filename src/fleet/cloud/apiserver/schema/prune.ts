/** Fields that no schema describes: found for strict decoding, and left out. */
import type { Definitions, Schema } from "./schema.ts";
import { type Fields, isFields, joinPath, put } from "./json.ts";
import { objectMeta } from "./metadata.ts";
import { fieldSchema, isOpen, itemSchema, own, resolve } from "./resolve.ts";

export interface Pruned<Value> {
  readonly value: Value;
  /** Paths of what was left out, `spec.foo`, `spec.containers[0].foo`; the first hundred. */
  readonly unknown: readonly string[];
}

const maxUnknown = 100;
const none: Definitions = () => undefined;

/**
 * The value without the fields that the schema does not know. What changes is copied, the rest is shared; the value itself stays as it is.
 * x-kubernetes-preserve-unknown-fields keeps them, x-kubernetes-embedded-resource keeps apiVersion, kind and metadata.
 */
export function prune<Value>(value: Value, schema: Schema, definitions: Definitions = none): Pruned<Value> {
  const unknown: string[] = [];
  const pruned = walk(value, resolve(schema, definitions), { definitions, unknown, path: "" });
  return { value: pruned as Value, unknown };
}

/** As the API server words it. */
export function unknownField(path: string): string {
  return `unknown field "${path}"`;
}

interface Walk {
  readonly definitions: Definitions;
  readonly unknown: string[];
  readonly path: string;
}

function walk(value: unknown, schema: Schema, at: Walk): unknown {
  if (Array.isArray(value)) return pruneElements(value, schema, at);
  if (!isFields(value)) return value;
  let changed = false;
  const result: Fields = {};
  for (const [name, field] of Object.entries(value)) {
    const path = joinPath(at.path, name);
    const inner = describedField(schema, name, at.definitions);
    if (inner === undefined) {
      if (at.unknown.length < maxUnknown) at.unknown.push(path);
      changed = true;
      continue;
    }
    const kept = inner === "open" ? field : walk(field, inner, { ...at, path });
    changed ||= kept !== field;
    put(result, name, kept);
  }
  return changed ? result : value;
}

function pruneElements(value: readonly unknown[], schema: Schema, at: Walk): readonly unknown[] {
  if (!schema.items) return value;
  const items = itemSchema(schema, at.definitions);
  const result = value.map((element, index) =>
    walk(element, items, { ...at, path: joinPath(at.path, index) }),
  );
  return result.every((element, index) => element === value[index]) ? value : result;
}

/** Undefined: not known. "open": kept with all that is in it. */
function describedField(schema: Schema, name: string, definitions: Definitions): Schema | "open" | undefined {
  if (schema["x-kubernetes-embedded-resource"] && own(embedded, name) && !own(schema.properties, name))
    return own(embedded, name);
  const inner = fieldSchema(schema, name, definitions);
  if (inner === undefined) return undefined;
  const described = inner.properties ?? inner.additionalProperties ?? inner.items;
  return isOpen(inner) && described === undefined && !inner["x-kubernetes-embedded-resource"]
    ? "open"
    : inner;
}

const embedded: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: objectMeta,
};
