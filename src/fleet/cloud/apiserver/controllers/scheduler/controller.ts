import { KubeError, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Context, Controller, Enqueue } from "../controller.ts";
import { forAll, isStale, place } from "../controller.ts";
import {
  kinds,
  type Claim,
  type Node,
  type PersistentVolume,
  type Pod,
  type StorageClass,
} from "../kinds.ts";
import { condition, isFinished, keyOf, same, withCondition } from "../references.ts";
import { selectedNode } from "../volumes/match.ts";
import { claimsToTell } from "./claims.ts";
import { addPod, clusterOf, type Cluster } from "./cluster.ts";
import { makeRoom } from "./make-room.ts";
import { decide, fits, queueOf, type Decision } from "./plan.ts";
import { planPreemption, type Preemption } from "./preempt.ts";

export const schedulerName = "default-scheduler";

/** The one key: each look is at all pods that wait for a node. */
const all = "/pods";
const gated = { refusal: "Scheduling is blocked due to non-empty scheduling gates" } as const;
/** How long a binding is believed that the API's watch has not shown. */
const assumption = 30_000;
/** The same refusal of the same pod is told anew after this. */
const reminder = 300_000;

/** What a look leads to, for one pod. */
type Outcome = Decision & {
  readonly waiting: readonly Claim[];
  readonly preemption?: Preemption | undefined;
};

/** One look: each decision changes what the next one finds. */
interface Look {
  readonly cluster: Cluster;
  /** Uids of pods that have to go. */
  readonly going: Set<string>;
}

/** Gives pods their nodes. Where a pod fits nowhere, less important ones make room. */
export function scheduler(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, clock, events, random, log } = context;
  const pods = informers.of(kinds.pods);
  const nodes = informers.of(kinds.nodes);
  const namespaces = informers.of(kinds.namespaces);
  const claims = informers.of(kinds.claims);
  const volumes = informers.of(kinds.volumes);
  const classes = informers.of(kinds.storageClasses);
  /** Uid → the node and until when this is believed. */
  const assumed = new Map<string, { readonly node: string; readonly until: number }>();
  const told = new Map<string, { readonly refusal: string; readonly at: number }>();

  const again = (): void => enqueue(all);
  nodes.onChange((now, before) => {
    if (!now || !before || hasOtherOffer(now as Node, before as Node)) again();
  });
  pods.onChange((now, before) => {
    const pod = (now ?? before) as Pod;
    const uid = pod.metadata.uid ?? "";
    if (!now || pod.spec.nodeName) {
      assumed.delete(uid);
      told.delete(uid);
    }
    // A pod that runs and goes on running changes nothing for those that wait.
    const isOld = before && now && pod.spec.nodeName === (before as Pod).spec.nodeName;
    if (!isOld || isFinished(pod) || !pod.spec.nodeName) again();
  });
  for (const informer of [claims, volumes, classes]) informer.onChange(again);
  namespaces.onChange((now, before) => {
    if (!same(now?.metadata.labels, before?.metadata.labels)) again();
  });

  function look(waiting: ReadonlySet<string>): Cluster {
    const now = clock.now();
    for (const [uid, { until }] of assumed) if (until <= now) assumed.delete(uid);
    return clusterOf({
      nodes: nodes.store.all() as readonly Node[],
      pods: (pods.store.all() as readonly Pod[]).filter((pod) => !waiting.has(pod.metadata.uid ?? "")),
      assumed: new Map([...assumed].map(([uid, { node }]) => [uid, node])),
      namespaceLabels: (name) => namespaces.store.get("", name)?.metadata.labels,
      volumes: {
        claim: (namespace, name) => claims.store.get(namespace, name) as Claim | undefined,
        volume: (name) => volumes.store.get("", name) as PersistentVolume | undefined,
        volumes: () => volumes.store.all() as readonly PersistentVolume[],
        storageClass: (name) => classes.store.get("", name) as StorageClass | undefined,
      },
    });
  }

  async function bind(pod: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { namespace = "", name = "", uid = "" } = pod.metadata;
    const binding: KubeObject = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { namespace, name, uid },
      target: { apiVersion: "v1", kind: "Node", name: node },
    };
    assumed.set(uid, { node, until: clock.now() + assumption });
    try {
      const subresourceOf = { namespace, name, subresource: "binding" };
      await client.create(kinds.pods, binding, { subresourceOf, signal });
    } catch (error) {
      assumed.delete(uid);
      throw error;
    }
    const message = `Successfully assigned ${namespace}/${name} to ${node}`;
    events.record(pod, { type: "Normal", reason: "Scheduled", message, component: schedulerName });
  }

  async function refuse(
    pod: Pod,
    { refusal, nominated }: { readonly refusal: string; readonly nominated: string | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const isGated = (pod.spec.schedulingGates?.length ?? 0) > 0;
    const reason = isGated ? "SchedulingGated" : "Unschedulable";
    const present = condition(pod.status?.conditions, "PodScheduled");
    const wanted = { type: "PodScheduled", status: "False", reason, message: refusal } as const;
    const isSaid = present?.reason === reason && present.message === refusal && present.status === "False";
    const before = told.get(pod.metadata.uid ?? "");
    const isDue = before?.refusal !== refusal || clock.now() - before.at >= reminder;
    if (!isGated && isDue) {
      told.set(pod.metadata.uid ?? "", { refusal, at: clock.now() });
      events.record(pod, {
        type: "Warning",
        reason: "FailedScheduling",
        message: refusal,
        component: schedulerName,
      });
    }
    const { nominatedNodeName, ...rest } = pod.status ?? {};
    if (isSaid && same(nominatedNodeName, nominated)) return;
    const conditions = withCondition(rest.conditions, wanted, clock.now());
    const room = nominated === undefined ? {} : { nominatedNodeName: nominated };
    const status = { phase: "Pending", ...rest, ...room, conditions };
    await client.update(kinds.pods, { ...pod, status }, { subresource: "status", signal });
  }

  /** Claims that wait for their first consumer learn its node; the pod is bound when they are. Says whether there was any. */
  async function tellClaims(told: readonly Claim[], node: string, signal: AbortSignal): Promise<boolean> {
    for (const claim of told) {
      if (claim.metadata.annotations?.[selectedNode] === node) continue;
      const { uid } = claim.metadata;
      const patch = { metadata: { uid, annotations: { [selectedNode]: node } } };
      await client.patch(kinds.claims, place(claim), patch, { type: "application/merge-patch+json", signal });
    }
    return told.length > 0;
  }

  /** The decision, with the claims that have to learn of it first; the pod's room on the node is taken. */
  function decideFor(pod: Pod, seen: Look): Outcome {
    const { cluster } = seen;
    if ((pod.spec.schedulingGates?.length ?? 0) > 0) return { ...gated, waiting: [] };
    const nominated = cluster.nodes.find(({ name }) => name === pod.status?.nominatedNodeName);
    const isFree = nominated !== undefined && fits(pod, cluster, nominated);
    const decision = isFree ? { node: nominated.name } : decide(pod, cluster, random);
    if ("node" in decision) {
      take(pod, decision.node, cluster);
      return { ...decision, waiting: claimsToTell(pod, cluster) };
    }
    const preemption = planPreemption(pod, seen);
    for (const { metadata } of preemption?.victims ?? []) seen.going.add(metadata.uid ?? "");
    // No less important pod may take the room that is being made.
    if (preemption) take(pod, preemption.node, cluster);
    return { ...decision, waiting: [], preemption };
  }

  async function write(pod: Pod, decision: Outcome, signal: AbortSignal): Promise<void> {
    if ("refusal" in decision) {
      const { refusal, preemption } = decision;
      if (preemption) {
        await makeRoom(context, preemption, { preemptor: pod, component: schedulerName, signal });
      }
      return refuse(pod, { refusal, nominated: preemption?.node }, signal);
    }
    if (await tellClaims(decision.waiting, decision.node, signal)) return undefined;
    return bind(pod, decision.node, signal);
  }

  return {
    name: "scheduler",
    informers: [pods, nodes, namespaces, claims, volumes, classes],
    async reconcile(_key, signal) {
      const queue = queueOf(pods.store.onNoNode() as readonly Pod[], schedulerName).filter(
        (pod) => !assumed.has(pod.metadata.uid ?? ""),
      );
      if (queue.length === 0) return undefined;
      const seen = {
        going: new Set<string>(),
        cluster: look(new Set(queue.map((pod) => pod.metadata.uid ?? ""))),
      };
      let failures = 0;
      // Decided one after the other, since each takes room from the next; written together.
      const decided = queue.map((pod) => ({ pod, decision: decideFor(pod, seen) }));
      await forAll(decided, async ({ pod, decision }) => {
        try {
          await write(pod, decision, signal);
        } catch (error) {
          failures++;
          if (signal.aborted || (error instanceof KubeError && isStale(error))) return;
          log(`scheduler: cannot place pod "${keyOf(pod)}": ${String(error)}`);
        }
      });
      // Pods that could not be written are tried again soon; the others when something changes, and for their reminder.
      return failures > 0 ? 1000 : reminder;
    },
  };
}

function take(pod: Pod, node: string, cluster: Cluster): void {
  const info = cluster.nodes.find(({ name }) => name === node);
  if (info) addPod(info, pod);
}

/** What a node offers is other than before; heartbeats are not. */
function hasOtherOffer(now: Node, before: Node): boolean {
  return (
    !same(now.metadata.labels, before.metadata.labels) ||
    !same(now.spec, before.spec) ||
    !same(now.status?.allocatable, before.status?.allocatable)
  );
}
