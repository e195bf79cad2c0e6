/** Values held against schemas, with the words in which users of Kubernetes know the complaints. */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";
import type { Definitions, Schema } from "./schema.ts";
import { equal, type Fields, get, isFields, joinPath, maxDepth, typeOf } from "./json.ts";
import { combinations, isCombined } from "./_combinations.ts";
import { duplicates } from "./_duplicates.ts";
import { boundsOfList, boundsOfMap, boundsOfNumber, boundsOfText } from "./_bounds.ts";
import { body, cause, notSupported, required } from "./_causes.ts";
import { objectMeta } from "./metadata.ts";
import { type Effort, newEffort } from "./pattern.ts";
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
  const effort = newEffort();
  const causes = begin(value, schema, path, { definitions, effort });
  return effort.left < 0 ? [tooCostly(path)] : causes;
}

/** What is beyond the effort was not looked at, so nothing else that was found is certain. */
function tooCostly(path: string): StatusCause {
  const text = `${body(path)} takes too long to hold against the patterns of its schema: they are too large for so much text`;
  return cause("FieldValueInvalid", path, `Invalid value: "object": ${text}`);
}

function begin(
  value: unknown,
  schema: Schema,
  path: string,
  { definitions, effort }: Pick<Walk, "definitions" | "effort">,
): readonly StatusCause[] {
  const walking: Walk = { definitions, effort, causes: [], repeated: [], depth: 0 };
  walk(value, resolve(schema, definitions), path, walking);
  return [...walking.causes, ...walking.repeated].slice(0, maxCauses);
}

/** One for the whole value: this runs within each write, over every field. */
interface Walk {
  readonly definitions: Definitions;
  /** Of all patterns together. */
  readonly effort: Effort;
  readonly causes: StatusCause[];
  /** Elements that stand twice, which not all kinds mind: however many, they do not end the walk. */
  readonly repeated: StatusCause[];
  depth: number;
}

function walk(value: unknown, schema: Schema, path: string, walking: Walk): void {
  const { causes } = walking;
  if (causes.length >= maxCauses || (value === null && schema.nullable === true)) return;
  if (walking.depth > maxDepth) {
    causes.push(
      cause("FieldValueInvalid", path, `Invalid value: "object": nested deeper than ${maxDepth} levels`),
    );
    return;
  }
  const wrong = wrongType(value, schema, path);
  if (wrong) {
    causes.push(wrong);
    return;
  }
  addOwnComplaints(value, schema, path, walking);
  if (isCombined(schema))
    causes.push(...combinations(value, schema, (inner) => begin(value, inner, path, walking), path));
  walking.depth++;
  if (Array.isArray(value)) walkElements(value, schema, path, walking);
  else if (isFields(value)) walkFields(value, schema, path, walking);
  walking.depth--;
}

/** What needs no look at schemas of fields and elements. */
function addOwnComplaints(value: unknown, schema: Schema, path: string, { causes, effort }: Walk): void {
  if (schema.enum && !schema.enum.some((allowed) => equal(allowed, value)))
    causes.push(notSupported(path, value, schema.enum));
  if (typeof value === "string") causes.push(...boundsOfText(value, schema, { path, effort }));
  else if (typeof value === "number") causes.push(...boundsOfNumber(value, schema, path));
  else if (Array.isArray(value)) causes.push(...boundsOfList(value, schema, path));
  else if (isFields(value)) causes.push(...boundsOfMap(value, schema, path));
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

function walkElements(value: readonly unknown[], schema: Schema, path: string, walking: Walk): void {
  for (const found of duplicates(value, schema, walking.definitions, path))
    (found.reason === "FieldValueDuplicate" ? walking.repeated : walking.causes).push(found);
  if (!schema.items) return;
  const items = itemSchema(schema, walking.definitions);
  for (const [index, element] of value.entries()) walk(element, items, joinPath(path, index), walking);
}

function walkFields(value: Fields, schema: Schema, path: string, walking: Walk): void {
  for (const name of schema.required ?? [])
    if (get(value, name) === undefined) walking.causes.push(required(joinPath(path, name)));
  if (schema["x-kubernetes-embedded-resource"]) walkEmbedded(value, path, walking);
  for (const name of Object.keys(value)) {
    const inner = fieldSchema(schema, name, walking.definitions);
    if (inner) walk(value[name], inner, joinPath(path, name), walking);
  }
}

function walkEmbedded(value: Fields, path: string, walking: Walk): void {
  for (const name of ["apiVersion", "kind"]) {
    const at = joinPath(path, name);
    const field = get(value, name);
    if (field === undefined || field === "") walking.causes.push(required(at, "must not be empty"));
    else walk(field, { type: "string" }, at, walking);
  }
  const metadata = get(value, "metadata");
  if (metadata !== undefined) walk(metadata, objectMeta, joinPath(path, "metadata"), walking);
}
