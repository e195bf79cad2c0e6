/** What an edge says of its pods. */
import { inText, list, natural, needed, object, open, optional, word } from "../codec.ts";
import { kind } from "./kind.ts";
import { namedObject, objectName, patch, type KubeObject } from "./kube.ts";

/** A strategic merge patch of `pods/status`, with `metadata.uid` in it. */
export const podPatch = kind("status patch of a pod", {
  way: "up",
  on: { group: "meta", operation: "patch", type: "podpatch" },
  content: inText(patch),
});

export interface PodStatus {
  readonly UID: string;
  readonly Name: string;
  readonly Status: Record<string, unknown>;
}

const podStatus = object<PodStatus>({ UID: needed(word), Name: needed(objectName), Status: needed(patch) });
const podStatuses = list(podStatus);

/** Old edges: one status, or those of all pods of a namespace. */
export const podStatusUpdate = kind<PodStatus | readonly PodStatus[]>("status of pods", {
  way: "up",
  on: { group: "meta", operation: "update", type: "podstatus" },
  content: {
    read: (value, at) => (Array.isArray(value) ? podStatuses.read(value, at) : podStatus.read(value, at)),
    write: (value) => (isList(value) ? podStatuses.write(value) : podStatus.write(value)),
  },
});

function isList(value: PodStatus | readonly PodStatus[]): value is readonly PodStatus[] {
  return Array.isArray(value);
}

/** metav1.DeleteOptions. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } & Record<
    string,
    unknown
  >;
}

const deleteOptions = open<DeleteOptions>({
  gracePeriodSeconds: optional(natural),
  preconditions: optional(
    open<{ readonly uid?: string; readonly resourceVersion?: string }>({
      uid: optional(word),
      resourceVersion: optional(word),
    }),
  ),
});

/** The pod is gone at the edge. Old edges send its UID as a text, which is read as the options that say the same. */
export const podDelete = kind<DeleteOptions>("deletion of a pod", {
  way: "up",
  on: { group: "meta", operation: "delete", type: "pod" },
  content: {
    read: (value, at) =>
      typeof value === "string"
        ? { preconditions: { uid: word.read(value, at) } }
        : deleteOptions.read(value, at),
    write: (value) => value,
  },
});

/** A pod of the edge's own files, to be seen in the cloud. */
export const podInsert = kind<KubeObject>("mirror pod", {
  way: "up",
  on: { group: "meta", operation: "insert", type: "pod" },
  content: namedObject,
});

/** All pods of a namespace, as newer clouds answer. */
export const podList = kind<readonly KubeObject[]>("list of pods", {
  way: "down",
  on: { group: "resource", operation: "response", type: "podlist" },
  content: list(namedObject),
});
