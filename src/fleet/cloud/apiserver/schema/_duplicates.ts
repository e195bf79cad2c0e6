/** Elements of sets and of lists with keys must differ. */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";
import { duplicate, required } from "./_causes.ts";
import { get, isFields, joinPath } from "./json.ts";
import { fieldSchema, itemSchema } from "./resolve.ts";
import type { Definitions, Schema } from "./schema.ts";

/** Nobody reads more, and who takes them together may not be able to take hundreds of thousands. */
const maxReported = 100;

export function duplicates(
  value: readonly unknown[],
  schema: Schema,
  definitions: Definitions,
  path: string,
): readonly StatusCause[] {
  const type = schema["x-kubernetes-list-type"];
  if (type === "set") return repeated(value.map(canonical), value, path).slice(0, maxReported);
  if (type !== "map") return [];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const items = itemSchema(schema, definitions);
  const identities = value.map((element) => {
    if (!isFields(element)) return element;
    const named = keys.map(
      (key) => [key, get(element, key) ?? fieldSchema(items, key, definitions)?.default] as const,
    );
    return Object.fromEntries(named.filter(([, field]) => field !== undefined));
  });
  const missing = value.flatMap((element, at) => {
    if (!isFields(element)) return [];
    const lacking = keys.filter(
      (key) => get(element, key) === undefined && !optionalKey(items, key, definitions),
    );
    return lacking.map((key) => required(joinPath(joinPath(path, at), key)));
  });
  return [...missing, ...repeated(identities.map(canonical), identities, path)].slice(0, maxReported);
}

/** A key that is required is complained of as such already; one with a default is there. */
function optionalKey(items: Schema, key: string, definitions: Definitions): boolean {
  return (
    items.required?.includes(key) === true || fieldSchema(items, key, definitions)?.default !== undefined
  );
}

function repeated(
  names: readonly string[],
  values: readonly unknown[],
  path: string,
): readonly StatusCause[] {
  const seen = new Set<string>();
  return names.flatMap((name, at) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [duplicate(joinPath(path, at), values[at])];
  });
}

/** JSON with the fields in order: equal values have equal texts. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_name, inner: unknown) =>
      isFields(inner)
        ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? "null"
  );
}
