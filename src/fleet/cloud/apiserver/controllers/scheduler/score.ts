/** How well nodes suit that all would do. Weights as kube-scheduler's defaults: https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins */
import type { Pod } from "../kinds.ts";
import { isTolerated } from "../taints.ts";
import type { Cluster, NodeInfo, NodeScore } from "./cluster.ts";
import { nodeAffinityScore } from "./node-affinity.ts";
import { affinityScore } from "./pod-affinity.ts";
import { requestsOf, type Amounts } from "./requests.ts";
import { spreadScore } from "./spread.ts";

const weights = { resources: 1, nodeAffinity: 2, podAffinity: 2, spread: 2, taints: 3 } as const;

/** What a pod counts for that asks for nothing: 100 m, 200 MiB. */
const assumedRequests: ReadonlyMap<string, number> = new Map([
  ["cpu", 100],
  ["memory", 200 * 2 ** 20],
]);

/** Each node's score; higher is better. */
export function scoresOf(
  pod: Pod,
  nodes: readonly NodeInfo[],
  cluster: Cluster,
): ReadonlyMap<NodeInfo, number> {
  const scores = new Map(nodes.map((at) => [at, 0]));
  const wanted = requestsOf(pod);
  const parts: readonly (readonly [number, NodeScore])[] = [
    [weights.nodeAffinity, (at) => nodeAffinityScore(pod, at.node)],
    [weights.podAffinity, affinityScore(pod, cluster)],
    [weights.spread, spreadScore(pod, cluster)],
    [weights.taints, (at) => -unwantedTaints(pod, at)],
  ];
  for (const [weight, score] of parts) {
    const values = nodes.map(score);
    const least = Math.min(...values);
    const range = Math.max(...values) - least;
    // Where all are equal the part says nothing.
    if (range === 0) continue;
    nodes.forEach((at, index) => add(scores, at, (weight * 100 * ((values[index] ?? 0) - least)) / range));
  }
  for (const at of nodes) add(scores, at, weights.resources * resourceScore(at, wanted));
  return scores;
}

function add(scores: Map<NodeInfo, number>, at: NodeInfo, value: number): void {
  scores.set(at, (scores.get(at) ?? 0) + value);
}

function unwantedTaints(pod: Pod, { node }: NodeInfo): number {
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === "PreferNoSchedule");
  return taints.filter((taint) => !isTolerated(pod.spec.tolerations, taint)).length;
}

/** From 0 to 200: 100 for an empty node, and 100 where processor and memory are used alike. */
function resourceScore(at: NodeInfo, wanted: Amounts): number {
  const fractions = ["cpu", "memory"].map((name) => {
    const own = wanted.get(name) || (assumedRequests.get(name) ?? 0);
    const allocatable = at.allocatable(name);
    // Pods that ask for nothing weigh something, else they would all go to one node.
    const idle = at.pods.length * (assumedRequests.get(name) ?? 0) * 0.01;
    return allocatable === 0 ? 1 : Math.min(1, ((at.used.get(name) ?? 0) + idle + own) / allocatable);
  });
  const [cpu = 1, memory = 1] = fractions;
  return 100 * (1 - (cpu + memory) / 2) + 100 * (1 - Math.abs(cpu - memory) / 2);
}
