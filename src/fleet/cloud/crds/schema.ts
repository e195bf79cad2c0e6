/** Words in which the definitions are written: each gives the part of an OpenAPI v3 schema that it names. What they mean: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/ */
export type Schema = Readonly<Record<string, unknown>>;
/** By name; one that ends with `!` is required. */
export type Fields = Readonly<Record<string, Schema>>;

export const text: Schema = { type: "string" };
export const flag: Schema = { type: "boolean" };
export const integer: Schema = { type: "integer" };
export const int32: Schema = { type: "integer", format: "int32" };
export const int64: Schema = { type: "integer", format: "int64" };
export const number: Schema = { type: "number" };
/** An object of which nothing is known. */
export const plain: Schema = { type: "object" };
/** An object whose fields are kept, whatever they are. */
export const free: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

export function among(...values: readonly string[]): Schema {
  return { ...text, enum: values };
}

export function amongNumbers(...values: readonly number[]): Schema {
  return { ...int64, enum: values };
}

export function record(fields: Fields): Schema {
  const names = Object.keys(fields);
  const required = names.filter((name) => name.endsWith("!")).map(bare);
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [bare(name), schema])),
    ...(required.length > 0 ? { required } : {}),
  };
}

export function list(items: Schema): Schema {
  return { type: "array", items };
}

export function map(additionalProperties: Schema): Schema {
  return { type: "object", additionalProperties };
}

/** Server-side apply takes it as one value. */
export function atomic(schema: Schema): Schema {
  const name = schema["type"] === "array" ? "x-kubernetes-list-type" : "x-kubernetes-map-type";
  return { ...schema, [name]: "atomic" };
}

/** Server-side apply knows its items by a field. */
export function listBy(key: string, items: Schema): Schema {
  return { ...list(items), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] };
}

/** An object with its type and metadata. */
export function whole(fields: Fields): Schema {
  return record({ apiVersion: text, kind: text, metadata: plain, ...fields });
}

function bare(name: string): string {
  return name.endsWith("!") ? name.slice(0, -1) : name;
}
