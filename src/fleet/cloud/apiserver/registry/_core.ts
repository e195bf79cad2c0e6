/** What the verbs have in common. */
import type { KubeObject, ObjectKey, WriteOptions } from "../../../../spec/kubernetes/kube.ts";
import type { RequestContext } from "../registry.ts";
import { applyDefaults } from "../schema/default.ts";
import { storageName, type Resource, type Resources, type StrategyContext } from "../resource.ts";
import type { Storage, StorageKey, Stored, Transaction } from "../storage/storage.ts";

/** A request that sends an object for a place that it names. */
export interface ObjectRequest {
  readonly resource: Resource;
  readonly key: ObjectKey;
  readonly object: KubeObject;
  readonly options: WriteOptions;
  readonly context: RequestContext;
}

/** Answers a POST (or, where the resource allows it, a PUT or PATCH) to a subresource that is not the registry's own: token, approval. */
export type SubresourceHandler = (request: ObjectRequest) => Promise<KubeObject>;

export interface Core {
  readonly storage: Storage;
  readonly resources: Resources;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds. */
  readonly bookmarkEvery: number;
  /** By the storage's name of the kind: `serviceaccounts/token`, `certificates.k8s.io/certificatesigningrequests/approval`. */
  readonly subresources: Readonly<Record<string, SubresourceHandler>>;
}

/** A write that is under way. */
export interface Writing {
  readonly core: Core;
  readonly transaction: Transaction;
  readonly resource: Resource;
  readonly options: WriteOptions;
  readonly context: RequestContext;
  readonly subresource?: string | undefined;
}

/** What a write came to: with `stored` unless nothing was written (dry run). */
export interface Outcome {
  readonly object: KubeObject;
  readonly stored?: Stored;
  readonly created: boolean;
  readonly gone: boolean;
}

/** `v1`, `apps/v1` */
export function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === "" ? version : `${group}/${version}`;
}

export function storageVersionOf({ group, storageVersion }: Resource): string {
  return apiVersionOf({ group, version: storageVersion });
}

export function placeOf(resource: Resource, { namespace, name }: ObjectKey): StorageKey {
  return {
    resource: storageName(resource),
    namespace: resource.namespaced ? (namespace ?? "") : "",
    name,
  };
}

/** As metav1.Time, in seconds. */
export function timeOf(core: Core): string {
  return new Date(core.now()).toISOString().replace(/\.\d+Z$/, "Z");
}

export function strategyContext({
  core,
  transaction,
  context,
  subresource,
  options,
}: Writing): StrategyContext {
  return {
    user: context.user,
    now: timeOf(core),
    ...(subresource === undefined ? {} : { subresource }),
    find: (resource, namespace, name) => transaction.get({ resource, namespace, name })?.object,
    keep: (resource, name, record) => {
      if (!options.dryRun) transaction.put({ resource, namespace: "", name }, record);
    },
  };
}

/** What is stored, as the kind sees it: in its own form, in the version of the storage. The same object where that is no other. */
export function ownForm(object: KubeObject, resource: Resource): KubeObject {
  if (resource.form) return resource.form.fromStored(object);
  // A CustomResourceDefinition may have got defaults since the object was written.
  return hasDefaults(resource) ? applyDefaults(object, resource.schema, resource.definitions) : object;
}

/** Whether a stored text is what a client is to see. */
export function isAsStored(resource: Resource): boolean {
  return resource.version === resource.storageVersion && !resource.form && !hasDefaults(resource);
}

const withDefaults = new WeakMap<Resource, boolean>();

function hasDefaults(resource: Resource): boolean {
  if (resource.strategicMerge) return false;
  const known = withDefaults.get(resource) ?? JSON.stringify(resource.schema).includes('"default":');
  withDefaults.set(resource, known);
  return known;
}

export function storedForm(object: KubeObject, { form }: Resource): KubeObject {
  return form ? form.toStored(object) : object;
}

/** In the version that was asked for. */
export function inVersion(object: KubeObject, resource: Resource): KubeObject {
  const apiVersion = apiVersionOf(resource);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** What a kind that is not stored has at the moment; none of others. */
export function virtualObjects(
  { storage }: Core,
  { virtual }: Resource,
  namespace: string | undefined,
): readonly KubeObject[] {
  const find = (resource: string, place: string, name: string) =>
    storage.get({ resource, namespace: place, name })?.object;
  return virtual?.({ namespace: namespace || undefined, find }) ?? [];
}
