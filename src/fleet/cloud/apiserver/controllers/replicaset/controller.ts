import { claims, writeClaims } from "../adopt.ts";
import {
  forAll,
  writeStatus,
  type Context,
  type Controller,
  type Enqueue,
  lookAtChanged,
} from "../controller.ts";
import { kinds, type Pod, type ReplicaSet } from "../kinds.ts";
import { createPods, deletePod, isNamespaceGoing, podOf } from "../pods.ts";
import { controllerOf, isDeleting, keyOf, splitKey } from "../references.ts";
import { selects } from "../selectors.ts";
import { planReplicaSet, planReplicaSetStatus, type ReplicaSetState, type ReplicaSetStep } from "./plan.ts";

/** Pods that become ready shortly after one another come into one write of the status, in milliseconds. */
const gather = 50;
const component = "replicaset-controller";

/** Keeps as many pods of each replica set as it says. */
export function replicaSetController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, clock } = context;
  const sets = informers.of(kinds.replicaSets);
  const pods = informers.of(kinds.pods);
  lookAtChanged(sets, enqueue);
  pods.onChange((now, before) => {
    const isThere = now !== undefined && before !== undefined && isDeleting(now) === isDeleting(before);
    const wait = isThere ? gather : 0;
    for (const pod of [now, before]) {
      if (!pod) continue;
      const owner = controllerOf(pod);
      const { namespace = "" } = pod.metadata;
      if (owner) {
        if (owner.kind === "ReplicaSet") enqueue(`${namespace}/${owner.name}`, wait);
        continue;
      }
      for (const set of sets.store.inNamespace(namespace) as readonly ReplicaSet[]) {
        if (selects(set.spec.selector, pod.metadata.labels)) enqueue(keyOf(set));
      }
    }
  });

  async function act(set: ReplicaSet, steps: readonly ReplicaSetStep[], signal: AbortSignal): Promise<void> {
    for (const step of steps) {
      if (step.do === "create") {
        const wanted = Array.from({ length: step.count }, () => podOf(set, set.spec.template));
        await createPods(context, set, { pods: wanted, component, signal });
      }
    }
    const superfluous = steps.flatMap((step) => (step.do === "delete" ? [step.pod] : []));
    await forAll(superfluous, (pod) => deletePod(context, set, { pod, component, signal }));
  }

  /** Writes the status if the steps say so. Milliseconds after which to look again. */
  async function report(
    replicaSet: ReplicaSet,
    steps: readonly ReplicaSetStep[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    let again: number | undefined;
    for (const step of steps) {
      if (step.do === "status") {
        const { status } = step;
        await writeStatus(client, kinds.replicaSets, replicaSet, { status, signal });
      } else if (step.do === "look again") again = Math.min(again ?? step.after, step.after);
    }
    return again;
  }

  return {
    name: "replicaset",
    informers: [sets, pods],
    async reconcile(key, signal) {
      const { namespace, name } = splitKey(key);
      const replicaSet = sets.store.get(namespace, name) as ReplicaSet | undefined;
      if (!replicaSet) return undefined;
      const candidates = pods.store.inNamespace(namespace) as readonly Pod[];
      const claimed = claims(replicaSet, replicaSet.spec.selector, candidates);
      await writeClaims(client, kinds.pods, replicaSet, { ...claimed, signal });
      const owned = [...claimed.owned, ...claimed.adopt];
      const steps = planReplicaSet({ replicaSet, pods: owned, now: clock.now() });
      const isCalm = steps.every((step) => step.do === "status" || step.do === "look again");
      if (isCalm) return report(replicaSet, steps, signal);
      const isCreating = steps.some((step) => step.do === "create");
      try {
        await act(replicaSet, steps, signal);
      } catch (error) {
        if (isNamespaceGoing(error)) return undefined;
        const reason = isCreating ? ("FailedCreate" as const) : ("FailedDelete" as const);
        const message = error instanceof Error ? error.message : String(error);
        await report(replicaSet, statusNow({ reason, message }), signal);
        throw error;
      }
      return report(replicaSet, statusNow(), signal);

      /** After the steps were taken, or some of them. */
      function statusNow(failure?: ReplicaSetState["failure"]): readonly ReplicaSetStep[] {
        const set = replicaSet as ReplicaSet;
        const all = pods.store.inNamespace(namespace) as readonly Pod[];
        const { owned: left } = claims(set, set.spec.selector, all);
        const state = { replicaSet: set, pods: left, now: clock.now() };
        return planReplicaSetStatus(failure ? { ...state, failure } : state);
      }
    },
  };
}
