/** Which part of an object a request may change: each subresource its own, and the object itself all but those. */
import { copyJson } from "./_copy.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../resource.ts";

type Fields = Record<string, unknown>;

/** Subresources that change one field of the object: the path to it. */
const parts: Readonly<Record<string, readonly [string, string]>> = {
  ephemeralcontainers: ["spec", "ephemeralContainers"],
  finalize: ["spec", "finalizers"],
  approval: ["status", "conditions"],
};

export function mergeSubresource(
  resource: Resource,
  { object, old, subresource }: { object: KubeObject; old: KubeObject; subresource: string | undefined },
): void {
  if (subresource === undefined) keepOwned(resource, object, old);
  else if (subresource === "status") takeStatus(resource, object, old);
  else if (parts[subresource]) takePart(parts[subresource], object, old);
}

/** Status belongs to its subresource, a namespace's finalizers to theirs. */
function keepOwned(resource: Resource, object: KubeObject, old: KubeObject): void {
  if (resource.status) set(object, "status", old["status"]);
  if (resource.kind === "Namespace" && resource.group === "")
    set(object, "spec", {
      ...(object["spec"] as Fields),
      finalizers: (old["spec"] as Fields | undefined)?.["finalizers"],
    });
}

/** Kinds of CustomResourceDefinitions take nothing of the metadata, built-in ones labels and annotations too. */
function takeStatus(resource: Resource, object: KubeObject, old: KubeObject): void {
  const { status } = object as { status?: unknown };
  replace(object, old, resource.strategicMerge ? "labels and annotations" : "nothing");
  set(object, "status", status);
}

function takePart([top, field]: readonly [string, string], object: KubeObject, old: KubeObject): void {
  const value = (object[top] as Fields | undefined)?.[field];
  replace(object, old, "nothing");
  const inner = { ...(object[top] as Fields | undefined) };
  set(inner, field, value);
  set(object, top, inner);
}

/** Makes the object as the old one is, but for what it may bring. */
function replace(object: KubeObject, old: KubeObject, taken: "nothing" | "labels and annotations"): void {
  const { labels, annotations, managedFields } = object.metadata;
  for (const field of Object.keys(object)) delete object[field];
  Object.assign(object, copyJson(old));
  set(object.metadata, "managedFields", managedFields);
  if (taken === "nothing") return;
  set(object.metadata, "labels", labels);
  set(object.metadata, "annotations", annotations);
}

function set(object: object, field: string, value: unknown): void {
  if (value === undefined) delete (object as Fields)[field];
  else (object as Fields)[field] = copyJson(value);
}
