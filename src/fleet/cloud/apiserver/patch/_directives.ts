/** What a strategic merge patch says beside the values of fields. */
import { type Fields, isFields, put } from "../schema/json.ts";
import { badRequest } from "./_result.ts";

const deletePrefix = "$deleteFromPrimitiveList/";
const orderPrefix = "$setElementOrder/";

export interface Directives {
  readonly patch: "replace" | "delete" | "merge" | undefined;
  readonly retainKeys: readonly string[] | undefined;
  /** By field: the order that its elements are wanted in, elements with their merge key or plain values. */
  readonly orders: ReadonlyMap<string, readonly unknown[]>;
  /** By field: values that go from a list of plain values. */
  readonly deletions: ReadonlyMap<string, readonly unknown[]>;
  /** The patch without directives. */
  readonly fields: Fields;
}

export function directives(patch: Fields): Directives {
  const fields: Fields = {};
  const orders = new Map<string, readonly unknown[]>();
  const deletions = new Map<string, readonly unknown[]>();
  let retainKeys: readonly string[] | undefined;
  for (const [name, value] of Object.entries(patch)) {
    if (name === "$patch") continue;
    if (name === "$retainKeys") retainKeys = texts(value);
    else if (name.startsWith(orderPrefix))
      orders.set(name.slice(orderPrefix.length), list(value, "setElementOrder list"));
    else if (name.startsWith(deletePrefix)) deletions.set(name.slice(deletePrefix.length), primitives(value));
    else put(fields, name, value);
  }
  return { patch: kindOfPatch(patch), retainKeys, orders, deletions, fields };
}

/** The `$patch` of an object or of an element of a list. */
export function kindOfPatch(patch: Fields): Directives["patch"] {
  if (!Object.hasOwn(patch, "$patch")) return undefined;
  const kind = patch["$patch"];
  if (kind === "replace" || kind === "delete" || kind === "merge") return kind;
  throw badRequest(`unknown patch type: ${short(kind)} in map: ${short(patch)}`);
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badRequest(`invalid patch format of ${what}`);
  return value;
}

function texts(value: unknown): readonly string[] {
  return list(value, "retainKeys").map((name) => {
    if (typeof name !== "string") throw badRequest("invalid patch format of retainKeys");
    return name;
  });
}

function primitives(value: unknown): readonly unknown[] {
  return list(value, "primitive list").map((element) => {
    if (isFields(element) || Array.isArray(element))
      throw badRequest("invalid patch format of primitive list");
    return element;
  });
}

/** For messages: bounded. */
export function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
