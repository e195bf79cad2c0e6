/** Values held against schemas, with the words in which users of Kubernetes know the complaints. */
import type { StatusCause } from "../../kube.ts";
import type { Definitions, Schema } from "./schema.ts";
import { equal, type Fields, get, isFields, joinPath, maxDepth, typeOf } from "./json.ts";
import { combinations } from "./_combinations.ts";
import { duplicates } from "./_duplicates.ts";
import { boundsOfList, boundsOfMap, boundsOfNumber, boundsOfText } from "./_bounds.ts";
import { body, cause, notSupported, required } from "./_causes.ts";
import { objectMeta } from "./metadata.ts";
import { fieldSchema, itemSchema, resolve } from "./resolve.ts";

const none: Definitions = () => undefined;
/** More complaints than this help nobody. */
const maxCauses = 100;

/**
 * All complaints on a value; none is valid. A cause's message is what follows its field in a Status: `Invalid value: "string": spec.replicas in body must be of type integer: "string"`.
 * Fields that the schema does not know are prune's matter, x-kubernetes-validations are rules'.
 */
export function validate(
  value: unknown,
  schema: Schema,
  definitions: Definitions = none,
  path = "",
): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  walk(value, resolve(schema, definitions), { definitions, causes, path, depth: 0 });
  return causes.slice(0, maxCauses);
}

interface Walk {
  readonly definitions: Definitions;
  readonly causes: StatusCause[];
  readonly path: string;
  readonly depth: number;
}

function walk(value: unknown, schema: Schema, at: Walk): void {
  if (at.causes.length >= maxCauses) return;
  if (at.depth > maxDepth) {
    at.causes.push(
      cause("FieldValueInvalid", at.path, `Invalid value: "object": nested deeper than ${maxDepth} levels`),
    );
    return;
  }
  if (value === null && schema.nullable === true) return;
  const wrong = wrongType(value, schema, at.path);
  if (wrong) {
    at.causes.push(wrong);
    return;
  }
  at.causes.push(...ownComplaints(value, schema, at.path));
  at.causes.push(
    ...combinations(value, schema, (inner) => validate(value, inner, at.definitions, at.path), at.path),
  );
  if (Array.isArray(value)) walkElements(value, schema, at);
  else if (isFields(value)) walkFields(value, schema, at);
}

/** What needs no look at schemas of fields and elements. */
function ownComplaints(value: unknown, schema: Schema, path: string): readonly StatusCause[] {
  const listed = schema.enum === undefined || schema.enum.some((allowed) => equal(allowed, value));
  const choice = listed ? [] : [notSupported(path, value, schema.enum ?? [])];
  if (typeof value === "string") return [...choice, ...boundsOfText(value, schema, path)];
  if (typeof value === "number") return [...choice, ...boundsOfNumber(value, schema, path)];
  if (Array.isArray(value)) return [...choice, ...boundsOfList(value, schema, path)];
  return isFields(value) ? [...choice, ...boundsOfMap(value, schema, path)] : choice;
}

function wrongType(value: unknown, schema: Schema, path: string): StatusCause | undefined {
  const type = typeOf(value);
  if (schema["x-kubernetes-int-or-string"]) {
    if (type === "integer" || type === "string") return undefined;
    return typeCause(path, "integer,string", type);
  }
  const { type: wanted } = schema;
  if (wanted === undefined) {
    const mayBeNull =
      type !== "null" || schema["x-kubernetes-preserve-unknown-fields"] || schema.nullable !== false;
    return mayBeNull ? undefined : typeCause(path, "object", type);
  }
  if (type === wanted || (wanted === "number" && type === "integer")) return undefined;
  return typeCause(path, wanted, type);
}

function typeCause(path: string, wanted: string, type: string): StatusCause {
  const text = `${body(path)} must be of type ${wanted}: "${type}"`;
  return cause("FieldValueTypeInvalid", path, `Invalid value: "${type}": ${text}`);
}

function walkElements(value: readonly unknown[], schema: Schema, at: Walk): void {
  at.causes.push(...duplicates(value, schema, at.definitions, at.path));
  if (!schema.items) return;
  const items = itemSchema(schema, at.definitions);
  for (const [index, element] of value.entries())
    walk(element, items, { ...at, path: joinPath(at.path, index), depth: at.depth + 1 });
}

function walkFields(value: Fields, schema: Schema, at: Walk): void {
  for (const name of schema.required ?? [])
    if (get(value, name) === undefined) at.causes.push(required(joinPath(at.path, name)));
  if (schema["x-kubernetes-embedded-resource"]) walkEmbedded(value, at);
  for (const [name, field] of Object.entries(value)) {
    const inner = fieldSchema(schema, name, at.definitions);
    if (inner) walk(field, inner, { ...at, path: joinPath(at.path, name), depth: at.depth + 1 });
  }
}

function walkEmbedded(value: Fields, at: Walk): void {
  for (const name of ["apiVersion", "kind"]) {
    const path = joinPath(at.path, name);
    const field = get(value, name);
    if (field === undefined || field === "") at.causes.push(required(path, "must not be empty"));
    else walk(field, { type: "string" }, { ...at, path });
  }
  const metadata = get(value, "metadata");
  if (metadata !== undefined) walk(metadata, objectMeta, { ...at, path: joinPath(at.path, "metadata") });
}
