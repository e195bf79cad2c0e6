/** Where pods want to be with regard to other pods. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity */
import type { Pod, PodAffinity, PodAffinityTerm } from "../kinds.ts";
import { isDeleting } from "../references.ts";
import { selects } from "../selectors.ts";
import type { Cluster, NodeFilter, NodeInfo, NodeScore } from "./cluster.ts";

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

/** For each topology domain, how many pods the term speaks of. */
type Counts = ReadonlyMap<string, number>;

function countsOf(term: PodAffinityTerm, pod: Pod, cluster: Cluster): Counts {
  const counts = new Map<string, number>();
  for (const node of cluster.nodes) {
    const domain = node.labels[term.topologyKey];
    if (domain === undefined) continue;
    const here = node.pods.filter((other) => !isDeleting(other) && speaksOf(term, pod, other, cluster));
    if (here.length > 0) counts.set(domain, (counts.get(domain) ?? 0) + here.length);
  }
  return counts;
}

interface Counted {
  readonly term: PodAffinityTerm;
  readonly counts: Counts;
}

function counted(terms: readonly PodAffinityTerm[], pod: Pod, cluster: Cluster): readonly Counted[] {
  return terms.map((term) => ({ term, counts: countsOf(term, pod, cluster) }));
}

function countAt(at: NodeInfo, { term, counts }: Counted): number {
  return counts.get(at.labels[term.topologyKey] ?? "") ?? 0;
}

const affinityRules = "node(s) didn't match pod affinity rules";

export function affinityFilter(pod: Pod, cluster: Cluster): NodeFilter {
  const terms = counted(required(pod.spec.affinity?.podAffinity), pod, cluster);
  // The first of a series that wants to be together has nobody to be with.
  const isFirst = terms.every(({ term, counts }) => counts.size === 0 && speaksOf(term, pod, pod, cluster));
  return (at) => {
    if (terms.some(({ term }) => at.labels[term.topologyKey] === undefined)) return affinityRules;
    return isFirst || terms.every((one) => countAt(at, one) > 0) ? undefined : affinityRules;
  };
}

export function antiAffinityFilter(pod: Pod, cluster: Cluster): NodeFilter {
  const terms = counted(required(pod.spec.affinity?.podAntiAffinity), pod, cluster);
  const unwanted = unwantedDomains(pod, cluster);
  return (at) => {
    if (terms.some((one) => countAt(at, one) > 0)) return "node(s) didn't match pod anti-affinity rules";
    const isUnwanted = unwanted.some(({ key, domain }) => at.labels[key] === domain);
    return isUnwanted ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
  };
}

/** Where there are pods that do not want this one near them. */
function unwantedDomains(pod: Pod, cluster: Cluster): readonly { key: string; domain: string }[] {
  return cluster.nodes.flatMap((node) =>
    node.repelling.flatMap((other) =>
      required(other.spec.affinity?.podAntiAffinity).flatMap((term) => {
        const domain = node.labels[term.topologyKey];
        if (domain === undefined || !speaksOf(term, other, pod, cluster)) return [];
        return [{ key: term.topologyKey, domain }];
      }),
    ),
  );
}

/** The sum of the weights of preferences that a node meets, less those of anti-affinity. */
export function affinityScore(pod: Pod, cluster: Cluster): NodeScore {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const preferences = [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => {
      return { ...one, weight: -one.weight };
    }),
  ].map(({ weight, podAffinityTerm: term }) => ({ weight, term, counts: countsOf(term, pod, cluster) }));
  return (at) => preferences.reduce((sum, one) => sum + one.weight * countAt(at, one), 0);
}
