/** metadata.managedFields: who owns which fields. */
import type { KubeObject, ManagedFields } from "../../../../spec/kubernetes/kube.ts";
import { isFields } from "../schema/json.ts";
import { difference, emptySet, type FieldSet, fromFieldsV1, isEmpty, toFieldsV1, union } from "./_set.ts";

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly time: string | undefined;
  readonly set: FieldSet;
}

/** Appliers are the same in all versions, updaters are not. */
export function sameManager(a: Manager, b: Omit<Manager, "set" | "time">): boolean {
  if (a.name !== b.name || a.operation !== b.operation || a.subresource !== b.subresource) return false;
  return a.operation === "Apply" || a.apiVersion === b.apiVersion;
}

/** Whether an entry as it is stored is of that manager. */
export function isOf(
  { manager = "", operation, subresource, apiVersion }: ManagedFields,
  wanted: Omit<Manager, "set" | "time">,
): boolean {
  if (manager !== wanted.name || operation !== wanted.operation) return false;
  return (
    (subresource || undefined) === wanted.subresource &&
    (operation === "Apply" || apiVersion === wanted.apiVersion)
  );
}

/** Undefined when an entry cannot be read. */
export function parseManagers(entries: readonly unknown[] | undefined): readonly Manager[] | undefined {
  const managers = (entries ?? []).map(parseManager);
  return managers.every((manager) => manager !== undefined) ? managers : undefined;
}

export function parseManager(entry: unknown): Manager | undefined {
  if (!isFields(entry)) return undefined;
  const {
    manager: name = "",
    operation,
    apiVersion,
    subresource,
    time,
    fieldsType,
    fieldsV1,
  } = entry as ManagedFields;
  const set = fromFieldsV1(fieldsV1 ?? {});
  if (operation !== "Apply" && operation !== "Update") return undefined;
  if (typeof name !== "string" || typeof apiVersion !== "string" || fieldsType !== "FieldsV1" || !set)
    return undefined;
  return { name, operation, apiVersion, subresource: subresource || undefined, time, set };
}

/** Without those who own nothing; in the order in which they are stored. */
export function printManagers(managers: readonly Manager[]): ManagedFields[] {
  return inOrder(managers.filter(({ set }) => !isEmpty(set)).map(printManager));
}

export function printManager({
  name,
  operation,
  apiVersion,
  subresource,
  time,
  set,
}: Manager): ManagedFields {
  return {
    ...(name === "" ? {} : { manager: name }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(set),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** Appliers first, then by time and name. */
export function inOrder(entries: readonly ManagedFields[]): ManagedFields[] {
  return entries.toSorted((a, b) => byKey(keyOf(a), keyOf(b)));
}

function keyOf({ operation, time, manager, apiVersion, subresource }: ManagedFields): readonly string[] {
  return [operation ?? "", time ?? "", manager ?? "", apiVersion ?? "", subresource ?? ""];
}

function byAge(a: Manager, b: Manager): number {
  return byKey(
    keyOf({ ...a, manager: a.name } as ManagedFields),
    keyOf({ ...b, manager: b.name } as ManagedFields),
  );
}

function byKey(left: readonly string[], right: readonly string[]): number {
  const at = left.findIndex((text, index) => text !== right[index]);
  return at === -1 ? 0 : (left[at] ?? "") < (right[at] ?? "") ? -1 : 1;
}

const maxUpdaters = 10;

export function isTooMany(entries: readonly ManagedFields[]): boolean {
  return entries.filter(({ operation }) => operation === "Update").length > maxUpdaters;
}

/** More than ten updaters: the oldest become one, so that an object does not grow with each new name. */
export function capUpdaters(managers: readonly Manager[]): readonly Manager[] {
  const updaters = managers
    .filter(({ operation, set }) => operation === "Update" && !isEmpty(set))
    .toSorted(byAge);
  const tooMany = updaters.slice(0, Math.max(0, updaters.length - maxUpdaters + 1));
  if (updaters.length <= maxUpdaters) return managers;
  const merged = new Map<string, Manager>();
  for (const manager of tooMany) {
    const before = merged.get(manager.apiVersion);
    const set = before ? union(before.set, manager.set) : manager.set;
    merged.set(manager.apiVersion, { ...manager, name: "ancient-changes", subresource: undefined, set });
  }
  return [...managers.filter((manager) => !tooMany.includes(manager)), ...merged.values()];
}

/** Fields that belong to the server and to no manager. */
const serverFields: readonly (readonly string[])[] = [
  ["apiVersion"],
  ["kind"],
  ["metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["metadata", name]),
];

/** Without the fields that this (sub)resource does not write or that nobody owns. */
export function ownable(
  set: FieldSet,
  { subresource, hasStatus }: { readonly subresource: string | undefined; readonly hasStatus: boolean },
): FieldSet {
  const owned = difference(set, serverSet);
  const inside = [...owned.inside].filter(([step]) =>
    subresource === "status" ? step === "f:status" : !(hasStatus && step === "f:status"),
  );
  return { member: false, inside: new Map(inside) };
}

function membersAt(fields: readonly (readonly string[])[]): FieldSet {
  const set = emptySet();
  for (const path of fields) {
    let at = set;
    for (const name of path) {
      const step = `f:${name}`;
      at = at.inside.get(step) ?? at.inside.set(step, emptySet()).get(step) ?? at;
    }
    at.member = true;
  }
  // Metadata as such is nobody's, but labels in it are.
  return set;
}

/** Never changed. */
const serverSet = membersAt(serverFields);

/** The object as its fields are compared: without what the server keeps about it. */
export function comparable(object: KubeObject | undefined): unknown {
  if (!object) return undefined;
  const { managedFields: _managed, ...metadata } = object.metadata;
  return { ...object, metadata };
}
