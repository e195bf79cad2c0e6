/** Pods made from templates, and the order in which the superfluous ones go. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import { created, controllerReference, condition, isReady } from "./references.ts";
import { milliseconds } from "../../../../base/clock.ts";
import { unlessGone, type Context } from "./controller.ts";
import { kinds, type Pod, type PodTemplate } from "./kinds.ts";

/** A pod of the template with `owner` as its controller. The server makes its name. */
export function podOf(owner: KubeObject, template: PodTemplate): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const prefix = `${owner.metadata.name ?? ""}-`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: prefix,
      namespace: owner.metadata.namespace ?? "",
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ...(finalizers ? { finalizers: [...finalizers] } : {}),
      ownerReferences: [controllerReference(owner)],
    },
    spec: structuredClone(template.spec),
  };
}

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}

function restarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((one) => one.restartCount ?? 0));
}

/** Since when it is ready; what is not known is long ago. */
function readySince(pod: Pod): number {
  return milliseconds(condition(pod.status?.conditions, "Ready")?.lastTransitionTime) ?? 0;
}

/**
 * The order in which pods are deleted when there are too many: not scheduled, not running, not ready, cheap ones, crowded nodes, ready for a short time, restarted often, young.
 * Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
 */
export function deletionOrder(pods: readonly Pod[]): readonly Pod[] {
  const crowd = new Map<string, number>();
  for (const { spec } of pods) crowd.set(spec.nodeName ?? "", (crowd.get(spec.nodeName ?? "") ?? 0) + 1);
  function ranks(pod: Pod): readonly number[] {
    return [
      pod.spec.nodeName ? 1 : 0,
      phaseOrder[pod.status?.phase ?? "Pending"] ?? 1,
      isReady(pod) ? 1 : 0,
      deletionCost(pod),
      -(crowd.get(pod.spec.nodeName ?? "") ?? 0),
      -readySince(pod),
      -restarts(pod),
      -created(pod),
    ];
  }
  const ranked = pods.map((pod) => ({ pod, ranks: ranks(pod) }));
  ranked.sort((a, b) => {
    const at = a.ranks.findIndex((rank, index) => rank !== b.ranks[index]);
    return at < 0 ? 0 : (a.ranks[at] ?? 0) - (b.ranks[at] ?? 0);
  });
  return ranked.map(({ pod }) => pod);
}

/** Creates pods in batches of 1, 2, 4, …: what the API refuses once is not asked for a thousand times. Throws the first refusal. */
export async function createPods(
  { client, events }: Context,
  owner: KubeObject,
  options: { readonly pods: readonly Pod[]; readonly component: string; readonly signal: AbortSignal },
): Promise<void> {
  const { pods, component, signal } = options;
  for (let done = 0, batch = 1; done < pods.length; done += batch, batch *= 2) {
    const results = await Promise.allSettled(
      pods.slice(done, done + batch).map((pod) => client.create(kinds.pods, pod, { signal })),
    );
    for (const result of results) {
      if (result.status === "rejected") {
        const message = `Error creating: ${result.reason instanceof Error ? result.reason.message : String(result.reason)}`;
        events.record(owner, { type: "Warning", reason: "FailedCreate", message, component });
        throw result.reason;
      }
      const message = `Created pod: ${result.value.metadata.name ?? ""}`;
      events.record(owner, { type: "Normal", reason: "SuccessfulCreate", message, component });
    }
  }
}

export async function deletePod(
  { client, events }: Context,
  owner: KubeObject,
  options: { readonly pod: Pod; readonly component: string; readonly signal: AbortSignal },
): Promise<void> {
  const { pod, component, signal } = options;
  const { namespace, name = "", uid } = pod.metadata;
  const gone = await unlessGone(
    client.delete(kinds.pods, { namespace, name }, { ...(uid ? { preconditions: { uid } } : {}), signal }),
  );
  if (!gone) return;
  events.record(owner, {
    type: "Normal",
    reason: "SuccessfulDelete",
    message: `Deleted pod: ${name}`,
    component,
  });
}

/** Whether the API refused because the namespace is being deleted: nothing to try again for. */
export function isNamespaceGoing(error: unknown): boolean {
  return (
    error instanceof KubeError &&
    (error.details?.causes ?? []).some((cause) => cause.reason === "NamespaceTerminating")
  );
}
