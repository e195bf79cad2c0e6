/** Who owns what after a write that is no apply. https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
import type { KubeObject, ManagedFields } from "../../../../spec/kubernetes/kube.ts";
import { isFields } from "../schema/json.ts";
import { resolve } from "../schema/resolve.ts";
import {
  capUpdaters,
  comparable,
  type Manager,
  ownable,
  parseManagers,
  printManagers,
  sameManager,
} from "./_managers.ts";
import { difference, emptySet, isEmpty, union } from "./_set.ts";
import { compare } from "./_typed.ts";
import type { ManagedAfterUpdate } from "./patch.ts";

/**
 * The writer owns what it added or changed, as `Update`, and with it nobody else; what was removed is nobody's. Entries that own nothing go.
 * Managed fields that came with the object count when they can be read; a list of one empty entry forgets all owners. Through a subresource only those of the old object count.
 */
export const managedAfterUpdate: ManagedAfterUpdate = (request) => {
  const { old, changed, schema, subresource, hasStatus = false } = request;
  const before = managersBefore(old, changed, subresource);
  const compared = compare(
    comparable(old) ?? {},
    comparable(changed),
    resolve(schema.schema, schema.definitions),
    schema.definitions,
  );
  const taken = ownable(compared.changed, { subresource, hasStatus });
  const others = before.map((manager) => ({
    ...manager,
    set: difference(difference(manager.set, taken), compared.removed),
  }));
  const self = {
    name: request.manager,
    operation: "Update",
    apiVersion: changed.apiVersion,
    subresource,
  } as const;
  if (isEmpty(taken)) return printManagers(others);
  const mine = before.find((manager) => sameManager(manager, self));
  const kept = others.filter((manager) => !sameManager(manager, self));
  const set = union(difference(mine?.set ?? emptySet(), compared.removed), taken);
  return printManagers(capUpdaters([...kept, { ...self, time: request.now, set }]));
};

function managersBefore(
  old: KubeObject | undefined,
  changed: KubeObject,
  subresource: string | undefined,
): readonly Manager[] {
  const live = parseManagers(old?.metadata.managedFields) ?? [];
  const sent: readonly ManagedFields[] | undefined = changed.metadata.managedFields;
  if (subresource !== undefined || !Array.isArray(sent) || sent.length === 0) return live;
  if (sent.length === 1 && isFields(sent[0]) && Object.keys(sent[0]).length === 0) return [];
  return parseManagers(sent) ?? live;
}
