/** What an edge says of its node. Whose node it is comes from the session: see requireOwnNode. */
import { inText, needed, object, optional, word } from "../codec.ts";
import { kind } from "./kind.ts";
import { namedObject, patch, type KubeObject } from "./kube.ts";

/** Without `kind` and `apiVersion`. */
export const nodeInsert = kind<KubeObject>("registration of a node", {
  way: "up",
  on: { group: "meta", operation: "insert", type: "node" },
  content: namedObject,
});

/** Its labels and annotations are merged, the rest is not taken. */
export const nodeUpdate = kind<KubeObject>("labels of a node", {
  way: "up",
  on: { group: "meta", operation: "update", type: "node" },
  content: namedObject,
});

/** A strategic merge patch of `nodes/status`. */
export const nodePatch = kind("status patch of a node", {
  way: "up",
  on: { group: "meta", operation: "patch", type: "nodepatch" },
  content: inText(patch),
});

/** Old edges register by their status. */
export const nodeStatusInsert = kind<KubeObject>("registration by status", {
  way: "up",
  on: { group: "meta", operation: "insert", type: "nodestatus" },
  content: namedObject,
});

export interface NodeStatus {
  readonly UID: string;
  readonly Status: Record<string, unknown>;
  /** Resources besides Kubernetes' own, by group. */
  readonly ExtendResources?: Record<string, unknown>;
}

/** Old edges. */
export const nodeStatusUpdate = kind<NodeStatus>("status of a node", {
  way: "up",
  on: { group: "meta", operation: "update", type: "nodestatus" },
  content: object<NodeStatus>({ UID: needed(word), Status: needed(patch), ExtendResources: optional(patch) }),
});
