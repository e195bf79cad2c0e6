/** The next steps of a deployment towards what it says. Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ */
import type { Deployment, Pod, PodTemplate, ReplicaSet } from "../kinds.ts";
import {
  controllerReference,
  isDeleting,
  isFinished,
  oldestFirst,
  same,
  templateHash,
} from "../references.ts";
import {
  annotationsOf,
  beyondHistory,
  copiedAnnotations,
  currentSet,
  hashLabel,
  maxAnnotation,
  nextRevision,
  revisionAnnotation,
  revisionOf,
} from "./revisions.ts";
import {
  boundsOf,
  desiredAnnotation,
  isRolling,
  nextNewSize,
  replicasOf,
  scaleInProportion,
  shrinkOld,
  total,
  wantedReplicas,
  type Sizes,
} from "./rollout.ts";
import { countsOf, isComplete, sameStatus, statusOf, type StatusState } from "./status.ts";

export interface DeploymentState {
  readonly deployment: Deployment;
  readonly sets: readonly ReplicaSet[];
  /** The pods of these sets. */
  readonly pods: readonly Pod[];
  readonly now: number;
  readonly failure?: string | undefined;
}

export type DeploymentStep =
  | { readonly do: "create"; readonly set: ReplicaSet }
  /** Size and annotations of a set, either or both. */
  | {
      readonly do: "change";
      readonly set: ReplicaSet;
      readonly replicas?: number;
      readonly annotations?: Record<string, string>;
    }
  | { readonly do: "delete"; readonly set: ReplicaSet }
  | { readonly do: "revision"; readonly revision: string }
  | { readonly do: "status"; readonly status: NonNullable<Deployment["status"]> }
  | { readonly do: "look again"; readonly after: number };

/** Steps to be taken in order. What follows from them is planned at the next look, which each write brings about. */
export function planDeployment(state: DeploymentState): readonly DeploymentStep[] {
  const { deployment, sets } = state;
  const current = currentSet(deployment, sets);
  const old = sets.filter((set) => set !== current).toSorted(oldestFirst);
  if (isDeleting(deployment)) return planStatus({ ...state, current, old });
  const revision = revisionSteps(deployment, current, old);
  if (deployment.spec.paused || isScaling(deployment, sets)) {
    const sizes = scaleInProportion(deployment, current, old);
    const cleanup = deployment.spec.paused ? cleanupSteps(deployment, old) : [];
    return [
      ...revision.steps,
      ...resize(deployment, sizes),
      ...cleanup,
      ...planStatus({ ...state, current, old }),
    ];
  }
  const rollout = isRolling(deployment) ? rollingSteps : recreateSteps;
  const steps = rollout({ ...state, current, old });
  const began = steps.some((step) => step.do === "create") ? undefined : revision.began;
  const isDone = isComplete(deployment, countsOf(sets, current));
  return [
    ...revision.steps,
    ...steps,
    ...(isDone ? cleanupSteps(deployment, old) : []),
    ...planStatus({ ...state, current, old, began }),
  ];
}

interface Rollout extends DeploymentState {
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

function rollingSteps({ deployment, sets, current, old }: Rollout): readonly DeploymentStep[] {
  if (!current) {
    const room = wantedReplicas(deployment) + boundsOf(deployment).surge - total(sets, replicasOf);
    const replicas = Math.max(0, Math.min(room, wantedReplicas(deployment)));
    return [{ do: "create", set: newSet(deployment, replicas, nextRevision(old)) }];
  }
  const next = nextNewSize(deployment, current, sets);
  if (next !== replicasOf(current)) return resize(deployment, [{ set: current, replicas: next }]);
  return resize(deployment, shrinkOld(deployment, current, old));
}

function recreateSteps({ deployment, current, old, pods }: Rollout): readonly DeploymentStep[] {
  const shrink = old.filter((set) => replicasOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  if (shrink.length > 0) return resize(deployment, shrink);
  const oldUids = new Set(old.map((set) => set.metadata.uid));
  const isOld = (pod: Pod): boolean =>
    (pod.metadata.ownerReferences ?? []).some(({ uid }) => oldUids.has(uid));
  // Pods that are being deleted count: never do old and new ones run at once.
  if (pods.some((pod) => isOld(pod) && !isFinished(pod))) return [];
  const replicas = wantedReplicas(deployment);
  if (!current) return [{ do: "create", set: newSet(deployment, replicas, nextRevision(old)) }];
  return replicasOf(current) === replicas ? [] : resize(deployment, [{ set: current, replicas }]);
}

/** The replicas of the deployment were changed since a set in use was sized. */
function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets
    .filter((set) => replicasOf(set) > 0)
    .some((set) => {
      const desired = set.metadata.annotations?.[desiredAnnotation];
      return desired !== undefined && desired !== String(wantedReplicas(deployment));
    });
}

/** The annotations that say for which size of the deployment a set was sized. */
function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const wanted = wantedReplicas(deployment);
  return {
    [desiredAnnotation]: String(wanted),
    [maxAnnotation]: String(wanted + boundsOf(deployment).surge),
  };
}

function resize(deployment: Deployment, sizes: readonly Sizes[]): readonly DeploymentStep[] {
  const annotations = sizeAnnotations(deployment);
  return sizes.map(({ set, replicas }) => ({ do: "change", set, replicas, annotations }));
}

function cleanupSteps(deployment: Deployment, old: readonly ReplicaSet[]): readonly DeploymentStep[] {
  return beyondHistory(deployment, old).map((set) => ({ do: "delete", set }));
}

function revisionSteps(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): { readonly steps: readonly DeploymentStep[]; readonly began?: "FoundNewReplicaSet" } {
  if (!current) return { steps: [] };
  const wanted = nextRevision(old);
  const annotations = {
    ...annotationsOf(deployment, current, wanted),
    // A set in use that was never sized by this deployment (adopted) is marked, so that its size is looked after.
    ...(current.metadata.annotations?.[desiredAnnotation] === undefined ? sizeAnnotations(deployment) : {}),
  };
  const steps: DeploymentStep[] = [];
  if (!same(annotations, current.metadata.annotations))
    steps.push({ do: "change", set: current, annotations });
  const revision = annotations[revisionAnnotation] ?? "";
  if (deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
    steps.push({ do: "revision", revision });
  }
  const isUsedAgain = revisionOf(current) > 0 && revisionOf(current) < wanted;
  return isUsedAgain ? { steps, began: "FoundNewReplicaSet" } : { steps };
}

function planStatus(state: StatusState): readonly DeploymentStep[] {
  const { status, after } = statusOf(state);
  const steps: DeploymentStep[] = [];
  if (!sameStatus(state.deployment, status)) steps.push({ do: "status", status });
  if (after !== undefined) steps.push({ do: "look again", after });
  return steps;
}

/** The replica set for the deployment's template. */
export function newSet(deployment: Deployment, replicas: number, revision: number): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  const hashed: PodTemplate = { ...template, metadata: { ...template.metadata, labels } };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${deployment.metadata.name ?? ""}-${hash}`,
      namespace: deployment.metadata.namespace ?? "",
      labels,
      annotations: {
        ...copiedAnnotations(deployment),
        ...sizeAnnotations(deployment),
        [revisionAnnotation]: String(revision),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: hashed,
    },
  };
}
