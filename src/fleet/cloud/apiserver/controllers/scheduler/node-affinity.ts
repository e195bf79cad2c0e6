/** Which nodes a pod's own selectors allow. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ */
import type { Node, Pod, PodSpec } from "../kinds.ts";
import { hasLabels, nodeSelectorMatches, termMatches } from "../selectors.ts";

export function matchesNodeAffinity({ spec }: { readonly spec: PodSpec }, node: Node): boolean {
  if (!hasLabels(spec.nodeSelector ?? {}, node.metadata.labels)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || nodeSelectorMatches(required, node);
}

/** The sum of the weights of the preferences that the node meets. */
export function nodeAffinityScore({ spec }: Pod, node: Node): number {
  const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred
    .filter(({ preference }) => termMatches(preference, node))
    .reduce((sum, { weight }) => sum + weight, 0);
}
