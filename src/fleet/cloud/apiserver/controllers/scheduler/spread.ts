/** Pods spread evenly over zones, nodes, …. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/ */
import type { Pod, SpreadConstraint } from "../kinds.ts";
import { isDeleting } from "../references.ts";
import { selects } from "../selectors.ts";
import { untolerated } from "../taints.ts";
import type { Cluster, NodeInfo } from "./cluster.ts";
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

export function spreadRefusal(pod: Pod, at: NodeInfo, cluster: Cluster): string | undefined {
  for (const constraint of pod.spec.topologySpreadConstraints ?? []) {
    if (constraint.whenUnsatisfiable !== "DoNotSchedule") continue;
    const domain = at.labels[constraint.topologyKey];
    if (domain === undefined) {
      return "node(s) didn't match pod topology spread constraints (missing required label)";
    }
    const domains = domainsOf(constraint, pod, cluster);
    const isShort = constraint.minDomains !== undefined && domains.size < constraint.minDomains;
    const least = isShort ? 0 : Math.min(...domains.values());
    const self = isOfTheKind(constraint, pod, pod) ? 1 : 0;
    if ((domains.get(domain) ?? 0) + self - least > constraint.maxSkew) {
      return "node(s) didn't match pod topology spread constraints";
    }
  }
  return undefined;
}

/** How crowded the node's domains are; less is better. Pods without constraints are spread over nodes by their labels. */
export function spreadCrowd(pod: Pod, at: NodeInfo, cluster: Cluster): number {
  const constraints = (pod.spec.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway",
  );
  let crowd = 0;
  for (const constraint of constraints) {
    const domain = at.labels[constraint.topologyKey];
    const domains = domainsOf(constraint, pod, cluster);
    crowd += domain === undefined ? Math.max(0, ...domains.values()) + 1 : (domains.get(domain) ?? 0);
  }
  if (constraints.length > 0) return crowd;
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
  if (owner === undefined) return 0;
  return at.pods.filter((other) => other.metadata.ownerReferences?.some(({ uid }) => uid === owner)).length;
}
