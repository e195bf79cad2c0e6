import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { claims, writeClaims } from "../adopt.ts";
import { writeStatus, type Context, type Controller, type Enqueue, lookAtChanged } from "../controller.ts";
import { kinds, type ControllerRevision, type DaemonSet, type Node, type Pod } from "../kinds.ts";
import { createPods, deletePod, isNamespaceGoing, podOf } from "../pods.ts";
import { controllerOf, keyOf, same, splitKey } from "../references.ts";
import { selects } from "../selectors.ts";
import { affinityTo, daemonTolerations } from "./eligible.ts";
import { keepHistory } from "./history.ts";
import { planDaemonSet, type DaemonSetStep } from "./plan.ts";
import { hashLabel } from "./revisions.ts";

const component = "daemonset-controller";
const firstBackoff = 1000;
const longestBackoff = 15 * 60_000;

interface Failures {
  readonly count: number;
  /** The next pod that fails goes not before this. */
  readonly until: number;
}

interface Wanted {
  readonly set: DaemonSet;
  /** Of its template. */
  readonly hash: string;
}

/** Keeps a pod of each daemon set on every node that it is meant for. */
export function daemonSetController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, clock, events } = context;
  const sets = informers.of(kinds.daemonSets);
  const pods = informers.of(kinds.pods);
  const revisions = informers.of(kinds.controllerRevisions);
  const nodes = informers.of(kinds.nodes);
  /** Key of the set and node → how often its pod failed. */
  const failures = new Map<string, Failures>();
  lookAtChanged(sets, enqueue);
  nodes.onChange((now, before) => {
    const isHeartbeat =
      now && before && same(now.metadata.labels, before.metadata.labels) && same(now["spec"], before["spec"]);
    if (!isHeartbeat) for (const set of sets.store.all()) enqueue(keyOf(set));
  });
  for (const informer of [pods, revisions]) {
    informer.onChange((now, before) => {
      for (const object of [now, before]) if (object) enqueueOwners(object);
    });
  }

  function enqueueOwners(object: KubeObject): void {
    const owner = controllerOf(object);
    const { namespace = "", labels } = object.metadata;
    if (owner?.kind === "DaemonSet") enqueue(`${namespace}/${owner.name}`);
    if (owner) return;
    for (const set of sets.store.inNamespace(namespace) as readonly DaemonSet[]) {
      if (selects(set.spec.selector, labels)) enqueue(keyOf(set));
    }
  }

  /** Milliseconds to wait before the failed pod goes; 0 when it went. */
  async function replace(
    set: DaemonSet,
    step: DaemonSetStep & { do: "replace failed" },
    signal: AbortSignal,
  ): Promise<number> {
    const key = `${keyOf(set)}@${step.node}`;
    const { count, until } = failures.get(key) ?? { count: 0, until: 0 };
    const left = until - clock.now();
    if (left > 0) return left;
    const wait = Math.min(longestBackoff, firstBackoff * 2 ** Math.min(count, 20));
    failures.set(key, { count: count + 1, until: clock.now() + wait });
    const { namespace = "", name = "" } = step.pod.metadata;
    const message = `Found failed daemon pod ${namespace}/${name} on node ${step.node}, will try to kill it`;
    events.record(set, { type: "Warning", reason: "FailedDaemonPod", message, component });
    await deletePod(context, set, { pod: step.pod, component, signal });
    return 0;
  }

  /** Milliseconds after which to look again, if need be. */
  async function act(
    { set, hash }: Wanted,
    step: DaemonSetStep,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    switch (step.do) {
      case "create":
        await createPods(context, set, { pods: [daemonPod(set, step.node, hash)], component, signal });
        return undefined;
      case "delete":
        await deletePod(context, set, { pod: step.pod, component, signal });
        return undefined;
      case "replace failed":
        return (await replace(set, step, signal)) || undefined;
      case "status":
        await writeStatus(client, kinds.daemonSets, set, { status: step.status, signal });
        return undefined;
      case "look again":
        return step.after;
    }
  }

  function forget(key: string): void {
    for (const one of failures.keys()) if (one.startsWith(`${key}@`)) failures.delete(one);
  }

  return {
    name: "daemonset",
    informers: [sets, pods, revisions, nodes],
    async reconcile(key, signal) {
      const { namespace, name } = splitKey(key);
      const set = sets.store.get(namespace, name) as DaemonSet | undefined;
      if (!set) {
        forget(key);
        return undefined;
      }
      const claimed = claims(set, set.spec.selector, pods.store.inNamespace(namespace) as readonly Pod[]);
      await writeClaims(client, kinds.pods, set, { ...claimed, signal });
      const state = {
        set,
        pods: claimed.owned,
        revisions: revisions.store.inNamespace(namespace) as readonly ControllerRevision[],
      };
      try {
        const hash = await keepHistory(context, state, signal);
        return hash === undefined ? undefined : await spread({ ...state, hash }, signal);
      } catch (error) {
        if (isNamespaceGoing(error)) return undefined;
        throw error;
      }
    },
  };

  async function spread(
    wanted: Wanted & { readonly pods: readonly Pod[] },
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const steps = planDaemonSet({
      ...wanted,
      nodes: nodes.store.all() as readonly Node[],
      now: clock.now(),
    });
    const times: number[] = [];
    for (const step of steps) times.push((await act(wanted, step, signal)) ?? Infinity);
    const soonest = Math.min(...times);
    return Number.isFinite(soonest) ? soonest : undefined;
  }
}

/** The set's pod for one node; `hash` names its template. */
export function daemonPod(set: DaemonSet, node: string, hash: string): Pod {
  const pod = podOf(set, set.spec.template);
  pod.metadata.labels = { ...pod.metadata.labels, [hashLabel]: hash };
  pod.spec = {
    ...pod.spec,
    affinity: affinityTo(node, pod.spec.affinity),
    tolerations: daemonTolerations(pod.spec),
  };
  return pod;
}
