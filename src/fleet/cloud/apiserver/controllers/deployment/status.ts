/** A deployment's status. The reasons are those that `kubectl rollout status` and people's scripts look for. */
import { milliseconds, timestamp } from "../../../../../base/clock.ts";
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from "../kinds.ts";
import { condition, same, withCondition } from "../references.ts";
import { boundsOf, replicasOf, total, wantedReplicas } from "./rollout.ts";

export interface StatusState {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
  readonly now: number;
  /** A creation of the replica set was refused. */
  readonly failure?: string | undefined;
  /** The replica set for this template was just made, or one of before is used again: the progress begins anew. */
  readonly began?: "NewReplicaSetCreated" | "FoundNewReplicaSet" | undefined;
}

export interface Counts {
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
}

export function countsOf(all: readonly ReplicaSet[], current: ReplicaSet | undefined): Counts {
  const availableReplicas = total(all, (set) => set.status?.availableReplicas ?? 0);
  return {
    replicas: total(all, (set) => set.status?.replicas ?? 0),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: total(all, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(all, replicasOf) - availableReplicas),
  };
}

/** All pods are of the new template and available, and the deployment's last change was seen. */
export function isComplete(deployment: Deployment, counts: Counts): boolean {
  const wanted = wantedReplicas(deployment);
  return (
    counts.updatedReplicas === wanted &&
    counts.replicas === wanted &&
    counts.availableReplicas === wanted &&
    (deployment.status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** The new status, and in how many milliseconds the progress deadline is over (undefined: nothing to wait for). */
export function statusOf(state: StatusState): { status: DeploymentStatus; after: number | undefined } {
  const { deployment, current, old, now } = state;
  const counts = countsOf(current ? [...old, current] : old, current);
  const { collisionCount, conditions: present } = deployment.status ?? {};
  const least = wantedReplicas(deployment) - boundsOf(deployment).unavailable;
  let conditions = put(present, availability(counts.availableReplicas >= least), now);
  const progress = progressOf({ ...state, counts });
  if (progress) conditions = put(conditions, progress, now);
  conditions = conditions.filter(({ type }) => type !== "ReplicaFailure");
  const failure = state.failure
    ? ({ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: state.failure } as const)
    : condition(current?.status?.conditions, "ReplicaFailure");
  if (failure) conditions = put(conditions, { ...failure }, now);
  const status = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...counts,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions,
  };
  return { status, after: deadlineIn(deployment, conditions, counts, now) };
}

export function sameStatus(deployment: Deployment, status: DeploymentStatus): boolean {
  const zeros = {
    replicas: 0,
    updatedReplicas: 0,
    readyReplicas: 0,
    availableReplicas: 0,
    unavailableReplicas: 0,
  };
  return same({ ...zeros, ...deployment.status }, status);
}

function availability(enough: boolean): Condition {
  return {
    type: "Available",
    status: enough ? "True" : "False",
    reason: enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
    message: `Deployment ${enough ? "has" : "does not have"} minimum availability.`,
  };
}

/** Writes a condition only where its status or reason differs, so that equal states give equal statuses. */
function put(present: readonly Condition[] | undefined, wanted: Condition, now: number): Condition[] {
  const before = condition(present, wanted.type);
  const isSame =
    before?.status === wanted.status && before.reason === wanted.reason && before.message === wanted.message;
  if (isSame && wanted.lastUpdateTime === undefined) return [...(present ?? [])];
  const { lastTransitionTime: _, ...rest } = wanted;
  return withCondition(present, { ...rest, lastUpdateTime: timestamp(now) }, now);
}

function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec.progressDeadlineSeconds;
  return seconds !== undefined && seconds < 2 ** 31 - 1;
}

function progressOf(state: StatusState & { readonly counts: Counts }): Condition | undefined {
  const { deployment, current, counts, now } = state;
  if (!hasDeadline(deployment)) return undefined;
  const present = condition(deployment.status?.conditions, "Progressing");
  const name = current
    ? `ReplicaSet "${current.metadata.name ?? ""}"`
    : `Deployment "${deployment.metadata.name ?? ""}"`;
  const say = (status: string, reason: string, message: string): Condition => {
    return { type: "Progressing", status, reason, message };
  };
  const beginning = (reason: string): Condition => {
    const verb = reason === "FoundNewReplicaSet" ? "Found" : "Created";
    const message = `${verb} new replica set "${current?.metadata.name ?? ""}"`;
    return { ...say("True", reason, message), lastUpdateTime: timestamp(now) };
  };
  if (deployment.spec.paused) return say("Unknown", "DeploymentPaused", "Deployment is paused");
  if (present?.reason === "DeploymentPaused") {
    return say("Unknown", "DeploymentResumed", "Deployment is resumed");
  }
  if (state.began) return beginning(state.began);
  if (isComplete(deployment, counts)) {
    return say("True", "NewReplicaSetAvailable", `${name} has successfully progressed.`);
  }
  // Once complete, a pod that fails or a change of scale is no new rollout.
  if (present?.reason === "NewReplicaSetAvailable" && counts.replicas === counts.updatedReplicas)
    return undefined;
  if (isProgressing(deployment, counts)) {
    return {
      ...say("True", "ReplicaSetUpdated", `${name} is progressing.`),
      lastUpdateTime: timestamp(now),
    };
  }
  if (present && isTimedOut(deployment, present, now)) {
    return say("False", "ProgressDeadlineExceeded", `${name} has timed out progressing.`);
  }
  return present ? undefined : beginning(current ? "FoundNewReplicaSet" : "NewReplicaSetCreated");
}

/** More new pods, fewer old ones, or more that are ready or available than the status says. */
function isProgressing(deployment: Deployment, counts: Counts): boolean {
  const before = deployment.status ?? {};
  const old = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  return (
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < old ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0)
  );
}

function isTimedOut(deployment: Deployment, progress: Condition, now: number): boolean {
  if (progress.reason === "NewReplicaSetAvailable") return false;
  if (progress.reason === "ProgressDeadlineExceeded") return true;
  return now >= deadlineOf(deployment, progress, now);
}

function deadlineOf(deployment: Deployment, progress: Condition, now: number): number {
  const since = milliseconds(progress.lastUpdateTime) ?? now;
  return since + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
}

function deadlineIn(
  deployment: Deployment,
  conditions: readonly Condition[],
  counts: Counts,
  now: number,
): number | undefined {
  const progress = condition(conditions, "Progressing");
  if (!progress || progress.status === "False" || deployment.spec.paused || !hasDeadline(deployment)) {
    return undefined;
  }
  if (isComplete(deployment, counts)) return undefined;
  // A second more: times are written in whole seconds.
  return Math.max(0, deadlineOf(deployment, progress, now) - now) + 1000;
}
