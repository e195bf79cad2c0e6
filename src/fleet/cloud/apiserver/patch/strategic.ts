/**
 * Strategic merge patches: merge patches that know which lists are merged, and by which field.
 * https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/ and
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md (the directives).
 */
import { anything, fieldSchema, mergesByStrategy, resolve, strategies } from "../schema/resolve.ts";
import type { Definitions, Schema } from "../schema/schema.ts";
import { type Fields, get, isFields, put } from "../schema/json.ts";
import { directives, type Directives } from "./_directives.ts";
import { inOrder, mergeKeyed, mergePrimitives } from "./_lists.ts";
import { badRequest, objectOf, refuseDepth } from "./_result.ts";
import type { StrategicMergePatch } from "./patch.ts";

/** Parts that the patch does not name are shared with the object. KubeError `BadRequest` for a malformed patch. */
export const strategicMergePatch: StrategicMergePatch = (object, patch, { schema, definitions }) => {
  if (!isFields(patch)) throw badRequest("invalid JSON document");
  refuseDepth(patch);
  return objectOf(mergeMap(object, patch, resolve(schema, definitions), definitions));
};

/** `original` with the patch, whose directives are obeyed and left out. */
function mergeMap(original: Fields, patch: Fields, schema: Schema, definitions: Definitions): Fields {
  const told = directives(patch);
  if (told.patch === "delete") return {};
  const base = told.patch === "replace" ? {} : original;
  const result: Fields = retained(base, told);
  for (const [name, value] of Object.entries(told.fields)) {
    if (value === null) delete result[name];
    else {
      const inner = fieldSchema(schema, name, definitions) ?? anything;
      put(result, name, mergeField(get(result, name), value, { name, schema: inner, definitions, told }));
    }
  }
  mergeListDirectives(result, schema, definitions, told);
  return result;
}

/** $retainKeys: fields of the object that it does not name go; the patch may set only fields that it names. */
function retained(original: Fields, told: Directives): Fields {
  if (!told.retainKeys) return { ...original };
  const keys = new Set(told.retainKeys);
  for (const [name, value] of Object.entries(told.fields))
    if (value !== null && !keys.has(name)) throw badRequest("invalid patch format of retainKeys");
  return Object.fromEntries(Object.entries(original).filter(([name]) => keys.has(name)));
}

interface Field {
  readonly name: string;
  readonly schema: Schema;
  readonly definitions: Definitions;
  readonly told: Directives;
}

function mergeField(original: unknown, value: unknown, field: Field): unknown {
  const { schema, definitions } = field;
  if (isFields(value)) {
    const base = isFields(original) && !strategies(schema).includes("replace") ? original : {};
    return mergeMap(base, value, schema, definitions);
  }
  if (!Array.isArray(value)) return value;
  if (!mergesByStrategy(schema)) return value.map((element) => plain(element, schema, definitions));
  return mergeList(Array.isArray(original) ? original : [], value, field);
}

/** An element of a list that is replaced as a whole: nothing to merge with, but nulls and directives are no values. */
function plain(element: unknown, schema: Schema, definitions: Definitions): unknown {
  if (!isFields(element)) return structuredClone(element);
  return mergeMap({}, element, schema.items ? resolve(schema.items, definitions) : anything, definitions);
}

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  field: Field,
): readonly unknown[] {
  const { name, schema, definitions, told } = field;
  const order = told.orders.get(name);
  const deleted = told.deletions.get(name) ?? [];
  const key = schema["x-kubernetes-patch-merge-key"];
  if (key === undefined) return mergePrimitives(original, patch, { deleted, order });
  const items = schema.items ? resolve(schema.items, definitions) : anything;
  return mergeKeyed(original, patch, {
    key,
    order,
    merge: (before, change) => mergeMap(before, change, items, definitions),
  });
}

/** Directives for lists that the patch itself does not contain. */
function mergeListDirectives(
  result: Fields,
  schema: Schema,
  definitions: Definitions,
  told: Directives,
): void {
  for (const name of new Set([...told.orders.keys(), ...told.deletions.keys()])) {
    const list = get(result, name);
    if (Object.hasOwn(told.fields, name) || !Array.isArray(list)) continue;
    const inner = fieldSchema(schema, name, definitions) ?? anything;
    const key = inner["x-kubernetes-patch-merge-key"];
    const deleted = told.deletions.get(name) ?? [];
    const left = list.filter((element) => !deleted.includes(element));
    const order = told.orders.get(name);
    put(result, name, order && mergesByStrategy(inner) ? inOrder(left, list, { key, order }) : left);
  }
}
