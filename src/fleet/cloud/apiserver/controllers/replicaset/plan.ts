/** What a replica set lacks or has too much of. Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/ */
import type { Pod, ReplicaSet } from "../kinds.ts";
import { deletionOrder } from "../pods.ts";
import { availableIn, condition, isActive, isDeleting, isReady, same, withCondition } from "../references.ts";
import { hasLabels } from "../selectors.ts";
import { failureWait } from "./failures.ts";

export interface ReplicaSetState {
  readonly replicaSet: ReplicaSet;
  /** Its pods, whatever their phase. */
  readonly pods: readonly Pod[];
  readonly now: number;
  /** Why the last creation or deletion was refused, if it was. */
  readonly failure?: { readonly reason: "FailedCreate" | "FailedDelete"; readonly message: string };
}

export type ReplicaSetStep =
  | { readonly do: "create"; readonly count: number }
  | { readonly do: "delete"; readonly pod: Pod }
  | { readonly do: "status"; readonly status: NonNullable<ReplicaSet["status"]> }
  | { readonly do: "look again"; readonly after: number };

/** No more than this at a time: the next look does the rest. */
const burst = 500;

export function planReplicaSet(state: ReplicaSetState): readonly ReplicaSetStep[] {
  const { replicaSet, pods } = state;
  const active = pods.filter(isActive);
  const steps: ReplicaSetStep[] = [];
  if (!isDeleting(replicaSet)) {
    const missing = (replicaSet.spec.replicas ?? 1) - active.length;
    const wait = missing > 0 ? failureWait(pods, state.now) : 0;
    if (wait > 0) steps.push({ do: "look again", after: wait });
    else if (missing > 0) steps.push({ do: "create", count: Math.min(missing, burst) });
    if (missing < 0) {
      const superfluous = deletionOrder(active).slice(0, Math.min(-missing, burst));
      steps.push(...superfluous.map((pod) => ({ do: "delete", pod }) as const));
    }
  }
  return [...steps, ...planReplicaSetStatus(state)];
}

/** The status where it differs, and when it will differ without any change. */
export function planReplicaSetStatus(state: ReplicaSetState): readonly ReplicaSetStep[] {
  const { replicaSet, now } = state;
  const active = state.pods.filter(isActive);
  const wait = replicaSet.spec.minReadySeconds ?? 0;
  const labels = replicaSet.spec.template.metadata?.labels ?? {};
  const waits = active.map((pod) => availableIn(pod, wait, now)).filter((time) => time !== undefined);
  const conditions = conditionsOf(state);
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter((pod) => hasLabels(labels, pod.metadata.labels)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: waits.filter((time) => time === 0).length,
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  const steps: ReplicaSetStep[] = [];
  if (!same(status, withoutZeros(replicaSet.status))) steps.push({ do: "status", status });
  const soonest = Math.min(...waits.filter((time) => time > 0));
  if (Number.isFinite(soonest)) steps.push({ do: "look again", after: soonest });
  return steps;
}

/** A count of 0 may be absent in what was read. */
function withoutZeros(status: ReplicaSet["status"]): ReplicaSet["status"] {
  return {
    replicas: 0,
    fullyLabeledReplicas: 0,
    readyReplicas: 0,
    availableReplicas: 0,
    ...(status ?? { observedGeneration: -1 }),
  };
}

function conditionsOf({ replicaSet, failure, now }: ReplicaSetState) {
  const present = replicaSet.status?.conditions ?? [];
  if (!failure) return present.filter(({ type }) => type !== "ReplicaFailure");
  const before = condition(present, "ReplicaFailure");
  if (before?.reason === failure.reason && before.message === failure.message) return present;
  return withCondition(present, { type: "ReplicaFailure", status: "True", ...failure }, now);
}
