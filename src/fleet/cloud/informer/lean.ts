/** What is kept of an object in memory: the pods of a fleet are made of few templates, and most of what they say is the same. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

/** Parts with more characters are looked into instead of being shared as a whole. */
const longest = 1024;
/** How deep a large part is looked into. */
const deepest = 4;
/** Parts, and words, that are remembered; then it begins anew. */
const most = 2000;
const parts = new Map<string, unknown>();
const words = new Map<string, string>();

/** Everything but the managed fields, which no controller reads and which are most of an object's size. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (!object.metadata.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** The same without managed fields; equal parts of what came lately are one object in memory. Objects of informers are changed by nobody. */
export function lean(object: KubeObject): KubeObject {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(withoutManagedFields(object)))
    kept[name] = name === "metadata" ? metadataOf(value as KubeObject["metadata"]) : fieldsOf(value, 1);
  return kept as unknown as KubeObject;
}

/** What many objects have alike; names, uids and versions are each one's own, and not worth remembering. */
const alike: readonly string[] = ["namespace", "creationTimestamp", "generateName"];

function metadataOf(metadata: KubeObject["metadata"]): KubeObject["metadata"] {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === "object" || alike.includes(name) ? shared(value, 1) : value,
    ]),
  );
}

/** The object itself differs from all others: it has a node's name in it. Its parts may not. */
function fieldsOf(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return shared(value, depth);
  if (Array.isArray(value)) return value.map((each) => shared(each, depth));
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shared(each, depth)]));
}

function shared(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.length <= 64 ? known(words, value, value) : value;
  if (typeof value !== "object" || value === null) return value;
  const text = JSON.stringify(value);
  if (text.length <= longest) return known(parts, text, value);
  return depth < deepest ? fieldsOf(value, depth + 1) : value;
}

function known<Value>(among: Map<string, Value>, key: string, value: Value): Value {
  const found = among.get(key);
  if (found !== undefined) return found;
  if (among.size >= most) among.clear();
  among.set(key, value);
  return value;
}
