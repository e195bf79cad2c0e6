/** One pod on every node that is meant, and how a new template comes to all. Source: https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/ */
import type { DaemonSet, Node, Pod } from "../kinds.ts";
import { availableIn, isAvailable, isDeleting, isReady, oldestFirst, same, scaled } from "../references.ts";
import { eligibility, nodeOf } from "./eligible.ts";
import { hashLabel } from "./revisions.ts";

export interface DaemonSetState {
  readonly set: DaemonSet;
  /** What pods of the present template have in the label. */
  readonly hash: string;
  readonly nodes: readonly Node[];
  /** All pods of the set. */
  readonly pods: readonly Pod[];
  readonly now: number;
}

export type DaemonSetStep =
  | { readonly do: "create"; readonly node: string }
  | { readonly do: "delete"; readonly pod: Pod }
  /** A pod that failed goes, so that another comes: not at once when it fails again and again. */
  | { readonly do: "replace failed"; readonly pod: Pod; readonly node: string }
  | { readonly do: "status"; readonly status: Readonly<Record<string, unknown>> }
  | { readonly do: "look again"; readonly after: number };

interface Place {
  readonly name: string;
  readonly shouldRun: boolean;
  readonly mayStay: boolean;
  /** Oldest first. */
  readonly pods: readonly Pod[];
}

export function planDaemonSet(state: DaemonSetState): readonly DaemonSetStep[] {
  const { set } = state;
  const places = placesOf(state);
  const steps: DaemonSetStep[] = [];
  if (!isDeleting(set)) {
    const manage = places.flatMap((place) => managePlace(state, place));
    const nodes = new Set(places.map(({ name }) => name));
    const lost = state.pods.filter((pod) => !isDeleting(pod) && !nodes.has(nodeOf(pod) ?? ""));
    steps.push(...manage, ...lost.map((pod) => ({ do: "delete", pod }) as const));
    // A template comes to the next node only when the nodes are as they ought to be for the present.
    steps.push(...update(state, places, steps));
  }
  return [...steps, ...statusSteps(state, places)];
}

function placesOf({ set, nodes, pods }: DaemonSetState): readonly Place[] {
  const byNode = Map.groupBy(pods.toSorted(oldestFirst), (pod) => nodeOf(pod) ?? "");
  return nodes.map((node) => {
    const { name = "" } = node.metadata;
    return { name, ...eligibility(set, node), pods: byNode.get(name) ?? [] };
  });
}

function isUpdated({ hash }: DaemonSetState, pod: Pod): boolean {
  return pod.metadata.labels?.[hashLabel] === hash;
}

function surgeOf({ set }: DaemonSetState, wanted: number): number {
  if (set.spec.updateStrategy?.type === "OnDelete") return 0;
  return scaled(set.spec.updateStrategy?.rollingUpdate?.maxSurge, wanted, "up");
}

/** One pod where one is meant to be, none where none may stay. */
function managePlace(state: DaemonSetState, place: Place): readonly DaemonSetStep[] {
  const alive = place.pods.filter((pod) => !isDeleting(pod));
  if (!place.mayStay) return alive.map((pod) => ({ do: "delete", pod }));
  const failed = alive.filter(({ status }) => status?.phase === "Failed" || status?.phase === "Succeeded");
  const steps: DaemonSetStep[] = failed.map((pod) => ({ do: "replace failed", pod, node: place.name }));
  const good = alive.filter((pod) => !failed.includes(pod));
  // While a surge lasts, the oldest of either template stays.
  const isSurging = surgeOf(state, state.nodes.length) > 0;
  const kept = new Set(
    isSurging
      ? [good.find((pod) => isUpdated(state, pod)), good.find((pod) => !isUpdated(state, pod))]
      : good.slice(0, 1),
  );
  steps.push(...good.filter((pod) => !kept.has(pod)).map((pod) => ({ do: "delete", pod }) as const));
  // The one before has to be gone whole: two daemons would be in each other's way.
  if (place.shouldRun && place.pods.length === 0) steps.push({ do: "create", node: place.name });
  return steps;
}

function update(
  state: DaemonSetState,
  places: readonly Place[],
  planned: readonly DaemonSetStep[],
): readonly DaemonSetStep[] {
  const { updateStrategy = {} } = state.set.spec;
  if (updateStrategy.type === "OnDelete") return [];
  const meant = places.filter(({ shouldRun }) => shouldRun);
  const surge = surgeOf(state, meant.length);
  return surge > 0 ? surgeSteps(state, meant, surge) : rollingSteps(state, meant, planned);
}

function rollingSteps(
  state: DaemonSetState,
  meant: readonly Place[],
  planned: readonly DaemonSetStep[],
): readonly DaemonSetStep[] {
  const { rollingUpdate } = state.set.spec.updateStrategy ?? {};
  const most = Math.max(1, scaled(rollingUpdate?.maxUnavailable ?? 1, meant.length, "up"));
  const going = new Set(planned.flatMap((step) => ("pod" in step ? [step.pod] : [])));
  const isUp = (pod: Pod): boolean => isUpAndStays(state, pod) && !going.has(pod);
  const old = meant
    .flatMap(({ pods }) => pods)
    .filter((pod) => !isDeleting(pod) && !going.has(pod) && !isUpdated(state, pod));
  // Old pods that do not work cost nothing.
  const idle = old.filter((pod) => !isUp(pod));
  const down = meant.filter(({ pods }) => !pods.some(isUp)).length;
  const next = old.filter(isUp).slice(0, Math.max(0, most - down));
  return [...idle, ...next].map((pod) => ({ do: "delete", pod }));
}

/** The new pod comes beside the old one, and the old one goes when the new one is available. */
function surgeSteps(state: DaemonSetState, meant: readonly Place[], surge: number): readonly DaemonSetStep[] {
  const steps: DaemonSetStep[] = [];
  let room = surge;
  const open: Place[] = [];
  for (const place of meant) {
    const alive = place.pods.filter((pod) => !isDeleting(pod));
    const old = alive.filter((pod) => !isUpdated(state, pod));
    const fresh = alive.filter((pod) => isUpdated(state, pod));
    if (old.length > 0 && fresh.some((pod) => isUpAndStays(state, pod))) {
      steps.push(...old.map((pod) => ({ do: "delete", pod }) as const));
    } else if (old.length > 0 && fresh.length > 0) room--;
    else if (old.length > 0) open.push(place);
  }
  const next = open.slice(0, Math.max(0, room));
  return [...steps, ...next.map(({ name }) => ({ do: "create", node: name }) as const)];
}

function isUpAndStays({ set, now }: DaemonSetState, pod: Pod): boolean {
  return !isDeleting(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
}

function statusSteps(state: DaemonSetState, places: readonly Place[]): readonly DaemonSetStep[] {
  const { set, now } = state;
  const wait = set.spec.minReadySeconds ?? 0;
  const meant = places.filter(({ shouldRun }) => shouldRun);
  const count = (check: (pod: Pod) => boolean): number =>
    meant.filter(({ pods }) => pods.some((pod) => !isDeleting(pod) && check(pod))).length;
  const { collisionCount } = set.status ?? {};
  const numberAvailable = count((pod) => isAvailable(pod, wait, now));
  const status = {
    currentNumberScheduled: meant.filter(({ pods }) => pods.length > 0).length,
    numberMisscheduled: places.filter(({ shouldRun, pods }) => !shouldRun && pods.length > 0).length,
    desiredNumberScheduled: meant.length,
    numberReady: count(isReady),
    updatedNumberScheduled: count((pod) => isUpdated(state, pod)),
    numberAvailable,
    numberUnavailable: meant.length - numberAvailable,
    observedGeneration: set.metadata.generation ?? 0,
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  const zeros = {
    updatedNumberScheduled: 0,
    numberAvailable: 0,
    numberUnavailable: 0,
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  };
  const steps: DaemonSetStep[] = [];
  if (!same({ ...zeros, ...set.status }, status)) steps.push({ do: "status", status });
  const waits = state.pods.map((pod) => availableIn(pod, wait, now) ?? 0).filter((time) => time > 0);
  if (waits.length > 0) steps.push({ do: "look again", after: Math.min(...waits) });
  return steps;
}
