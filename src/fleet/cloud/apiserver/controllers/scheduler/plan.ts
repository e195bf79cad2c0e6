/** Which node a pod goes to, or why none will do. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/ */
import type { Pod } from "../kinds.ts";
import { compare, created } from "../references.ts";
import { isTolerated, unschedulable, untolerated } from "../taints.ts";
import { claimRefusal, volumeFilter } from "./claims.ts";
import type { Cluster, NodeFilter, NodeInfo } from "./cluster.ts";
import { matchesNodeAffinity } from "./node-affinity.ts";
import { affinityFilter, antiAffinityFilter } from "./pod-affinity.ts";
import { hostPortsOf, portsClash, requestsOf } from "./requests.ts";
import { scoresOf } from "./score.ts";
import { spreadFilter } from "./spread.ts";

export type Decision = { readonly node: string } | { readonly refusal: string };

/** In this order; the first that refuses a node gives its reason. */
const filters: readonly ((pod: Pod, cluster: Cluster) => NodeFilter)[] = [
  unschedulableFilter,
  taintFilter,
  (pod) => (at) =>
    matchesNodeAffinity(pod, at.node) ? undefined : "node(s) didn't match Pod's node affinity/selector",
  portFilter,
  resourceFilter,
  volumeFilter,
  spreadFilter,
  affinityFilter,
  antiAffinityFilter,
];

function unschedulableFilter({ spec }: Pod): NodeFilter {
  const mayGo = isTolerated(spec.tolerations, { key: unschedulable, effect: "NoSchedule" });
  return ({ node }) => (node.spec?.unschedulable && !mayGo ? "node(s) were unschedulable" : undefined);
}

function taintFilter({ spec }: Pod): NodeFilter {
  return ({ node }) => {
    const taint = untolerated(spec.tolerations, node.spec?.taints, ["NoSchedule", "NoExecute"]);
    return taint && `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
  };
}

function portFilter(pod: Pod): NodeFilter {
  const wanted = hostPortsOf(pod);
  return ({ ports }) =>
    wanted.some((one) => ports.some((taken) => portsClash(one, taken)))
      ? "node(s) didn't have free ports for the requested pod ports"
      : undefined;
}

function resourceFilter(pod: Pod): NodeFilter {
  const requests = [...requestsOf(pod)].filter(([, wanted]) => wanted > 0);
  return (at) => {
    const refusals = at.pods.length + 1 > at.allocatable("pods") ? ["Too many pods"] : [];
    for (const [name, wanted] of requests) {
      if (wanted + (at.used.get(name) ?? 0) > at.allocatable(name)) refusals.push(`Insufficient ${name}`);
    }
    return refusals;
  };
}

function refusalsOf(at: NodeInfo, own: readonly NodeFilter[]): readonly string[] {
  for (const filter of own) {
    const refusal = filter(at) ?? [];
    const refusals = typeof refusal === "string" ? [refusal] : refusal;
    if (refusals.length > 0) return refusals;
  }
  return [];
}

export function fits(pod: Pod, cluster: Cluster, at: NodeInfo): boolean {
  if (claimRefusal(pod, cluster) !== undefined) return false;
  return filters.every((filter) => (filter(pod, cluster)(at) ?? []).length === 0);
}

/** `random` decides among the best, from 0 to 1. */
export function decide(pod: Pod, cluster: Cluster, random: () => number): Decision {
  if (cluster.nodes.length === 0) return { refusal: "no nodes available to schedule pods" };
  const total = cluster.nodes.length;
  const unready = claimRefusal(pod, cluster);
  if (unready !== undefined) return { refusal: `0/${total} nodes are available: ${unready}.` };
  const counts = new Map<string, number>();
  const fitting: NodeInfo[] = [];
  const own = filters.map((filter) => filter(pod, cluster));
  for (const at of cluster.nodes) {
    const refusals = refusalsOf(at, own);
    if (refusals.length === 0) fitting.push(at);
    for (const refusal of refusals) counts.set(refusal, (counts.get(refusal) ?? 0) + 1);
  }
  if (fitting.length === 0) {
    const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).toSorted(compare);
    return { refusal: `0/${total} nodes are available: ${reasons.join(", ")}.` };
  }
  const scores = scoresOf(pod, fitting, cluster);
  const best = Math.max(...scores.values());
  const equals = fitting.filter((at) => (scores.get(at) ?? 0) >= best - 1e-9);
  const chosen = equals[Math.floor(random() * equals.length)] ?? fitting[0];
  return { node: chosen?.name ?? "" };
}

/** Which pods this scheduler has to place, the most important and then the oldest first. */
export function queueOf(pods: readonly Pod[], schedulerName: string): readonly Pod[] {
  return pods
    .filter(({ spec, status, metadata }) => {
      const isOurs = (spec.schedulerName ?? schedulerName) === schedulerName;
      const isPlaced = spec.nodeName !== undefined && spec.nodeName !== "";
      const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
      return isOurs && !isPlaced && !isOver && metadata.deletionTimestamp === undefined;
    })
    .toSorted(
      (a, b) =>
        (b.spec.priority ?? 0) - (a.spec.priority ?? 0) ||
        created(a) - created(b) ||
        compare(a.metadata.name, b.metadata.name),
    );
}
