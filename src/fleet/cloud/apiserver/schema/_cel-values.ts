/** JSON values as CEL sees them by their schema: whole numbers as int, times as timestamps, names that CEL cannot spell in their escaped form. */
import { hasFormat, millisecondsOf } from "./formats.ts";
import { type Fields, isFields, put } from "./json.ts";
import { fieldSchema, isOpen, itemSchema, own } from "./resolve.ts";
import { celDuration } from "./_cel-functions.ts";
import type { Definitions, Schema } from "./schema.ts";

interface Converting {
  readonly definitions: Definitions;
  /** Each object and list is made once, however many rules look at it. */
  readonly values: WeakMap<object, unknown>;
}

export function celValue(value: unknown, schema: Schema, converting: Converting): unknown {
  if (typeof value === "number") return celNumber(value, schema);
  if (typeof value === "string") return celText(value, schema);
  if (typeof value !== "object" || value === null) return value;
  const known = converting.values.get(value);
  if (known !== undefined) return known;
  const made = Array.isArray(value)
    ? celList(value, schema, converting)
    : celMap(value as Fields, schema, converting);
  converting.values.set(value, made);
  return made;
}

function celNumber(value: number, schema: Schema): unknown {
  const whole = schema.type === "integer" || (schema.type !== "number" && Number.isInteger(value));
  return whole && Number.isInteger(value) ? BigInt(value) : value;
}

function celText(value: string, { format }: Schema): unknown {
  if (format === "byte" && hasFormat(value, format)) return new Uint8Array(Buffer.from(value, "base64"));
  if ((format === "date-time" || format === "date") && hasFormat(value, format)) return new Date(value);
  if (format !== "duration") return value;
  const milliseconds = millisecondsOf(value);
  return milliseconds === undefined ? value : celDuration(milliseconds);
}

function celList(value: readonly unknown[], schema: Schema, converting: Converting): readonly unknown[] {
  const items = itemSchema(schema, converting.definitions);
  return value.map((element) => celValue(element, items, converting));
}

function celMap(value: Fields, schema: Schema, converting: Converting): Fields {
  const result: Fields = {};
  for (const [name, field] of Object.entries(value)) {
    const inner = fieldSchema(schema, name, converting.definitions);
    if (field === undefined || !inner || field === null) continue;
    const declared = own(schema.properties, name) !== undefined;
    put(
      result,
      declared ? escapedName(name) : name,
      isOpen(inner) && !isFields(inner.properties) ? open(field) : celValue(field, inner, converting),
    );
  }
  return result;
}

/** What nobody described: whole numbers are ints there too. */
function open(value: unknown): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(open);
  if (!isFields(value)) return value;
  const result: Fields = {};
  for (const [name, field] of Object.entries(value)) put(result, name, open(field));
  return result;
}

const reserved = new Set([
  "true",
  "false",
  "null",
  "in",
  "as",
  "break",
  "const",
  "continue",
  "else",
  "for",
  "function",
  "if",
  "import",
  "let",
  "loop",
  "package",
  "namespace",
  "return",
  "var",
  "void",
  "while",
]);

/** `namespace` is `__namespace__` in rules, `a-b` is `a__dash__b`. */
export function escapedName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}
