/**
 * Whether a schema is structural: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema .
 * The messages are those of the API server where a user meets them.
 */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";
import { isFields } from "../schema/json.ts";
import { compilePattern } from "../schema/pattern.ts";
import { prune } from "../schema/prune.ts";
import type { Schema } from "../schema/schema.ts";
import { validate } from "../schema/validate.ts";
import { forbidden, invalid, notSupported, required } from "../types/fields/complaints.ts";

const maxLevels = 200;
const maxCauses = 50;

interface Place {
  readonly path: string;
  readonly level: number;
  /** What the schema describes, for the wording. */
  readonly of: "root" | "field" | "item";
}

/** All complaints on the schema at `path`; none is structural. */
export function structuralCauses(schema: Schema, path: string): readonly StatusCause[] {
  const root: StatusCause[] = [];
  if (schema.type !== undefined && schema.type !== "object")
    root.push(invalid(`${path}.type`, schema.type, "must be object at the root"));
  return [...root, ...causesOf(schema, { path, level: 0, of: "root" })].slice(0, maxCauses);
}

function causesOf(schema: Schema, place: Place): readonly StatusCause[] {
  const { path, level } = place;
  if (level > maxLevels)
    return [forbidden(path, `schemas nested deeper than ${maxLevels} levels are not supported`)];
  return [
    ...typeCauses(schema, place),
    ...unsupported(schema, path),
    ...extensionCauses(schema, path),
    ...patternCauses(schema, path),
    ...defaultCauses(schema, path),
    ...metadataCauses(schema, place),
    ...junctors(schema).flatMap(([at, inner]) => valueCauses(inner, `${path}.${at}`, level + 1)),
    ...described(schema).flatMap(([at, inner, of]) =>
      causesOf(inner, { path: `${path}.${at}`, level: level + 1, of }),
    ),
  ];
}

const typeDetails = {
  root: "must not be empty at the root",
  field: "must not be empty for specified object fields",
  item: "must not be empty for specified array items",
} as const;

const types = ["array", "boolean", "integer", "number", "object", "string"];

function typeCauses(schema: Schema, { path, of }: Place): readonly StatusCause[] {
  const { type } = schema;
  const open =
    schema["x-kubernetes-int-or-string"] || (schema["x-kubernetes-preserve-unknown-fields"] && of !== "root");
  if (type === undefined || (type as string) === "")
    return open ? [] : [required(`${path}.type`, typeDetails[of])];
  if (!types.includes(type)) return [notSupported(`${path}.type`, type, types)];
  if (schema["x-kubernetes-int-or-string"])
    return [invalid(`${path}.type`, type, "must be empty if x-kubernetes-int-or-string is true")];
  return type === "array" && !isFields(schema.items) ? [required(`${path}.items`, "must be specified")] : [];
}

/** JSON Schema's words that structural schemas have not. */
const notThere = [
  "$ref",
  "definitions",
  "dependencies",
  "patternProperties",
  "additionalItems",
  "id",
  "$schema",
] as const;

function unsupported(schema: Schema, path: string): readonly StatusCause[] {
  const causes = notThere
    .filter((name) => Object.hasOwn(schema, name))
    .map((name) => forbidden(`${path}.${name}`, `${name} is not supported`));
  if (schema.uniqueItems === true)
    causes.push(
      forbidden(
        `${path}.uniqueItems`,
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  if (schema.additionalProperties === false)
    causes.push(forbidden(`${path}.additionalProperties`, "additionalProperties cannot be set to false"));
  const both = schema.additionalProperties !== undefined && Object.keys(schema.properties ?? {}).length > 0;
  if (both)
    causes.push(
      forbidden(`${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive"),
    );
  if (Array.isArray(schema.items))
    causes.push(forbidden(`${path}.items`, "items must be a schema object and not an array"));
  return causes;
}

function extensionCauses(schema: Schema, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const listType = schema["x-kubernetes-list-type"];
  const mapType = schema["x-kubernetes-map-type"];
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    causes.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"));
  if (schema["x-kubernetes-embedded-resource"] && schema.type !== "object")
    causes.push(
      invalid(`${path}.type`, schema.type ?? "", "must be object if x-kubernetes-embedded-resource is true"),
    );
  const empty =
    Object.keys(schema.properties ?? {}).length === 0 && !schema["x-kubernetes-preserve-unknown-fields"];
  if (schema["x-kubernetes-embedded-resource"] && empty)
    causes.push(
      required(
        `${path}.properties`,
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
      ),
    );
  if (mapType !== undefined && !["atomic", "granular"].includes(mapType))
    causes.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"]));
  if (mapType !== undefined && schema.type !== "object")
    causes.push(
      invalid(`${path}.type`, schema.type ?? "", "must be object if x-kubernetes-map-type is specified"),
    );
  if (listType === undefined) return causes;
  if (!["atomic", "map", "set"].includes(listType))
    causes.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ["atomic", "map", "set"]));
  if (schema.type !== "array")
    causes.push(
      invalid(`${path}.type`, schema.type ?? "", "must be array if x-kubernetes-list-type is specified"),
    );
  return listType === "map" ? [...causes, ...keyCauses(schema, path)] : causes;
}

function keyCauses(schema: Schema, path: string): readonly StatusCause[] {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) return [required(at, "must not be empty if x-kubernetes-list-type is map")];
  const { properties = {}, required: needed = [] } = isFields(schema.items) ? (schema.items as Schema) : {};
  return keys.flatMap((key, index) => {
    const field = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!field) return [invalid(`${at}[${index}]`, key, "entries must all be names of item properties")];
    if (needed.includes(key) || field.default !== undefined) return [];
    const detail =
      "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
    return [required(`${path}.items.properties[${key}].default`, detail)];
  });
}

function patternCauses({ pattern }: Schema, path: string): readonly StatusCause[] {
  if (pattern === undefined) return [];
  const compiled = compilePattern(pattern);
  if (!(compiled instanceof Error)) return [];
  return [
    invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${compiled.message}`),
  ];
}

function defaultCauses(schema: Schema, path: string): readonly StatusCause[] {
  if (schema.default === undefined) return [];
  const at = `${path}.default`;
  if (schema.default === null && schema.nullable !== true)
    return [invalid(at, null, "must not be null unless nullable is true")];
  const { unknown } = prune(schema.default, schema);
  const stray = unknown.map((field) => invalid(`${at}.${field}`, field, "must not have unknown fields"));
  return [...stray, ...validate(schema.default, schema, undefined, at)];
}

function metadataCauses({ properties }: Schema, { path, of }: Place): readonly StatusCause[] {
  const metadata =
    of === "root" && properties && Object.hasOwn(properties, "metadata") ? properties["metadata"] : undefined;
  if (!metadata) return [];
  const at = `${path}.properties[metadata]`;
  const detail =
    "must not specify anything other than name and generateName, but metadata is implicitly specified";
  const strange = Object.keys(metadata.properties ?? {}).filter(
    (name) => !["name", "generateName"].includes(name),
  );
  return strange.length > 0 || metadata.additionalProperties !== undefined ? [forbidden(at, detail)] : [];
}

/** Schemas of fields, entries and elements. */
function described(schema: Schema): readonly (readonly [string, Schema, "field" | "item"])[] {
  const { properties = {}, additionalProperties, items } = schema;
  return [
    ...Object.entries(properties).map(([name, inner]) => [`properties[${name}]`, inner, "field"] as const),
    ...(isFields(additionalProperties)
      ? [["additionalProperties", additionalProperties as Schema, "field"] as const]
      : []),
    ...(isFields(items) ? [["items", items as Schema, "item"] as const] : []),
  ];
}

function junctors(schema: Schema): readonly (readonly [string, Schema])[] {
  const lists = (["allOf", "anyOf", "oneOf"] as const).flatMap((name) =>
    (schema[name] ?? []).map((inner, at) => [`${name}[${at}]`, inner] as const),
  );
  return schema.not ? [...lists, ["not", schema.not]] : lists;
}

/** Within allOf, anyOf, oneOf and not a schema may only restrict: what fields there are is said outside. */
const describing = [
  "description",
  "default",
  "additionalProperties",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
] as const;

function valueCauses(schema: Schema, path: string, level: number): readonly StatusCause[] {
  if (level > maxLevels)
    return [forbidden(path, `schemas nested deeper than ${maxLevels} levels are not supported`)];
  const intOrString = schema.type === "integer" || schema.type === "string";
  const causes = describing
    .filter((name) => schema[name] !== undefined)
    .map((name) => forbidden(`${path}.${name}`, "must be empty to be structural"));
  if (schema.nullable === true) causes.push(forbidden(`${path}.nullable`, "must be false to be structural"));
  // Only what x-kubernetes-int-or-string comes with: anyOf integer, string.
  const only = Object.keys(schema).every((name) => name === "type");
  if (schema.type !== undefined && !(intOrString && only))
    causes.push(forbidden(`${path}.type`, "must be empty to be structural"));
  const inner = [...described(schema).map(([at, each]) => [at, each] as const), ...junctors(schema)];
  return [
    ...causes,
    ...patternCauses(schema, path),
    ...inner.flatMap(([at, each]) => valueCauses(each, `${path}.${at}`, level + 1)),
  ];
}
