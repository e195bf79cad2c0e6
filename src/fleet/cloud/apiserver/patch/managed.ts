/** Who owns what after a write that is no apply. https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
import type { KubeObject, ManagedFields } from "../../../../spec/kubernetes/kube.ts";
import { equal, isFields } from "../schema/json.ts";
import { resolve } from "../schema/resolve.ts";
import {
  capUpdaters,
  comparable,
  inOrder,
  isOf,
  isTooMany,
  ownable,
  parseManager,
  parseManagers,
  printManager,
  printManagers,
} from "./_managers.ts";
import { covers, difference, emptySet, type FieldSet, isEmpty, touches, union } from "./_set.ts";
import { compare } from "./_typed.ts";
import type { ManagedAfterUpdate } from "./patch.ts";

/**
 * The writer owns what it added or changed, as `Update`, and with it nobody else; what was removed is nobody's. Entries that own nothing go.
 * Managed fields that came with the object count when they can be read; a list of one empty entry forgets all owners. Through a subresource only those of the old object count.
 */
export const managedAfterUpdate: ManagedAfterUpdate = (request) => {
  const { old, changed, schema, subresource, hasStatus = false } = request;
  const compared = compare(
    comparable(old) ?? {},
    comparable(changed),
    resolve(schema.schema, schema.definitions),
    schema.definitions,
  );
  const { removed } = compared;
  const taken = ownable(compared.changed, { subresource, hasStatus });
  const self = {
    name: request.manager,
    operation: "Update",
    apiVersion: changed.apiVersion,
    subresource,
  } as const;
  const before = entriesBefore(old, changed, subresource);
  const takes = !isEmpty(taken);
  const others = takes ? before.filter((entry) => !isOf(entry, self)) : before;
  const entries = others.flatMap((entry) => without(entry, taken, removed));
  if (takes) {
    const mine = before.find((entry) => isOf(entry, self));
    const isHad = mine && covers(mine.fieldsV1 ?? {}, taken) && !touches(mine.fieldsV1 ?? {}, removed);
    if (isHad) entries.push({ ...mine, time: request.now });
    else {
      const present = mine ? difference(setOf(mine), removed) : emptySet();
      entries.push(printManager({ ...self, time: request.now, set: union(present, taken) }));
    }
  }
  return isTooMany(entries) ? printManagers(capUpdaters(parseManagers(entries) ?? [])) : inOrder(entries);
};

/** What is left of an entry: as a rule all of it, which is not taken apart to be put together again. */
function without(entry: ManagedFields, taken: FieldSet, removed: FieldSet): readonly ManagedFields[] {
  const fields = entry.fieldsV1 ?? {};
  if (!touches(fields, taken) && !touches(fields, removed)) return [entry];
  const manager = parseManager(entry);
  if (!manager) return [];
  const set = difference(difference(manager.set, taken), removed);
  return isEmpty(set) ? [] : [printManager({ ...manager, set })];
}

function setOf(entry: ManagedFields): FieldSet {
  return parseManager(entry)?.set ?? emptySet();
}

/** In the form in which they are stored. */
function entriesBefore(
  old: KubeObject | undefined,
  changed: KubeObject,
  subresource: string | undefined,
): readonly ManagedFields[] {
  const live = old?.metadata.managedFields ?? [];
  const sent: readonly ManagedFields[] | undefined = changed.metadata.managedFields;
  if (subresource !== undefined || !Array.isArray(sent) || sent.length === 0 || equal(sent, live))
    return live;
  if (sent.length === 1 && isFields(sent[0]) && Object.keys(sent[0]).length === 0) return [];
  const managers = parseManagers(sent);
  return managers ? printManagers(managers) : live;
}
