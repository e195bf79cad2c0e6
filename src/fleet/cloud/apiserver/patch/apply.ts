/** Server-side apply. https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { fieldSchema, itemSchema, listKind, resolve } from "../schema/resolve.ts";
import type { Definitions, Schema } from "../schema/schema.ts";
import { isFields } from "../schema/json.ts";
import { dropNulls } from "../schema/coerce.ts";
import { conflictError, type Conflict } from "./_conflicts.ts";
import { appliedByAnnotation, withAnnotation } from "./_last-applied.ts";
import { comparable, type Manager, ownable, parseManagers, printManagers, sameManager } from "./_managers.ts";
import { badRequest, refuseDepth } from "./_result.ts";
import { difference, type FieldSet, intersection, isEmpty, sameSet, union } from "./_set.ts";
import { compare, elementStep, fieldsOf, mergeTyped, withoutParts } from "./_typed.ts";
import type { Apply, ApplyRequest } from "./patch.ts";

/**
 * What is applied goes over what is live; what this manager applied formerly and does not now goes, unless somebody else owns it. A value of another owner that would change is a conflict,
 * unless `force` takes it over; an equal value is owned together.
 * KubeError `Conflict` with causes FieldManagerConflict, `BadRequest` for fields that the schema does not know and for list elements without their keys.
 */
export const apply: Apply = (request) => {
  const { live, subresource, hasStatus = false } = request;
  const { definitions } = request.schema;
  const schema = resolve(request.schema.schema, definitions);
  const applied = checked(request, schema);
  const before = managersOf(live, schema, definitions);
  const self = {
    name: request.manager,
    operation: "Apply",
    apiVersion: applied.apiVersion,
    subresource,
  } as const;
  const mine = before.find((manager) => sameManager(manager, self));
  const set = ownable(fieldsOf(applied, schema, definitions), { subresource, hasStatus });
  const others = before.filter((manager) => manager !== mine);
  const config = restricted(applied, subresource, hasStatus);
  const merged = live ? mergeTyped(comparable(live), config, schema, definitions) : config;
  const kept = [set, ...others.map((manager) => manager.set)].reduce(union, protectedFields());
  const result = mine ? withoutParts(merged, { gone: mine.set, kept, schema, definitions }) : merged;
  const { left } = settle(request, result, others, schema);
  const time = mine && sameSet(mine.set, set) ? mine.time : request.now;
  const object = withManagers(result as KubeObject, [...left, { ...self, time, set }]);
  return live ? withAnnotation(object, applied, request.manager) : object;
};

/** The configuration as it may be applied: no managed fields, no nulls, nothing that the schema does not know. */
function checked({ live, applied, schema: { schema, definitions } }: ApplyRequest, root: Schema): KubeObject {
  refuseDepth(applied);
  if ((applied.metadata.managedFields ?? []).length > 0)
    throw badRequest("metadata.managedFields must be nil");
  const config = withoutNullMetadata(dropNulls(applied, schema, definitions));
  const complaint = typedComplaint(config, root, definitions, "");
  if (complaint === undefined) return config;
  const { apiVersion, kind, metadata } = live ?? applied;
  const place = `${metadata.namespace ?? ""}/${metadata.name ?? ""}; ${apiVersion}, Kind=${kind}`;
  throw badRequest(`failed to create typed patch object (${place}): ${complaint}`);
}

/** Clients write `creationTimestamp: null` for what they do not know. */
function withoutNullMetadata(object: KubeObject): KubeObject {
  const entries = Object.entries(object.metadata).filter(([, value]) => value !== null);
  return { ...object, metadata: Object.fromEntries(entries) };
}

function typedComplaint(
  value: unknown,
  schema: Schema,
  definitions: Definitions,
  path: string,
): string | undefined {
  if (Array.isArray(value)) return listComplaint(value, schema, definitions, path);
  if (!isFields(value)) return undefined;
  for (const [name, field] of Object.entries(value)) {
    const inner = fieldSchema(schema, name, definitions);
    if (!inner) {
      if (schema["x-kubernetes-embedded-resource"]) continue;
      return `${path}.${name}: field not declared in schema`;
    }
    const complaint = typedComplaint(field, inner, definitions, `${path}.${name}`);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function listComplaint(
  value: readonly unknown[],
  schema: Schema,
  definitions: Definitions,
  path: string,
): string | undefined {
  const kind = listKind(schema);
  const items = itemSchema(schema, definitions);
  const seen = new Set<string>();
  for (const [index, element] of value.entries()) {
    const step = kind.type === "atomic" ? String(index) : elementStep(element, schema, definitions);
    const keys = kind.type === "map" ? kind.keys.map((key) => `"${key}"`).join(", ") : "";
    if (step === undefined)
      return keys === ""
        ? `${path}: element ${index}: a list of values has an element that is none`
        : `${path}: element ${index}: associative list with keys has an element that omits key field ${keys}`;
    if (seen.has(step)) return `${path}: duplicate entries for key [${step.slice(2)}]`;
    seen.add(step);
    const inner = kind.type === "set" ? `${path}[=${step.slice(2)}]` : `${path}[${index}]`;
    const complaint = typedComplaint(element, items, definitions, inner);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

/** Only status through the subresource; anything but status besides, where status is one. */
function restricted(applied: KubeObject, subresource: string | undefined, hasStatus: boolean): KubeObject {
  const { apiVersion, kind, metadata, status, ...rest } = applied;
  const { name, namespace } = metadata;
  if (subresource === "status") {
    const identity = {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
    };
    return { apiVersion, kind, metadata: identity, ...(status === undefined ? {} : { status }) };
  }
  return hasStatus ? { apiVersion, kind, metadata, ...rest } : applied;
}

/** An object from before anybody was recorded: all that it has is somebody's. */
function managersOf(
  live: KubeObject | undefined,
  schema: Schema,
  definitions: Definitions,
): readonly Manager[] {
  if (!live) return [];
  const managers = parseManagers(live.metadata.managedFields) ?? [];
  if (managers.length > 0) return managers;
  const { changed } = compare({}, comparable(live), schema, definitions);
  const set = ownable(changed, { subresource: undefined, hasStatus: false });
  const time = live.metadata.creationTimestamp;
  const { apiVersion } = live;
  return [{ name: "before-first-apply", operation: "Update", apiVersion, subresource: undefined, time, set }];
}

/** Never removed, whoever claimed to own them. */
function protectedFields(): FieldSet {
  const always = (): FieldSet => ({ member: true, inside: new Map() });
  const metadata: FieldSet = {
    member: true,
    inside: new Map(
      ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"].map((name) => [
        `f:${name}`,
        always(),
      ]),
    ),
  };
  return {
    member: false,
    inside: new Map([
      ["f:apiVersion", always()],
      ["f:kind", always()],
      ["f:metadata", metadata],
    ]),
  };
}

/** The other owners after the change; throws when one of them loses a field without `force`. */
function settle(
  { live, manager, force, schema: { definitions } }: ApplyRequest,
  result: unknown,
  others: readonly Manager[],
  schema: Schema,
): { readonly left: readonly Manager[] } {
  const { changed, removed } = compare(comparable(live) ?? {}, result, schema, definitions);
  const taken = others.map((other): Conflict => ({ manager: other, set: intersection(other.set, changed) }));
  const conflicts = taken.filter(({ set }) => !isEmpty(set));
  if (conflicts.length > 0 && !force) {
    const own = appliedByAnnotation(live, manager, schema, definitions);
    const real = conflicts.map((conflict) => ({ ...conflict, set: difference(conflict.set, own) }));
    if (real.some(({ set }) => !isEmpty(set))) throw conflictError(real);
  }
  const left = taken.map(({ manager: other, set }) => ({
    ...other,
    set: difference(difference(other.set, set), removed),
  }));
  return { left };
}

function withManagers(object: KubeObject, managers: readonly Manager[]): KubeObject {
  const managedFields = printManagers(managers);
  return {
    ...object,
    metadata: { ...object.metadata, ...(managedFields.length === 0 ? {} : { managedFields }) },
  };
}
