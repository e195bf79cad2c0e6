/** Which nodes a daemon set's pods run on. Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/#how-daemon-pods-are-scheduled */
import type { Affinity, DaemonSet, Node, Pod, PodSpec, Toleration } from "../kinds.ts";
import { matchesNodeAffinity } from "../scheduler/node-affinity.ts";
import { notReady, unreachable, unschedulable, untolerated } from "../taints.ts";

const exists = "Exists";

/** A daemon's pod stays on its node whatever becomes of the node. */
const added: readonly Toleration[] = [
  { key: notReady, operator: exists, effect: "NoExecute" },
  { key: unreachable, operator: exists, effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: exists, effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: exists, effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: exists, effect: "NoSchedule" },
  { key: unschedulable, operator: exists, effect: "NoSchedule" },
];
const network: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: exists,
  effect: "NoSchedule",
};

export function daemonTolerations(spec: PodSpec): readonly Toleration[] {
  const own = spec.tolerations ?? [];
  const wanted = spec.hostNetwork ? [...added, network] : added;
  const isThere = (one: Toleration): boolean =>
    own.some(({ key, operator, effect }) => key === one.key && operator === exists && effect === one.effect);
  return [...own, ...wanted.filter((one) => !isThere(one))];
}

export interface Eligibility {
  readonly shouldRun: boolean;
  /** A pod that is there already may stay. */
  readonly mayStay: boolean;
}

export function eligibility({ spec }: DaemonSet, node: Node): Eligibility {
  const template = spec.template.spec;
  const isNamed = template.nodeName === undefined || template.nodeName === node.metadata.name;
  if (!isNamed || !matchesNodeAffinity({ spec: template }, node)) return { shouldRun: false, mayStay: false };
  const tolerations = daemonTolerations(template);
  const { taints } = node.spec ?? {};
  const mayStay = untolerated(tolerations, taints, ["NoExecute"]) === undefined;
  return { shouldRun: mayStay && untolerated(tolerations, taints, ["NoSchedule"]) === undefined, mayStay };
}

/** The affinity by which the scheduler puts the pod on this node and no other; the template's wishes are kept. */
export function affinityTo(nodeName: string, affinity: Affinity | undefined): Affinity {
  const matchFields = [{ key: "metadata.name", operator: "In", values: [nodeName] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}

/** The node that a daemon's pod is on, or is meant for. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms
    .flatMap(({ matchFields = [] }) => matchFields)
    .find(({ key, operator, values }) => key === "metadata.name" && operator === "In" && values?.length === 1)
    ?.values?.[0];
}
