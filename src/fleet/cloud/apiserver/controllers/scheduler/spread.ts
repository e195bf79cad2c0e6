/** Pods spread evenly over zones, nodes, …. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/ */
import type { Pod, SpreadConstraint } from "../kinds.ts";
import { isDeleting } from "../references.ts";
import { selects } from "../selectors.ts";
import { untolerated } from "../taints.ts";
import type { Cluster, NodeFilter, NodeInfo, NodeScore } from "./cluster.ts";
import { matchesNodeAffinity } from "./node-affinity.ts";

/** Domain → how many pods of the kind that is spread it has. */
type Domains = ReadonlyMap<string, number>;

function isOfTheKind(constraint: SpreadConstraint, pod: Pod, other: Pod): boolean {
  const { labelSelector, matchLabelKeys = [] } = constraint;
  return (
    other.metadata.namespace === pod.metadata.namespace &&
    selects(labelSelector, other.metadata.labels) &&
    matchLabelKeys.every((key) => {
      const value = pod.metadata.labels?.[key];
      return value === undefined || other.metadata.labels?.[key] === value;
    })
  );
}

function isCounted(constraint: SpreadConstraint, pod: Pod, { node }: NodeInfo): boolean {
  if (constraint.nodeAffinityPolicy !== "Ignore" && !matchesNodeAffinity(pod, node)) return false;
  if (constraint.nodeTaintsPolicy !== "Honor") return true;
  return untolerated(pod.spec.tolerations, node.spec?.taints, ["NoSchedule", "NoExecute"]) === undefined;
}

function domainsOf(constraint: SpreadConstraint, pod: Pod, cluster: Cluster): Domains {
  const domains = new Map<string, number>();
  for (const info of cluster.nodes) {
    const domain = info.labels[constraint.topologyKey];
    if (domain === undefined || !isCounted(constraint, pod, info)) continue;
    const count = info.pods.filter(
      (other) => !isDeleting(other) && isOfTheKind(constraint, pod, other),
    ).length;
    domains.set(domain, (domains.get(domain) ?? 0) + count);
  }
  return domains;
}

export function spreadFilter(pod: Pod, cluster: Cluster): NodeFilter {
  const constraints = (pod.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule")
    .map((constraint) => limitOf(constraint, pod, cluster));
  return (at) => {
    for (const { key, domains, most } of constraints) {
      const domain = at.labels[key];
      if (domain === undefined) return `${spreadRules} (missing required label)`;
      if ((domains.get(domain) ?? 0) > most) return spreadRules;
    }
    return undefined;
  };
}

const spreadRules = "node(s) didn't match pod topology spread constraints";

/** A domain with more pods than `most` takes no further one. */
function limitOf(constraint: SpreadConstraint, pod: Pod, cluster: Cluster) {
  const domains = domainsOf(constraint, pod, cluster);
  const isShort = constraint.minDomains !== undefined && domains.size < constraint.minDomains;
  const least = isShort ? 0 : Math.min(...domains.values());
  const self = isOfTheKind(constraint, pod, pod) ? 1 : 0;
  return { key: constraint.topologyKey, domains, most: constraint.maxSkew + least - self };
}

/** Nodes in crowded domains are worse. Pods without constraints are spread over nodes by their owner. */
export function spreadScore(pod: Pod, cluster: Cluster): NodeScore {
  const wishes = (pod.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway")
    .map((constraint) => ({ key: constraint.topologyKey, domains: domainsOf(constraint, pod, cluster) }));
  if (wishes.length === 0) return ownerScore(pod);
  return (at) => {
    let crowd = 0;
    for (const { key, domains } of wishes) {
      const domain = at.labels[key];
      crowd += domain === undefined ? Math.max(0, ...domains.values()) + 1 : (domains.get(domain) ?? 0);
    }
    return -crowd;
  };
}

function ownerScore(pod: Pod): NodeScore {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
  if (owner === undefined) return () => 0;
  return (at) =>
    -at.pods.filter((other) => other.metadata.ownerReferences?.some(({ uid }) => uid === owner)).length;
}
