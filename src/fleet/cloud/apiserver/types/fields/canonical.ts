/** One form for what can be written in several, guided by the schema. */
import type { Definitions, Schema } from "../../schema/schema.ts";
import { quantityName } from "../notation.ts";
import { canonicalQuantity, parseQuantity, quantityRule } from "../../../../../spec/kubernetes/quantity.ts";
import { hasFormat } from "../../schema/formats.ts";
import { isFields } from "./read.ts";

/**
 * In place: quantities in their one form, and no empty lists and maps where they may be absent, as the reference implementation has them. So an object that is applied twice differs in
 * nothing the second time. Gives what cannot be read at all, each with its field: no quantity, no base64, no time.
 */
export function canonicalize(value: unknown, schema: Schema, definitions: Definitions): string[] {
  const problems: string[] = [];
  walk(value, { schema, definitions, field: "" }, (holder, name, { schema: own, field, isRequired }) => {
    const problem = problemOf(holder[name], own);
    if (problem !== undefined) problems.push(`${field}: ${problem}`);
    if (own.$ref === quantityName) holder[name] = canonicalQuantity(holder[name]);
    else if (!isRequired && isEmpty(holder[name], own)) delete holder[name];
  });
  return problems;
}

const formats: Readonly<Record<string, string>> = {
  byte: "illegal base64 data",
  "date-time": "is no time as RFC 3339 has it",
};

function problemOf(value: unknown, { $ref, format = "" }: Schema): string | undefined {
  if ($ref === quantityName) return parseQuantity(value) ? undefined : quantityRule;
  const rule = formats[format];
  return rule === undefined || typeof value !== "string" || hasFormat(value, format) ? undefined : rule;
}

/** Objects with fields are something even when they are empty: `emptyDir: {}`. */
function isEmpty(value: unknown, { type, additionalProperties }: Schema): boolean {
  if (type === "array") return Array.isArray(value) && value.length === 0;
  return additionalProperties !== undefined && isFields(value) && Object.keys(value).length === 0;
}

interface Place {
  readonly schema: Schema;
  readonly definitions: Definitions;
  readonly field: string;
  /** It stays when it is empty: a required field, or an entry of a map. */
  readonly isRequired?: boolean;
}

type Visit = (holder: Record<string, unknown>, name: string, place: Place) => void;

function walk(value: unknown, place: Place, visit: Visit): void {
  const { definitions, field } = place;
  const schema = place.schema.$ref ? definitions(place.schema.$ref) : place.schema;
  if (!schema || schema["x-kubernetes-preserve-unknown-fields"]) return;
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items && !isPlain(items))
      value.forEach((entry, index) =>
        walk(entry, { ...place, schema: items, field: `${field}[${index}]` }, visit),
      );
    return;
  }
  if (!isFields(value)) return;
  const rest = schema.additionalProperties;
  for (const name of Object.keys(value)) {
    const own =
      schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const inner = own ?? (typeof rest === "object" ? rest : undefined);
    if (!inner) continue;
    const there = {
      schema: inner,
      definitions,
      field: own ? join(field, name) : `${field}[${name}]`,
      isRequired: !own || schema.required?.includes(name) === true,
    };
    visit(value, name, there);
    if (!isPlain(inner)) walk(value[name], there, visit);
  }
}

function join(field: string, name: string): string {
  return field === "" ? name : `${field}.${name}`;
}

/** Nothing is within it. */
function isPlain(schema: Schema): boolean {
  return schema.type !== undefined && schema.type !== "object" && schema.type !== "array";
}
