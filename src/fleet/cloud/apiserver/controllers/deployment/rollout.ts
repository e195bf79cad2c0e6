/** How many pods each replica set of a deployment is to have next. Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ */
import type { Deployment, ReplicaSet } from "../kinds.ts";
import { created, oldestFirst, scaled } from "../references.ts";

export interface Sizes {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

export interface Bounds {
  readonly surge: number;
  readonly unavailable: number;
}

export const desiredAnnotation = "deployment.kubernetes.io/desired-replicas";

export function replicasOf(set: ReplicaSet): number {
  return set.spec.replicas ?? 1;
}

export function wantedReplicas(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1;
}

export function total(sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number {
  return sets.reduce((sum, set) => sum + count(set), 0);
}

export function isRolling(deployment: Deployment): boolean {
  return deployment.spec.strategy?.type !== "Recreate";
}

/** In pods. Where both would be none, one pod may be missing, for else nothing could ever be replaced. */
export function boundsOf(deployment: Deployment): Bounds {
  if (!isRolling(deployment)) return { surge: 0, unavailable: 0 };
  const replicas = wantedReplicas(deployment);
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = scaled(maxSurge, replicas, "up");
  const unavailable = scaled(maxUnavailable, replicas, "down");
  if (surge === 0 && unavailable === 0) return { surge: 0, unavailable: Math.min(1, replicas) };
  return { surge, unavailable: Math.min(unavailable, replicas) };
}

/** The next size of the new replica set in a rolling update. */
export function nextNewSize(deployment: Deployment, current: ReplicaSet, all: readonly ReplicaSet[]): number {
  const wanted = wantedReplicas(deployment);
  const present = replicasOf(current);
  if (present >= wanted) return wanted;
  const room = wanted + boundsOf(deployment).surge - total(all, replicasOf);
  return present + Math.max(0, Math.min(room, wanted - present));
}

/** Which old replica sets shrink, and to what, without fewer pods being available than promised. Pods that are not available go first. */
export function shrinkOld(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly Sizes[] {
  const all = [...old, current];
  const least = wantedReplicas(deployment) - boundsOf(deployment).unavailable;
  const available = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
  const newMissing = replicasOf(current) - available(current);
  let spare = total(all, replicasOf) - least - newMissing;
  if (spare <= 0) return [];
  const sizes = new Map(old.map((set) => [set, replicasOf(set)]));
  const sorted = old.toSorted(oldestFirst);
  for (const set of sorted) {
    const size = sizes.get(set) ?? 0;
    const gone = Math.max(0, Math.min(spare, size - available(set)));
    sizes.set(set, size - gone);
    spare -= gone;
  }
  let over = total(all, available) - least;
  for (const set of sorted) {
    const size = sizes.get(set) ?? 0;
    const gone = Math.max(0, Math.min(over, size));
    sizes.set(set, size - gone);
    over -= gone;
  }
  return changed(sizes);
}

/**
 * After `kubectl scale`, or while paused: the replica sets in use grow and shrink in proportion.
 * Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling
 */
export function scaleInProportion(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Sizes[] {
  const all = current ? [...old, current] : [...old];
  const used = all.filter((set) => replicasOf(set) > 0);
  const wanted = wantedReplicas(deployment);
  if (used.length <= 1) {
    const only = used[0] ?? current ?? all.toSorted(oldestFirst).at(-1);
    return only && replicasOf(only) !== wanted ? [{ set: only, replicas: wanted }] : [];
  }
  if (current && isSaturated(deployment, current)) {
    return old.filter((set) => replicasOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  }
  if (!isRolling(deployment)) return [];
  return inProportion(deployment, used, wanted > 0 ? wanted + boundsOf(deployment).surge : 0);
}

function inProportion(
  deployment: Deployment,
  used: readonly ReplicaSet[],
  allowed: number,
): readonly Sizes[] {
  const present = total(used, replicasOf);
  const change = allowed - present;
  const newer = (a: ReplicaSet, b: ReplicaSet): number => created(b) - created(a);
  const largest = (a: ReplicaSet, b: ReplicaSet): number => replicasOf(b) - replicasOf(a);
  const sorted = used.toSorted((a, b) => largest(a, b) || (change > 0 ? newer(a, b) : newer(b, a)));
  const sizes = new Map(sorted.map((set) => [set, replicasOf(set)]));
  let left = change;
  for (const set of sorted) {
    const size = replicasOf(set);
    const part = Math.round((size * allowed) / present) - size;
    const given = change > 0 ? Math.min(part, left) : Math.max(part, left);
    sizes.set(set, size + given);
    left -= given;
  }
  const first = sorted[0];
  if (first) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + left));
  // What each set was scaled for is remembered in it, even where its own size stays.
  const changes = new Set(changed(sizes));
  const mark = String(wantedReplicas(deployment));
  for (const [set, replicas] of sizes) {
    const isMarked = set.metadata.annotations?.[desiredAnnotation] === mark;
    if (replicas === replicasOf(set) && !isMarked) changes.add({ set, replicas });
  }
  return [...changes];
}

/** The new replica set has all that it ought to, and all are available. */
function isSaturated(deployment: Deployment, current: ReplicaSet): boolean {
  const wanted = wantedReplicas(deployment);
  return (
    replicasOf(current) === wanted &&
    current.metadata.annotations?.[desiredAnnotation] === String(wanted) &&
    current.status?.availableReplicas === wanted
  );
}

function changed(sizes: ReadonlyMap<ReplicaSet, number>): readonly Sizes[] {
  return [...sizes]
    .filter(([set, replicas]) => replicas !== replicasOf(set))
    .map(([set, replicas]) => ({ set, replicas }));
}
