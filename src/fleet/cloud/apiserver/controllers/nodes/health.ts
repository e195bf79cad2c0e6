/**
 * Whether a node is heard of. Time is measured by when this process saw the node's lease change, not by what the lease says: clocks of nodes may be wrong, and while this process was down
 * nobody's lease was renewed.
 * Source: https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats
 */
import { timestamp } from "../../../../../base/clock.ts";
import type { Condition, Node, Taint } from "../kinds.ts";
import { condition, same } from "../references.ts";
import { notReady, unreachable, unschedulable } from "../taints.ts";

/** A node that is not heard of for so long is taken as out of reach. */
export const grace = 40_000;

export interface Heartbeat {
  /** The renewal as the lease or the node's status says it; only whether it changes is of interest. */
  readonly mark: string;
  /** When this process saw it first. */
  readonly seen: number;
}

export interface NodeState {
  readonly node: Node;
  readonly heartbeat: Heartbeat;
  readonly now: number;
}

export type NodeStep =
  | { readonly do: "conditions"; readonly conditions: readonly Condition[] }
  | { readonly do: "taints"; readonly taints: readonly Taint[] }
  | { readonly do: "look again"; readonly after: number };

const watched = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] as const;

export function planNode({ node, heartbeat, now }: NodeState): readonly NodeStep[] {
  const left = heartbeat.seen + grace - now;
  const present = node.status?.conditions ?? [];
  const conditions = left > 0 ? present : unknownConditions(node, now);
  const steps: NodeStep[] = [];
  if (!same(conditions, present)) steps.push({ do: "conditions", conditions });
  const taints = taintsFor(node, conditions, now);
  if (!same(taints, node.spec?.taints)) steps.push({ do: "taints", taints });
  if (left > 0) steps.push({ do: "look again", after: left });
  return steps;
}

function unknownConditions(node: Node, now: number): readonly Condition[] {
  const present = node.status?.conditions ?? [];
  const time = timestamp(now);
  const missing = watched
    .filter((type) => !condition(present, type))
    .map((type) => ({
      type,
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message: "Kubelet never posted node status.",
      lastHeartbeatTime: node.metadata.creationTimestamp ?? time,
      lastTransitionTime: time,
    }));
  const known = present.map((one) => {
    if (!watched.some((type) => type === one.type) || one.status === "Unknown") return one;
    return {
      ...one,
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: time,
    };
  });
  return [...known, ...missing];
}

/** Condition → status → the taint it brings. NoExecute comes with NoSchedule for what makes a node useless. */
const byCondition = [
  { type: "Ready", status: "False", key: notReady, effects: ["NoSchedule", "NoExecute"] },
  { type: "Ready", status: "Unknown", key: unreachable, effects: ["NoSchedule", "NoExecute"] },
  {
    type: "MemoryPressure",
    status: "True",
    key: "node.kubernetes.io/memory-pressure",
    effects: ["NoSchedule"],
  },
  { type: "DiskPressure", status: "True", key: "node.kubernetes.io/disk-pressure", effects: ["NoSchedule"] },
  { type: "PIDPressure", status: "True", key: "node.kubernetes.io/pid-pressure", effects: ["NoSchedule"] },
  {
    type: "NetworkUnavailable",
    status: "True",
    key: "node.kubernetes.io/network-unavailable",
    effects: ["NoSchedule"],
  },
] as const;

/** All taints of the node, with those that follow from its state as they ought to be. Times of taints that stay are kept: tolerations count from there. */
export function taintsFor(node: Node, conditions: readonly Condition[], now: number): readonly Taint[] {
  const present = node.spec?.taints ?? [];
  const wanted: Taint[] = byCondition
    .filter(({ type, status }) => condition(conditions, type)?.status === status)
    .flatMap(({ key, effects }) => effects.map((effect) => ({ key, effect })));
  if (node.spec?.unschedulable) wanted.push({ key: unschedulable, effect: "NoSchedule" });
  const ours = new Set<string>([...byCondition.map(({ key }) => key), unschedulable]);
  const isSame = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const kept = present.filter((one) => !ours.has(one.key) || wanted.some((other) => isSame(one, other)));
  const added = wanted
    .filter((one) => !present.some((other) => isSame(one, other)))
    .map((one) => ({ ...one, timeAdded: timestamp(now) }));
  return [...kept, ...added];
}
