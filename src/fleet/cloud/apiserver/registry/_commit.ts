/** The end of a create or update: managed fields, validation, and the write itself. */
import type { KubeObject, StatusCause } from "../../../../spec/kubernetes/kube.ts";
import { managedAfterUpdate } from "../patch/managed.ts";
import type { Resource } from "../resource.ts";
import type { StorageKey, Stored } from "../storage/storage.ts";
import { validate } from "../schema/validate.ts";
import { sameJson } from "./_equal.ts";
import { storedForm, timeOf, type Outcome, type Writing } from "./_core.ts";
import { invalidObject, tooLarge } from "../../../../spec/kubernetes/errors.ts";

/** Bytes of one object. */
export const objectBytes = 1536 * 1024;

export function managed(writing: Writing, object: KubeObject, old: KubeObject | undefined): void {
  const { resource, subresource, core, context, options } = writing;
  const { schema, definitions } = resource;
  const managers = managedAfterUpdate({
    old,
    changed: object,
    manager: managerOf(options.fieldManager, context.userAgent),
    ...(subresource === undefined ? {} : { subresource }),
    hasStatus: resource.status,
    now: timeOf(core),
    schema: { schema, definitions },
  });
  if (managers.length > 0) object.metadata.managedFields = managers;
  else delete object.metadata.managedFields;
}

function managerOf(named: string | undefined, userAgent = ""): string {
  if (named) return named;
  return userAgent.split("/")[0]?.slice(0, 128) || "unknown";
}

/** Throws Invalid with everything that was found. Strategies (`more`) look only at what has the schema's types. */
export function mustBeValid(
  resource: Resource,
  object: KubeObject,
  more: () => readonly StatusCause[],
): void {
  const found = validate(object, resource.schema, resource.definitions);
  // In built-in kinds only server-side apply minds a key that stands twice in a list; variables and ports may.
  const bySchema = resource.strategicMerge
    ? found.filter(({ reason }) => reason !== "FieldValueDuplicate")
    : found;
  const causes = bySchema.length > 0 ? bySchema : unique(more());
  if (causes.length > 0) throw invalidObject(resource, object.metadata.name ?? "", causes);
}

/** A rule may be looked at with the old object and without. */
function unique(causes: readonly StatusCause[]): readonly StatusCause[] {
  return [...new Map(causes.map((cause) => [`${cause.field}\0${cause.message}`, cause])).values()];
}

/** Only where something changed beyond the times of managed fields: else everybody who watches would be told for nothing. */
export function commit(
  writing: Writing,
  place: StorageKey,
  { object, old }: { object: KubeObject; old?: Stored },
): Outcome {
  const { resource } = writing;
  const kept = storedForm(object, resource);
  if (old && sameApartFromTimes(kept, old.object))
    return { object, stored: old, created: false, gone: false };
  const created = old === undefined;
  if (writing.options.dryRun) {
    mustFit(JSON.stringify(kept));
    return { object, created, gone: false };
  }
  const stored = writing.transaction.put(place, kept);
  // What throws is undone.
  mustFit(stored.json ?? JSON.stringify(kept));
  return { object, stored, created, gone: false };
}

function mustFit(json: string): void {
  if (json.length > objectBytes || Buffer.byteLength(json) > objectBytes) throw tooLarge(objectBytes);
}

function sameApartFromTimes(object: KubeObject, old: KubeObject): boolean {
  return sameJson(withoutTimes(object), withoutTimes(old));
}

function withoutTimes(object: KubeObject): KubeObject {
  const { managedFields, resourceVersion: _, ...metadata } = object.metadata;
  const managers = managedFields?.map(({ time: _time, ...manager }) => manager);
  return { ...object, metadata: { ...metadata, ...(managers ? { managedFields: managers } : {}) } };
}
