/** Built-in kinds are read as the API server reads them: null is the same as nothing, and a value of the wrong type is no object of that kind at all. */
import type { Definitions, Schema } from "./schema.ts";
import { type Fields, get, isFields, joinPath, put, typeOf } from "./json.ts";
import { anything, fieldSchema, isOpen, itemSchema, resolve } from "./resolve.ts";

const none: Definitions = () => undefined;

/** The value without fields that are null where the schema knows them and allows none. Copies what changes. */
export function dropNulls<Value>(value: Value, schema: Schema, definitions: Definitions = none): Value {
  return drop(value, resolve(schema, definitions), definitions) as Value;
}

function drop(value: unknown, schema: Schema, definitions: Definitions): unknown {
  if (isOpen(schema) && schema.properties === undefined) return value;
  if (Array.isArray(value)) {
    const items = itemSchema(schema, definitions);
    const result = value.map((element) => drop(element, items, definitions));
    return result.every((element, at) => element === value[at]) ? value : result;
  }
  if (!isFields(value)) return value;
  const result: Fields = {};
  let changed = false;
  for (const [name, field] of Object.entries(value)) {
    const inner = fieldSchema(schema, name, definitions);
    const kept = inner ? drop(field, inner, definitions) : field;
    changed ||= kept !== field;
    if (field !== null || !inner || inner.nullable === true || inner === anything) put(result, name, kept);
    else {
      changed = true;
      // A key without a value is a key in a map of strings: `data: { empty: }`.
      const isEntry = get(schema.properties ?? {}, name) === undefined;
      if (isEntry && inner.type === "string") put(result, name, "");
    }
  }
  return changed ? result : value;
}

const maxProblems = 20;

/**
 * Values of the wrong type, for kinds that a 400 answers then: `spec.replicas: must be an integer, not a string`. Null is of any type. Bounds and patterns are validate's.
 */
export function decodeProblems(
  value: unknown,
  schema: Schema,
  definitions: Definitions = none,
): readonly string[] {
  const problems: string[] = [];
  decode(value, resolve(schema, definitions), { definitions, problems, path: "" });
  return problems;
}

interface Decoding {
  readonly definitions: Definitions;
  readonly problems: string[];
  readonly path: string;
}

function decode(value: unknown, schema: Schema, at: Decoding): void {
  if (value === null || value === undefined || at.problems.length >= maxProblems) return;
  const wanted = wantedType(schema);
  const type = typeOf(value);
  if (wanted !== undefined && !fits(type, wanted)) {
    at.problems.push(
      `${at.path === "" ? "the object" : at.path}: must be ${named[wanted]}, not ${named[type] ?? type}`,
    );
    return;
  }
  if (schema.type === "integer" && !inRange(value as number, schema.format))
    at.problems.push(
      `${at.path}: ${JSON.stringify(value)} is out of the range of ${schema.format ?? "int64"}`,
    );
  const { definitions } = at;
  if (Array.isArray(value)) {
    if (!schema.items) return;
    const items = itemSchema(schema, definitions);
    for (const [index, element] of value.entries())
      decode(element, items, { ...at, path: joinPath(at.path, index) });
  } else if (isFields(value))
    for (const [name, field] of Object.entries(value)) {
      const inner = fieldSchema(schema, name, definitions);
      if (inner) decode(field, inner, { ...at, path: joinPath(at.path, name) });
    }
}

function wantedType(schema: Schema): keyof typeof named | undefined {
  return schema["x-kubernetes-int-or-string"] ? "intOrString" : schema.type;
}

function fits(type: string, wanted: string): boolean {
  if (wanted === "intOrString") return type === "integer" || type === "string";
  return type === wanted || (wanted === "number" && type === "integer");
}

/** Whether a whole number fits `int32` or, else, what JSON and JavaScript keep exactly. */
export function inRange(value: number, format: string | undefined): boolean {
  if (format === "int32") return value >= -(2 ** 31) && value < 2 ** 31;
  return value >= -(2 ** 63) && value <= 2 ** 63;
}

const named: Readonly<Record<string, string>> = {
  string: "a string",
  integer: "an integer",
  number: "a number",
  boolean: "a boolean",
  array: "a list",
  object: "an object",
  intOrString: "an integer or a string",
};
