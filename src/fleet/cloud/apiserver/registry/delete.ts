/** Deletion: at once, after a time of grace, or when the last finalizer is gone. https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/ */
import { copyJson } from "./_copy.ts";
import type { DeleteOptions, KubeObject, ObjectKey } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable, RequestContext } from "../registry.ts";
import { storageName, type Resource } from "../resource.ts";
import type { Stored } from "../storage/storage.ts";
import { placeOf, timeOf, type Core, type Outcome, type Writing } from "./_core.ts";
import { answered } from "./_encodable.ts";
import { sameJson } from "./_equal.ts";
import { finalizersFor, foregroundFinalizer, isHeld, orphanFinalizer } from "./_finalizers.ts";
import { conflict, forbidden, notFound } from "../../../../spec/kubernetes/errors.ts";

interface Request {
  readonly resource: Resource;
  readonly key: ObjectKey;
  readonly options: DeleteOptions;
  readonly context: RequestContext;
}

/** Without these nothing works. */
const immortal = new Set(["default", "kube-system", "kube-public"]);
/** Kinds whose dependents stay when nothing is said of them. */
const orphaning = new Set(["batch/jobs"]);

export async function remove(
  core: Core,
  { resource, key, options, context }: Request,
): Promise<Encodable & { readonly gone: boolean }> {
  const outcome = await core.storage.write((transaction) => {
    const old = transaction.get(placeOf(resource, key));
    if (!old) throw notFound(resource, key.name);
    const writing = { core, transaction, resource, options: { dryRun: options.dryRun === true }, context };
    return deleteWithin(writing, old, options);
  });
  return answered(outcome, resource);
}

export function deleteWithin(writing: Writing, old: Stored, options: DeleteOptions): Outcome {
  const { resource } = writing;
  mustBeMeant(resource, old, options);
  if (resource.kind === "Namespace" && resource.group === "" && immortal.has(old.key.name))
    throw forbidden(resource, old.key.name, { why: "this namespace may not be deleted" });
  const object = copyJson(old.object);
  const finalizers = finalizersFor(object.metadata.finalizers ?? [], policyOf(writing, object, options));
  if (finalizers.length > 0) object.metadata.finalizers = finalizers;
  else delete object.metadata.finalizers;
  const seconds = graceOf(writing, object, options.gracePeriodSeconds);
  if (seconds === 0 && !isHeld(object)) return gone(writing, old);
  mark(writing, object, seconds);
  return kept(writing, old, object);
}

function policyOf(
  { resource, context }: Writing,
  { metadata }: KubeObject,
  { propagationPolicy }: DeleteOptions,
): DeleteOptions["propagationPolicy"] {
  if (propagationPolicy !== undefined || !orphaning.has(storageName(resource))) return propagationPolicy;
  if (metadata.finalizers?.some((each) => each === orphanFinalizer || each === foregroundFinalizer))
    return undefined;
  context.warn(
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
  );
  return "Orphan";
}

function mustBeMeant(
  resource: Resource,
  { key, object, revision }: Stored,
  { preconditions }: DeleteOptions,
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  const of = { group: resource.group, plural: resource.kind };
  if (uid !== undefined && uid !== object.metadata.uid)
    throw conflict(
      of,
      key.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== String(revision))
    throw conflict(
      of,
      key.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${revision}). The object might have been modified`,
    );
}

/** Seconds that it still has: a deletion that is under way can only be made shorter. */
function graceOf({ resource }: Writing, object: KubeObject, wanted: number | undefined): number {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp !== undefined)
    return Math.min(wanted ?? deletionGracePeriodSeconds, deletionGracePeriodSeconds);
  return resource.strategy.gracePeriod?.(object, wanted) ?? 0;
}

function mark({ core, resource }: Writing, object: KubeObject, seconds: number): void {
  const { metadata } = object;
  const first = metadata.deletionTimestamp === undefined;
  if (!first && metadata.deletionGracePeriodSeconds === seconds) return;
  const begun = first
    ? core.now()
    : Date.parse(metadata.deletionTimestamp ?? "") - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  metadata.deletionTimestamp = timeOf({ ...core, now: () => begun + seconds * 1000 });
  metadata.deletionGracePeriodSeconds = seconds;
  if (first && metadata.generation !== undefined) metadata.generation += 1;
  // Told at once, so that nothing new comes into it.
  if (first && resource.kind === "Namespace" && resource.group === "")
    object["status"] = { ...(object["status"] as object | undefined), phase: "Terminating" };
}

function gone({ transaction, options }: Writing, old: Stored): Outcome {
  if (options.dryRun) return { object: old.object, stored: old, created: false, gone: true };
  const stored = transaction.delete(old.key) ?? old;
  return { object: stored.object, stored, created: false, gone: true };
}

function kept({ transaction, options }: Writing, old: Stored, object: KubeObject): Outcome {
  if (options.dryRun) return { object, created: false, gone: false };
  const stored = sameJson(object, old.object) ? old : transaction.put(old.key, object);
  return { object: stored.object, stored, created: false, gone: false };
}
