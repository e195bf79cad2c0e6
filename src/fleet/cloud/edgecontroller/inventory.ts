/**
 * Which pods are on which node and what they refer to, kept up to date pod by pod: what a node should have, and what it may see. A change costs as much as the pod has references, however
 * many nodes there are.
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { referencesOf } from "../apiserver/auth/node/references.ts";
import { follow } from "./follow.ts";
import type { Informer } from "../informer/informer.ts";

/** `secrets`, `configmaps`, `persistentvolumeclaims`, `serviceaccounts`: the resource's plural name. */
export type Referred = "secrets" | "configmaps" | "persistentvolumeclaims" | "serviceaccounts";

export interface Reference {
  readonly resource: Referred;
  readonly namespace: string;
  readonly name: string;
}

type Counts = Map<string, Map<string, number>>;

export function nodeOf(pod: KubeObject | undefined): string | undefined {
  const node = (pod?.["spec"] as { readonly nodeName?: unknown } | undefined)?.nodeName;
  return typeof node === "string" && node !== "" ? node : undefined;
}

function keyOf({ resource, namespace, name }: Reference): string {
  return `${resource}/${namespace}/${name}`;
}

function parseKey(key: string): Reference {
  const [resource = "", namespace = "", name = ""] = key.split("/");
  return { resource: resource as Referred, namespace, name };
}

const inventories = new WeakMap<Informer, Inventory>();

/** The one of these pods: they are counted once, however many controllers ask. */
export function inventoryOf(pods: Informer): Inventory {
  const known = inventories.get(pods) ?? new Inventory(pods);
  inventories.set(pods, known);
  return known;
}

export class Inventory {
  private readonly pods: Informer;
  private readonly generations = new Map<string, number>();
  /** What each pod that is bound refers to, by its uid. */
  private readonly references = new Map<string, readonly string[]>();
  /** reference → node → how many of its pods have it. */
  private readonly byReference: Counts = new Map();

  /** Follows the pods from now on; handlers that are added to the informer later find it up to date. */
  constructor(pods: Informer) {
    this.pods = pods;
    follow(pods, (now, before) => {
      if (now) this.take(now, before);
      else if (before) this.drop(before);
    });
  }

  /** A number that is another one when what is on the node is. */
  generation(node: string): number {
    return this.generations.get(node) ?? 0;
  }

  podsOf(node: string): readonly KubeObject[] {
    return this.pods.store.onNode(node);
  }

  /** A pod if it is bound to the node. */
  podOf(node: string, namespace: string | undefined, name: string): KubeObject | undefined {
    const pod = this.pods.store.get(namespace, name);
    return nodeOf(pod) === node ? pod : undefined;
  }

  /** A pod, wherever it is. */
  pod(namespace: string | undefined, name: string): KubeObject | undefined {
    return this.pods.store.get(namespace, name);
  }

  refers(node: string, reference: Reference): boolean {
    return this.byReference.get(keyOf(reference))?.has(node) === true;
  }

  nodesOf(reference: Reference): Iterable<string> {
    return this.byReference.get(keyOf(reference))?.keys() ?? [];
  }

  *referencesOf(node: string): Iterable<Reference> {
    const seen = new Set<unknown>();
    for (const { metadata } of this.podsOf(node)) {
      const references = this.references.get(metadata.uid ?? "") ?? [];
      // Most pods share their lists.
      if (seen.has(references)) continue;
      seen.add(references);
      for (const key of references) {
        if (!seen.has(key)) yield parseKey(key);
        seen.add(key);
      }
    }
  }

  /** All of a kind that pods of any node refer to. */
  *referred(resource: Referred): Iterable<Reference> {
    for (const key of this.byReference.keys()) if (key.startsWith(`${resource}/`)) yield parseKey(key);
  }

  /** What one pod refers to. */
  referencesOfPod(pod: KubeObject): readonly Reference[] {
    return this.references.get(pod.metadata.uid ?? "")?.map(parseKey) ?? [];
  }

  private take(pod: KubeObject, before: KubeObject | undefined): void {
    const node = nodeOf(pod);
    const { uid = "", namespace = "" } = pod.metadata;
    // What a bound pod refers to does not change, but for containers that are added to look into it.
    if (before && this.references.has(uid) && nodeOf(before) === node && !mayGrow(pod)) return;
    if (before) this.drop(before);
    if (node === undefined) return;
    this.changed(node);
    const references = shared([...referencesOf(pod)].map((each) => withNamespace(each, namespace)));
    this.references.set(uid, references);
    for (const reference of references) add(this.byReference, reference, node);
  }

  private drop(pod: KubeObject): void {
    const { uid = "" } = pod.metadata;
    const references = this.references.get(uid);
    const node = nodeOf(pod);
    if (!references || node === undefined) return;
    this.references.delete(uid);
    this.changed(node);
    for (const reference of references) subtract(this.byReference, reference, node);
  }

  private changed(node: string): void {
    this.generations.set(node, this.generation(node) + 1);
  }
}

/** `secrets/a` of a pod in `default` is `secrets/default/a`. */
function withNamespace(reference: string, namespace: string): string {
  const [resource = "", name = ""] = reference.split("/");
  return `${resource}/${namespace}/${name}`;
}

/** Most pods of a fleet refer to the same: the lists of those that came last, by what is in them. */
const lists = new Map<string, readonly string[]>();
const mostLists = 1000;

function shared(references: readonly string[]): readonly string[] {
  const key = references.join();
  const known = lists.get(key);
  if (known) return known;
  if (lists.size >= mostLists) lists.clear();
  lists.set(key, references);
  return references;
}

function mayGrow(pod: KubeObject): boolean {
  const added = (pod["spec"] as { ephemeralContainers?: unknown } | undefined)?.ephemeralContainers;
  return Array.isArray(added) && added.length > 0;
}

function add(counts: Counts, outer: string, inner: string): void {
  const found = counts.get(outer) ?? new Map<string, number>();
  if (found.size === 0) counts.set(outer, found);
  found.set(inner, (found.get(inner) ?? 0) + 1);
}

function subtract(counts: Counts, outer: string, inner: string): void {
  const found = counts.get(outer);
  const left = (found?.get(inner) ?? 0) - 1;
  if (left > 0) found?.set(inner, left);
  else found?.delete(inner);
  if (found?.size === 0) counts.delete(outer);
}
