/** Which pods are bound to which node, and what they refer to: kept up to date, since nodes ask again and again. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Storage } from "../../storage/storage.ts";
import { follow } from "../follow.ts";
import { referencesOf } from "./references.ts";

export interface NodePods extends AsyncDisposable {
  isBound(node: string, namespace: string, pod: string): boolean;
  /** Whether a pod of the node refers to it: `refers("n", "default", "secrets/a")`. */
  refers(node: string, namespace: string, reference: string): boolean;
}

interface Entry {
  readonly uid: string | undefined;
  readonly node: string;
  readonly namespace: string;
  readonly references: ReadonlySet<string>;
}

export function openNodePods(storage: Pick<Storage, "revision" | "watch" | "list">): NodePods {
  const pods = new Map<string, Entry>();
  const byNode = new Map<string, Map<string, Entry>>();
  const drop = (key: string) => {
    const entry = pods.get(key);
    if (!entry) return;
    pods.delete(key);
    const there = byNode.get(entry.node);
    there?.delete(key);
    if (there?.size === 0) byNode.delete(entry.node);
  };
  const take = (pod: KubeObject) => {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const node = (pod["spec"] as { nodeName?: unknown } | undefined)?.nodeName;
    const known = pods.get(key);
    const { uid } = pod.metadata;
    // What a bound pod refers to does not change, but for containers that are added to look into it.
    if (known && known.uid === uid && known.node === node && !mayGrow(pod)) return;
    drop(key);
    if (typeof node !== "string" || node === "") return;
    const entry = { uid, node, namespace: pod.metadata.namespace ?? "", references: referencesOf(pod) };
    pods.set(key, entry);
    const there = byNode.get(node) ?? new Map<string, Entry>();
    byNode.set(node, there.set(key, entry));
  };
  const following = follow(storage, "pods", {
    reset: () => {
      pods.clear();
      byNode.clear();
      for (const { object } of storage.list("pods").items) take(object);
    },
    change: ({ type, stored }) => {
      if (type === "put") take(stored.object);
      else drop(`${stored.key.namespace}/${stored.key.name}`);
    },
  });
  return {
    isBound: (node, namespace, pod) => pods.get(`${namespace}/${pod}`)?.node === node,
    refers: (node, namespace, reference) => {
      for (const entry of byNode.get(node)?.values() ?? [])
        if (entry.namespace === namespace && entry.references.has(reference)) return true;
      return false;
    },
    [Symbol.asyncDispose]: () => following[Symbol.asyncDispose](),
  };
}

function mayGrow(pod: KubeObject): boolean {
  const added = (pod["spec"] as { ephemeralContainers?: unknown } | undefined)?.ephemeralContainers;
  return Array.isArray(added) && added.length > 0;
}
