/** Pods that nobody will take away otherwise. Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection */
import { milliseconds } from "../../../../base/clock.ts";
import { forAll, place, unlessGone, writeStatus, type ControllerFactory } from "./controller.ts";
import { kinds, type Pod } from "./kinds.ts";
import { compare, created, isDeleting, isFinished, withCondition } from "./references.ts";

const every = 20_000;
/** A node that was deleted may only have got another name or may come back at once. */
const quarantine = 40_000;
/** As many ended pods are kept, for those who want to see what became of them. */
const mostEnded = 500;

export interface PodGcState {
  readonly pods: readonly Pod[];
  /** Names of all nodes. */
  readonly nodes: ReadonlySet<string>;
  /** Node → when it was first missed. */
  readonly missed: ReadonlyMap<string, number>;
  readonly mostEnded: number;
  readonly now: number;
}

/** Pods to be deleted at once, without grace. */
export function planPodGc(state: PodGcState): readonly Pod[] {
  const { pods, nodes, missed, now } = state;
  const ended = pods.filter((pod) => isFinished(pod) && !isDeleting(pod) && !isHeld(pod));
  const oldest = ended.toSorted(
    (a, b) => created(a) - created(b) || compare(a.metadata.name, b.metadata.name),
  );
  const superfluous = new Set(oldest.slice(0, Math.max(0, ended.length - state.mostEnded)));
  return pods.filter((pod) => {
    const { nodeName = "" } = pod.spec;
    if (nodeName === "") return isDeleting(pod) && !isHeld(pod);
    const isOrphan = !nodes.has(nodeName) && now - (missed.get(nodeName) ?? now) >= quarantine;
    return isOrphan || superfluous.has(pod);
  });
}

/** Somebody (a job) wants to see its end before it goes. */
function isHeld({ metadata }: Pod): boolean {
  return (metadata.finalizers ?? []).length > 0;
}

/** Nodes that pods are on and that are not there, with the time since when. */
export function missedNodes(
  pods: readonly Pod[],
  nodes: ReadonlySet<string>,
  before: ReadonlyMap<string, number>,
  now: number,
): ReadonlyMap<string, number> {
  const missed = new Map<string, number>();
  for (const { spec } of pods) {
    const { nodeName = "" } = spec;
    if (nodeName !== "" && !nodes.has(nodeName)) missed.set(nodeName, before.get(nodeName) ?? now);
  }
  return missed;
}

export function podGc(most = mostEnded): ControllerFactory {
  return ({ client, informers, clock }, enqueue) => {
    const pods = informers.of(kinds.pods);
    const nodes = informers.of(kinds.nodes);
    let missed: ReadonlyMap<string, number> = new Map();
    enqueue("all");
    return {
      name: "pod-gc",
      informers: [pods, nodes],
      async reconcile(_key, signal) {
        const all = pods.store.all() as readonly Pod[];
        const names = new Set(nodes.store.all().map(({ metadata }) => metadata.name ?? ""));
        const now = clock.now();
        missed = missedNodes(all, names, missed, now);
        const going = planPodGc({ pods: all, nodes: names, missed, mostEnded: most, now });
        await forAll(going, async (pod) => {
          if (!isFinished(pod)) await sayFailed(pod, signal);
          const options = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid ?? "" }, signal };
          await unlessGone(client.delete(kinds.pods, place(pod), options));
        });
        return every;
      },
    };

    /** Whoever counts ends (a job) has to see one. */
    async function sayFailed(pod: Pod, signal: AbortSignal): Promise<void> {
      const target = {
        type: "DisruptionTarget",
        status: "True",
        reason: "DeletionByPodGC",
        message: "PodGC: node no longer exists",
      } as const;
      const conditions = withCondition(pod.status?.conditions, target, clock.now());
      const status = { ...pod.status, phase: "Failed", conditions };
      await unlessGone(writeStatus(client, kinds.pods, pod, { status, signal }));
    }
  };
}

const eventLife = 3_600_000;
const eventsEvery = 60_000;
const pageSize = 500;

/** Events live for an hour: there is no end to them. They are not kept in memory, but gone through now and then. */
export const eventExpiry: ControllerFactory = ({ client, clock }, enqueue) => {
  enqueue("all");
  return {
    name: "event-expiry",
    informers: [],
    async reconcile(_key, signal) {
      const oldest = clock.now() - eventLife;
      let next: string | undefined;
      do {
        const page = await client.list(kinds.events, {
          limit: pageSize,
          ...(next ? { continue: next } : {}),
          signal,
        });
        const old = page.items.filter((event) => lastSeen(event) < oldest);
        // One that is counted up in this moment stays: the look is taken again.
        await forAll(old, (event) => {
          const { resourceVersion = "" } = event.metadata;
          const options = { preconditions: { resourceVersion }, signal };
          return unlessGone(client.delete(kinds.events, place(event), options));
        });
        next = page.continue;
      } while (next);
      return eventsEvery;
    },
  };
};

/** Whichever of an event's times is latest, in milliseconds. */
export function lastSeen(event: { metadata: Pod["metadata"]; [field: string]: unknown }): number {
  const series = event["series"] as { readonly lastObservedTime?: string } | null | undefined;
  const times = [
    event.metadata.creationTimestamp,
    event["lastTimestamp"] as string | null | undefined,
    event["eventTime"] as string | null | undefined,
    series?.lastObservedTime,
  ];
  return Math.max(...times.map((time) => milliseconds(time) ?? 0));
}
