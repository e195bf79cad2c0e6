/** Which node a pod goes to, or why none will do. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/ */
import type { Pod } from "../kinds.ts";
import { compare, created } from "../references.ts";
import { isTolerated, unschedulable, untolerated } from "../taints.ts";
import { claimRefusal, volumeRefusal } from "./claims.ts";
import type { Cluster, NodeInfo } from "./cluster.ts";
import { matchesNodeAffinity } from "./node-affinity.ts";
import { affinityRefusal, antiAffinityRefusal } from "./pod-affinity.ts";
import { hostPortsOf, portsClash, requestsOf } from "./requests.ts";
import { scoresOf } from "./score.ts";
import { spreadRefusal } from "./spread.ts";

export type Decision = { readonly node: string } | { readonly refusal: string };

/** Says why not; several reasons where a node lacks several things. */
type Filter = (pod: Pod, at: NodeInfo, cluster: Cluster) => readonly string[] | string | undefined;

/** In this order; the first that refuses a node gives its reason. */
const filters: readonly Filter[] = [
  (pod, { node }) => {
    const taint = { key: unschedulable, effect: "NoSchedule" };
    return node.spec?.unschedulable && !isTolerated(pod.spec.tolerations, taint)
      ? "node(s) were unschedulable"
      : undefined;
  },
  (pod, { node }) => {
    const taint = untolerated(pod.spec.tolerations, node.spec?.taints, ["NoSchedule", "NoExecute"]);
    return taint && `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
  },
  (pod, { node }) =>
    matchesNodeAffinity(pod, node) ? undefined : "node(s) didn't match Pod's node affinity/selector",
  (pod, { ports }) =>
    hostPortsOf(pod).some((wanted) => ports.some((taken) => portsClash(wanted, taken)))
      ? "node(s) didn't have free ports for the requested pod ports"
      : undefined,
  resourceRefusals,
  volumeRefusal,
  spreadRefusal,
  affinityRefusal,
  antiAffinityRefusal,
];

function resourceRefusals(pod: Pod, at: NodeInfo): readonly string[] {
  const refusals: string[] = [];
  if (at.pods.length + 1 > at.allocatable("pods")) refusals.push("Too many pods");
  for (const [name, wanted] of requestsOf(pod)) {
    if (wanted === 0) continue;
    if (wanted + (at.used.get(name) ?? 0) > at.allocatable(name)) refusals.push(`Insufficient ${name}`);
  }
  return refusals;
}

function refusalsOf(pod: Pod, at: NodeInfo, cluster: Cluster): readonly string[] {
  for (const filter of filters) {
    const refusal = filter(pod, at, cluster) ?? [];
    const refusals = typeof refusal === "string" ? [refusal] : refusal;
    if (refusals.length > 0) return refusals;
  }
  return [];
}

/** `random` decides among the best, from 0 to 1. */
export function decide(pod: Pod, cluster: Cluster, random: () => number): Decision {
  if (cluster.nodes.length === 0) return { refusal: "no nodes available to schedule pods" };
  const total = cluster.nodes.length;
  const unready = claimRefusal(pod, cluster);
  if (unready !== undefined) return { refusal: `0/${total} nodes are available: ${unready}.` };
  const counts = new Map<string, number>();
  const fitting: NodeInfo[] = [];
  for (const at of cluster.nodes) {
    const refusals = refusalsOf(pod, at, cluster);
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
