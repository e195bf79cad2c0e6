/**
 * Whether this node can take a pod that came to it, asked once before anything is made of it. The scheduler of the cloud has asked the same; a pod may name its node itself, and the node may have become
 * another meanwhile. Pure. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { nanoOf } from "../../../spec/kubernetes/quantity.ts";
import { critical } from "./eviction.ts";
import type { Pressure } from "./node-status.ts";
import { PodError } from "./pod-error.ts";
import { effective, qosClass, requestsOf } from "./qos.ts";
import { isOnNode } from "./volumes/node-selector.ts";

/** What requests are counted against: thousandths of processors, and bytes. */
const resources = {
  cpu: ["OutOfcpu", 1_000_000n],
  memory: ["OutOfmemory", 1_000_000_000n],
  "ephemeral-storage": ["OutOfephemeral-storage", 1_000_000_000n],
} as const;
type Resource = keyof typeof resources;

export interface Room {
  /** cpu in thousandths, the others in bytes. */
  readonly allocatable: Readonly<Record<Resource, number>>;
  readonly pressures: readonly Pressure[];
  /** Those that were taken and have not ended, nor were told to. */
  readonly others: readonly Pod[];
}

/** Why the node cannot take it, in kubelet's words; undefined when it can. */
export function refusal(pod: Pod, room: Room): PodError | undefined {
  return underPressure(pod, room.pressures) ?? outOf(pod, room) ?? portTaken(pod, room.others);
}

export const isCritical = ({ spec }: Pod): boolean => (spec.priority ?? 0) >= critical;

function rejected(reason: PodError["reason"], why: string): PodError {
  return new PodError(reason, `Pod was rejected: ${why}`);
}

/** Of memory, only those go away that have asked for none and do not tolerate it. */
function underPressure(pod: Pod, pressures: readonly Pressure[]): PodError | undefined {
  if (pressures.length === 0) return undefined;
  const isForMemoryAlone = pressures.every((each) => each === "MemoryPressure");
  if (isForMemoryAlone && (qosClass(pod) !== "BestEffort" || toleratesMemoryPressure(pod))) return undefined;
  return rejected("Evicted", `The node had condition: [${pressures.join(" ")}]. `);
}

function toleratesMemoryPressure(pod: Pod): boolean {
  return tolerates(pod, { key: "node.kubernetes.io/memory-pressure", effect: "NoSchedule" });
}

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

function tolerates({ spec }: Pod, taint: Taint): boolean {
  return (spec.tolerations ?? []).some(
    ({ key = "", operator = "Equal", value = "", effect = "" }) =>
      (effect === "" || effect === taint.effect) &&
      (key === taint.key || (key === "" && operator === "Exists")) &&
      (operator === "Exists" || value === (taint.value ?? "")),
  );
}

/** What a cloud says of a node that it does not hear. Whoever asks here is on it, and it is there. */
const ofSilence = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];

/** As kubelet: of a NoExecute taint that it does not tolerate, for however short a time. Taints that come later are the cloud's to act upon. */
export function untolerated(pod: Pod, node: KubeObject | undefined): PodError | undefined {
  const { taints } = (node?.["spec"] ?? {}) as { readonly taints?: unknown };
  const all = Array.isArray(taints) ? (taints as Partial<Taint>[]) : [];
  const bad = all.find(
    ({ key = "", effect = "", value = "" }) =>
      effect === "NoExecute" && !ofSilence.includes(key) && !tolerates(pod, { key, effect, value }),
  );
  return (
    bad &&
    rejected(
      "TaintToleration",
      "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    )
  );
}

/** How many pods there may be is the business of workers.ts. */
function outOf(pod: Pod, room: Room): PodError | undefined {
  const found = missing(pod, room);
  if (!found) return undefined;
  const { name, asked, used, capacity } = found;
  return rejected(
    resources[name][0],
    `Node didn't have enough resource: ${name}, requested: ${asked}, used: ${used}, capacity: ${capacity}`,
  );
}

interface Missing {
  readonly name: Resource;
  readonly asked: number;
  readonly used: number;
  readonly capacity: number;
}

/** The first of what it asks for that is not left. */
export function missing(
  pod: Pod,
  { allocatable, others }: Pick<Room, "allocatable" | "others">,
): Missing | undefined {
  for (const name of Object.keys(resources) as Resource[]) {
    const asked = request(pod, name);
    const used = others.reduce((sum, other) => sum + request(other, name), 0);
    const capacity = allocatable[name];
    if (asked > 0 && used + asked > capacity) return { name, asked, used, capacity };
  }
  return undefined;
}

/** Of a whole pod. */
function request({ spec }: Pod, name: Resource): number {
  const own = spec.resources && nanoOf(requestsOf(spec.resources)[name]);
  const amount =
    own !== undefined && own > 0n
      ? own
      : effective(spec, (container) => nanoOf(requestsOf(container.resources)[name]));
  return Number((amount + nanoOf(spec.overhead?.[name])) / resources[name][1]);
}

interface HostPort {
  readonly ip: string;
  readonly port: string;
}

function portTaken(pod: Pod, others: readonly Pod[]): PodError | undefined {
  const taken = others.flatMap(hostPorts);
  const everywhere = (ip: string) => ip === "" || ip === "0.0.0.0" || ip === "::";
  const collides = (a: HostPort, b: HostPort) =>
    a.port === b.port && (a.ip === b.ip || everywhere(a.ip) || everywhere(b.ip));
  return hostPorts(pod).some((port) => taken.some((each) => collides(port, each)))
    ? rejected(
        "NodePorts",
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
      )
    : undefined;
}

function hostPorts({ spec }: Pod): HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...sidecars, ...spec.containers].flatMap(({ ports }) =>
    (ports ?? [])
      .filter(({ hostPort }) => hostPort !== undefined && hostPort !== 0)
      .map(({ hostPort, hostIP = "", protocol = "TCP" }) => ({
        ip: hostIP,
        port: `${String(hostPort)}/${protocol}`,
      })),
  );
}

/** By labels of the node as they are now. */
export function wantsNode({ spec }: Pod, name: string, node: KubeObject | undefined): boolean {
  const labels = Object.entries(spec.nodeSelector ?? {});
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const matchExpressions = labels.map(([key, value]) => ({ key, operator: "In", values: [value] }));
  return (
    (labels.length === 0 || isOnNode({ nodeSelectorTerms: [{ matchExpressions }] }, name, node)) &&
    (required === undefined || isOnNode(required, name, node))
  );
}

export const wrongNode = (): PodError =>
  rejected(
    "NodeAffinity",
    "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  );
