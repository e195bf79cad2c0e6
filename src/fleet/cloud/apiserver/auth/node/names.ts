/** A node's identity: the user `system:node:NAME` of the group `system:nodes`. https://kubernetes.io/docs/reference/access-authn-authz/node/ */
import type { UserInfo } from "../auth.ts";

export const nodesGroup = "system:nodes";
export const nodeUserPrefix = "system:node:";

/** The node's name; undefined: the user is no node. */
export function nodeOf({ name, groups }: UserInfo): string | undefined {
  if (!groups.includes(nodesGroup) || !name.startsWith(nodeUserPrefix)) return undefined;
  return name.slice(nodeUserPrefix.length) || undefined;
}
