/** Where pods want to be with regard to other pods. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity */
import type { Pod, PodAffinity, PodAffinityTerm } from "../kinds.ts";
import { isDeleting } from "../references.ts";
import { selects } from "../selectors.ts";
import type { Cluster, NodeInfo } from "./cluster.ts";

function required(affinity: PodAffinity | undefined): readonly PodAffinityTerm[] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** Whether `other` is one of the pods that the term of `pod` speaks of. */
function speaksOf(term: PodAffinityTerm, pod: Pod, other: Pod, cluster: Cluster): boolean {
  if (!selects(term.labelSelector, other.metadata.labels)) return false;
  const namespace = other.metadata.namespace ?? "";
  const { namespaces = [], namespaceSelector } = term;
  if (namespaces.includes(namespace)) return true;
  if (namespaceSelector) return selects(namespaceSelector, cluster.namespaceLabels(namespace) ?? {});
  return namespaces.length === 0 && namespace === pod.metadata.namespace;
}

/** How many pods the term speaks of, in the topology domain of the node. */
function countInDomain(term: PodAffinityTerm, pod: Pod, at: NodeInfo, cluster: Cluster): number {
  const domain = at.labels[term.topologyKey];
  if (domain === undefined) return 0;
  return cluster.nodes
    .filter((node) => node.labels[term.topologyKey] === domain)
    .flatMap((node) => node.pods)
    .filter((other) => !isDeleting(other) && speaksOf(term, pod, other, cluster)).length;
}

export function affinityRefusal(pod: Pod, at: NodeInfo, cluster: Cluster): string | undefined {
  const terms = required(pod.spec.affinity?.podAffinity);
  if (terms.some((term) => at.labels[term.topologyKey] === undefined)) return affinityRules;
  if (terms.every((term) => countInDomain(term, pod, at, cluster) > 0)) return undefined;
  // The first of a series that wants to be together has nobody to be with.
  const isFirst = terms.every(
    (term) =>
      speaksOf(term, pod, pod, cluster) &&
      cluster.nodes.every((node) => node.pods.every((other) => !speaksOf(term, pod, other, cluster))),
  );
  return isFirst ? undefined : affinityRules;
}

const affinityRules = "node(s) didn't match pod affinity rules";

export function antiAffinityRefusal(pod: Pod, at: NodeInfo, cluster: Cluster): string | undefined {
  const terms = required(pod.spec.affinity?.podAntiAffinity);
  if (terms.some((term) => countInDomain(term, pod, at, cluster) > 0)) {
    return "node(s) didn't match pod anti-affinity rules";
  }
  const isUnwanted = cluster.nodes.some((node) =>
    node.pods.some((other) =>
      required(other.spec.affinity?.podAntiAffinity).some((term) => {
        const domain = node.labels[term.topologyKey];
        return (
          domain !== undefined &&
          domain === at.labels[term.topologyKey] &&
          speaksOf(term, other, pod, cluster)
        );
      }),
    ),
  );
  return isUnwanted ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
}

/** The sum of the weights of preferences that a node meets, less those of anti-affinity; both of the pod and of the pods that are there. */
export function affinityScore(pod: Pod, at: NodeInfo, cluster: Cluster): number {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  let score = 0;
  for (const { weight, podAffinityTerm } of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ??
    []) {
    score += weight * countInDomain(podAffinityTerm, pod, at, cluster);
  }
  for (const {
    weight,
    podAffinityTerm,
  } of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
    score -= weight * countInDomain(podAffinityTerm, pod, at, cluster);
  }
  return score;
}
