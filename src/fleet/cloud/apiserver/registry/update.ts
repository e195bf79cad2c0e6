import { copyJson } from "./_copy.ts";
import type { KubeObject, ObjectKey } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable } from "../registry.ts";
import { storageName, type Resource } from "../resource.ts";
import type { Stored } from "../storage/storage.ts";
import {
  ownForm,
  placeOf,
  strategyContext,
  type Core,
  type ObjectRequest,
  type Outcome,
  type Writing,
} from "./_core.ts";
import { commit, managed, mustBeValid } from "./_commit.ts";
import { createWithin, receiveNew } from "./create.ts";
import { answered } from "./_encodable.ts";
import { dropUndefined, sameJson } from "./_equal.ts";
import { isHeld } from "./_finalizers.ts";
import { metadataCauses, metadataUpdateCauses } from "./_metadata.ts";
import { receive } from "./_receive.ts";
import { isScale, scaleUpdated } from "./_scale.ts";
import { mergeSubresource } from "./_subresource.ts";
import {
  badRequest,
  conflict,
  invalidObject,
  modified,
  notFound,
} from "../../../../spec/kubernetes/errors.ts";

/** Kinds of which a PUT may make one. */
const madeByUpdate = new Set([
  "services",
  "endpoints",
  "events",
  "events.k8s.io/events",
  "coordination.k8s.io/leases",
  "rbac.authorization.k8s.io/roles",
  "rbac.authorization.k8s.io/rolebindings",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/clusterrolebindings",
]);

export async function update(
  core: Core,
  { resource, key, object, options, context }: ObjectRequest,
): Promise<Encodable & { readonly created: boolean }> {
  const { subresource } = key;
  const handler =
    subresource === undefined ? undefined : core.subresources[`${storageName(resource)}/${subresource}`];
  if (handler) {
    const made = await handler({ resource, key, object, options, context });
    return answered({ object: made, created: false, gone: false }, resource);
  }
  const outcome = await core.storage.write((transaction) => {
    const writing = { core, transaction, resource, options, context, subresource };
    const old = transaction.get(placeOf(resource, key));
    if (old)
      return updateWithin(
        writing,
        old,
        isScale(resource, subresource) ? scaleUpdated(resource, old, object) : named(object, key, resource),
      );
    return createInstead(writing, named(object, key, resource), key);
  });
  return answered(outcome, resource, subresource);
}

function createInstead(writing: Writing, object: KubeObject, key: ObjectKey): Outcome {
  const { resource, options, context, subresource } = writing;
  const { uid } = object.metadata;
  if (subresource !== undefined || !madeByUpdate.has(storageName(resource)))
    throw notFound(resource, key.name);
  if (uid)
    throw conflict(
      resource,
      key.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: `,
    );
  if (object.metadata.resourceVersion) throw notFound(resource, key.name);
  return createWithin(writing, receiveNew(resource, object, { options, context }), key.namespace ?? "");
}

/** With the name of the path; a body that says another is a mistake. */
function named(object: KubeObject, { name, namespace }: ObjectKey, resource: Resource): KubeObject {
  const said = object.metadata ?? {};
  if (typeof said !== "object" || Array.isArray(said)) throw badRequest("metadata must be an object");
  if (said.name && said.name !== name)
    throw badRequest(`the name of the object (${said.name}) does not match the name on the URL (${name})`);
  if (said.namespace && said.namespace !== (resource.namespaced ? namespace : ""))
    throw badRequest(
      `the namespace of the object (${said.namespace}) does not match the namespace on the request (${namespace ?? ""})`,
    );
  return { ...object, metadata: { ...said, name } };
}

/** `changed` is as the client wants it, in the version of the request, and is not changed itself. With `apply` its managed fields are right already. */
export function updateWithin(
  writing: Writing,
  old: Stored,
  changed: KubeObject,
  how: { readonly apply: boolean } = { apply: false },
): Outcome {
  const { resource, options, context, subresource } = writing;
  mustBeMeant(writing, old, changed);
  // A copy: what strategies take from it becomes a part of the object, which they may change.
  const before = copyJson(ownForm(old.object, resource));
  const object = receive(resource, changed, {
    options,
    context,
    amend: (copy) => {
      keepIdentity(copy, before);
      mergeSubresource(resource, { object: copy, old: before, subresource });
    },
  });
  const strategy = strategyContext(writing);
  resource.strategy.prepareForUpdate?.(object, before, strategy);
  dropUndefined(object);
  countGeneration(resource, object, before);
  if (!how.apply) managed(writing, object, before);
  mustBeValid(resource, object, () => [
    ...metadataCauses(resource, object),
    ...metadataUpdateCauses(object, before),
    ...(resource.strategy.validate?.(object, strategy) ?? []),
    ...(resource.strategy.validateUpdate?.(object, before, strategy) ?? []),
  ]);
  if (subresource === undefined)
    for (const text of resource.strategy.warnings?.(object) ?? []) context.warn(text);
  return endsNow(object) ? end(writing, old, object) : commit(writing, old.key, { object, old });
}

/** Nothing holds what is to be deleted any more. */
function endsNow(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && !isHeld(object);
}

function end(writing: Writing, old: Stored, object: KubeObject): Outcome {
  if (writing.options.dryRun) return { object, created: false, gone: true };
  const stored = writing.transaction.delete(old.key);
  return { object, ...(stored ? { stored } : {}), created: false, gone: true };
}

function mustBeMeant(
  { resource }: Writing,
  { key, object, revision }: Stored,
  { metadata }: KubeObject,
): void {
  const { uid } = object.metadata;
  if (metadata.uid && metadata.uid !== uid)
    throw conflict(
      resource,
      key.name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`,
    );
  const { resourceVersion = "" } = metadata;
  if (resourceVersion === "" || resourceVersion === "0") {
    // Kinds of CustomResourceDefinitions know no update of whatever is there.
    if (resource.strategicMerge) return;
    const message = "Invalid value: 0x0: must be specified for an update";
    throw invalidObject(resource, key.name, [
      { reason: "FieldValueInvalid", message, field: "metadata.resourceVersion" },
    ]);
  }
  if (resourceVersion !== String(revision)) throw conflict(resource, key.name, modified);
}

/** What an update never changes. */
function keepIdentity({ metadata }: KubeObject, { metadata: old }: KubeObject): void {
  const fields = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
    "generateName",
  ] as const;
  for (const field of fields)
    if (old[field] === undefined) delete metadata[field];
    else (metadata as Record<string, unknown>)[field] = old[field];
  delete metadata.selfLink;
  if (old.namespace !== undefined && !metadata.namespace) metadata.namespace = old.namespace;
}

function countGeneration(resource: Resource, object: KubeObject, old: KubeObject): void {
  if (!resource.hasGeneration) return;
  const { generation = 0 } = old.metadata;
  object.metadata.generation = sameJson(counted(resource, object), counted(resource, old))
    ? generation
    : generation + 1;
}

function counted({ status: hasStatus }: Resource, { metadata: _metadata, ...rest }: KubeObject): unknown {
  return hasStatus ? { ...rest, status: undefined } : rest;
}
