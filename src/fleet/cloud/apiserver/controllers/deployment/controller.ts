import { KubeError } from "../../../../../spec/kubernetes/kube.ts";
import { claims, writeClaims } from "../adopt.ts";
import {
  place,
  unlessGone,
  writeStatus,
  type Context,
  type Controller,
  type Enqueue,
  lookAtChanged,
} from "../controller.ts";
import { kinds, type Deployment, type Pod, type ReplicaSet } from "../kinds.ts";
import { isNamespaceGoing } from "../pods.ts";
import { controllerOf, isControlledBy, keyOf, oldestFirst, splitKey } from "../references.ts";
import { selects } from "../selectors.ts";
import { planDeployment, type DeploymentStep } from "./plan.ts";
import { sameTemplate } from "./revisions.ts";
import { replicasOf } from "./rollout.ts";
import { sameStatus, statusOf } from "./status.ts";

const component = "deployment-controller";

/** Rolls deployments out by sizing their replica sets. */
export function deploymentController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, clock, events } = context;
  const deployments = informers.of(kinds.deployments);
  const sets = informers.of(kinds.replicaSets);
  const pods = informers.of(kinds.pods);
  lookAtChanged(deployments, enqueue);
  sets.onChange((now, before) => {
    for (const set of [now, before]) if (set) enqueueOwners(set);
  });
  // Only Recreate waits for pods rather than for the sets' counts.
  pods.onChange((now, before) => {
    const owner = before && !now ? controllerOf(before) : undefined;
    const set =
      owner?.kind === "ReplicaSet" ? sets.store.get(before?.metadata.namespace, owner.name) : undefined;
    if (set) enqueueOwners(set);
  });

  function enqueueOwners(set: ReplicaSet | { metadata: ReplicaSet["metadata"] }): void {
    const owner = controllerOf(set as ReplicaSet);
    const { namespace = "", labels } = set.metadata;
    if (owner) {
      if (owner.kind === "Deployment") enqueue(`${namespace}/${owner.name}`);
      return;
    }
    for (const one of deployments.store.inNamespace(namespace) as readonly Deployment[]) {
      if (selects(one.spec.selector, labels)) enqueue(keyOf(one));
    }
  }

  async function create(deployment: Deployment, set: ReplicaSet, signal: AbortSignal): Promise<void> {
    try {
      await client.create(kinds.replicaSets, set, { signal });
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "AlreadyExists") throw error;
      const present = (await client.get(kinds.replicaSets, place(set), signal)) as ReplicaSet;
      const isOurs =
        isControlledBy(present, deployment) && sameTemplate(present.spec.template, set.spec.template);
      if (isOurs) return;
      // Another template has the same hash: the next look salts it.
      const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
      const status = { ...deployment.status, collisionCount };
      await writeStatus(client, kinds.deployments, deployment, { status, signal });
      return;
    }
    const { name = "" } = set.metadata;
    sayScaled(deployment, `Scaled up replica set ${name} from 0 to ${replicasOf(set)}`);
    // A look at the new set's deployment follows; that the progress begins here is written at once.
    const latest = (deployments.store.get(set.metadata.namespace, deployment.metadata.name ?? "") ??
      deployment) as Deployment;
    if (latest.metadata.generation !== deployment.metadata.generation) return;
    const all = (sets.store.ownedBy(deployment.metadata.uid ?? "") as readonly ReplicaSet[]).toSorted(
      oldestFirst,
    );
    const current = all.find((one) => one.metadata.name === name);
    const { status } = statusOf({
      deployment: latest,
      current,
      old: all.filter((one) => one !== current),
      now: clock.now(),
      began: "NewReplicaSetCreated",
    });
    if (!sameStatus(latest, status)) await writeStatus(client, kinds.deployments, latest, { status, signal });
  }

  async function change(
    deployment: Deployment,
    step: DeploymentStep & { do: "change" },
    signal: AbortSignal,
  ) {
    const { set, replicas, annotations } = step;
    const patch = {
      metadata: { uid: set.metadata.uid, ...(annotations ? { annotations } : {}) },
      ...(replicas === undefined ? {} : { spec: { replicas } }),
    };
    await client.patch(kinds.replicaSets, place(set), patch, {
      type: "application/merge-patch+json",
      signal,
    });
    const before = replicasOf(set);
    if (replicas === undefined || replicas === before) return;
    const direction = replicas > before ? "up" : "down";
    const { name = "" } = set.metadata;
    sayScaled(deployment, `Scaled ${direction} replica set ${name} from ${before} to ${replicas}`);
  }

  function sayScaled(deployment: Deployment, message: string): void {
    events.record(deployment, { type: "Normal", reason: "ScalingReplicaSet", message, component });
  }

  async function act(deployment: Deployment, step: DeploymentStep, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case "create":
        return create(deployment, step.set, signal);
      case "change":
        return change(deployment, step, signal);
      case "delete": {
        const { uid = "" } = step.set.metadata;
        await unlessGone(
          client.delete(kinds.replicaSets, place(step.set), {
            preconditions: { uid },
            propagationPolicy: "Background",
            signal,
          }),
        );
        return undefined;
      }
      case "revision": {
        const annotations = { "deployment.kubernetes.io/revision": step.revision };
        const { uid } = deployment.metadata;
        await client.patch(
          kinds.deployments,
          place(deployment),
          { metadata: { uid, annotations } },
          {
            type: "application/merge-patch+json",
            signal,
          },
        );
        return undefined;
      }
      case "status": {
        const latest = deployments.store.get(deployment.metadata.namespace, deployment.metadata.name ?? "");
        // The steps before this one may have written the deployment, but nobody else may have changed what it says.
        if (latest?.metadata.generation !== deployment.metadata.generation || !latest) return undefined;
        await writeStatus(client, kinds.deployments, latest, { status: step.status, signal });
        return undefined;
      }
      case "look again":
        return undefined;
    }
  }

  return {
    name: "deployment",
    informers: [deployments, sets, pods],
    async reconcile(key, signal) {
      const { namespace, name } = splitKey(key);
      const deployment = deployments.store.get(namespace, name) as Deployment | undefined;
      if (!deployment) return undefined;
      const candidates = sets.store.inNamespace(namespace) as readonly ReplicaSet[];
      const claimed = claims(deployment, deployment.spec.selector, candidates);
      await writeClaims(client, kinds.replicaSets, deployment, { ...claimed, signal });
      if (claimed.adopt.length > 0) return 0;
      const owned = claimed.owned;
      const ownPods = owned.flatMap((set) => pods.store.ownedBy(set.metadata.uid ?? "") as readonly Pod[]);
      const state = { deployment, sets: owned, pods: ownPods, now: clock.now() };
      const steps = planDeployment(state);
      const created = steps.some((step) => step.do === "create");
      try {
        for (const step of steps) {
          // The new replica set is not in the counts that this status was made of.
          if (created && step.do === "status") continue;
          await act(deployment, step, signal);
        }
      } catch (error) {
        if (isNamespaceGoing(error)) return undefined;
        if (created) await reportFailure(state, error, signal);
        throw error;
      }
      return steps.find((step) => step.do === "look again")?.after;
    },
  };

  async function reportFailure(
    state: { deployment: Deployment; sets: readonly ReplicaSet[]; now: number },
    error: unknown,
    signal: AbortSignal,
  ): Promise<void> {
    if (error instanceof KubeError && error.reason === "Conflict") return;
    const failure = error instanceof Error ? error.message : String(error);
    const message = `Failed to create new replica set: ${failure}`;
    events.record(state.deployment, { type: "Warning", reason: "ReplicaSetCreateError", message, component });
    const { status } = statusOf({ ...state, current: undefined, old: state.sets, failure });
    if (sameStatus(state.deployment, status)) return;
    await writeStatus(client, kinds.deployments, state.deployment, { status, signal });
  }
}
