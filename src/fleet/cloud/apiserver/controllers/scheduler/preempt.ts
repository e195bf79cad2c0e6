/** Which pods go for a more important one that fits nowhere. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/ */
import { milliseconds } from "../../../../../base/clock.ts";
import type { Pod } from "../kinds.ts";
import { compare, isDeleting } from "../references.ts";
import { addPod, withPods, type Cluster, type NodeInfo } from "./cluster.ts";
import { fits } from "./plan.ts";

export interface Preemption {
  /** The pod gets its place there when the victims are gone. */
  readonly node: string;
  /** Empty when only pods are in the way that are going already. */
  readonly victims: readonly Pod[];
}

export interface PreemptionState {
  readonly cluster: Cluster;
  /** Uids of pods that were chosen to go and may not show it yet. */
  readonly going: ReadonlySet<string>;
}

/** For a pod that fits nowhere; undefined when it may drive nobody out, or that would not help. */
export function planPreemption(pod: Pod, state: PreemptionState): Preemption | undefined {
  if (pod.spec.preemptionPolicy === "Never") return undefined;
  const { nodes } = state.cluster;
  const isLower = (other: Pod): boolean => priorityOf(other) < priorityOf(pod);
  const nominated = nodes.find(({ name }) => name === pod.status?.nominatedNodeName);
  // What goes there goes for this pod: one that waits for it drives nobody else out.
  const waits = nominated?.pods.some((other) => isLower(other) && isGoing(other, state)) ?? false;
  if (nominated && waits) return { node: nominated.name, victims: [] };
  const candidates = nodes.flatMap((at) => {
    if (!at.pods.some(isLower)) return [];
    const victims = victimsAt(at, pod, state);
    return victims ? [{ node: at.name, victims }] : [];
  });
  return candidates.toSorted((a, b) => byHarm(a.victims, b.victims))[0];
}

/** Those of the node's less important pods that have to go, as few as possible; undefined when not even all are enough. */
function victimsAt(at: NodeInfo, pod: Pod, state: PreemptionState): readonly Pod[] | undefined {
  const lower = at.pods.filter((other) => priorityOf(other) < priorityOf(pod));
  const kept = at.pods.filter((other) => !lower.includes(other));
  let there = withPods(at, kept);
  if (!fitsThere()) return undefined;
  const victims: Pod[] = [];
  for (const other of lower.filter((one) => !isGoing(one, state)).toSorted(mostImportantFirst)) {
    addPod(there, other);
    if (fitsThere()) kept.push(other);
    else {
      victims.push(other);
      there = withPods(at, kept);
    }
  }
  return victims;

  function fitsThere(): boolean {
    const nodes = state.cluster.nodes.map((one) => (one === at ? there : one));
    return fits(pod, { ...state.cluster, nodes }, there);
  }
}

function isGoing(pod: Pod, { going }: PreemptionState): boolean {
  return isDeleting(pod) || going.has(pod.metadata.uid ?? "");
}

function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0;
}

function startOf({ status, metadata }: Pod): number {
  return milliseconds(status?.startTime ?? metadata.creationTimestamp) ?? 0;
}

function mostImportantFirst(a: Pod, b: Pod): number {
  return (
    priorityOf(b) - priorityOf(a) || startOf(a) - startOf(b) || compare(a.metadata.name, b.metadata.name)
  );
}

/** Less harm first: the most important victim is of little importance, then all of them together, then they have not run for long. */
function byHarm(a: readonly Pod[], b: readonly Pod[]): number {
  const highest = (pods: readonly Pod[]): number => Math.max(-Infinity, ...pods.map(priorityOf));
  // Priorities may be below zero; a further victim is always further harm.
  const sum = (pods: readonly Pod[]): number =>
    pods.reduce((total, pod) => total + priorityOf(pod) + 2 ** 31 + 1, 0);
  const oldest = (pods: readonly Pod[]): number =>
    Math.min(...pods.filter((pod) => priorityOf(pod) === highest(pods)).map(startOf));
  return ascending(highest(a), highest(b)) || ascending(sum(a), sum(b)) || ascending(oldest(b), oldest(a));
}

/** Also of infinities, whose difference is no number. */
function ascending(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
