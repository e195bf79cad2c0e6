/**
 * Which service a pod gets when the node is short of something: its class, its place among the cgroups, its limits, and who dies first. Pure.
 * Sources: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ and https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ (oom_score_adj).
 */
import type { Container, Pod, Quantities } from "../../../spec/kubernetes/pod.ts";
import { milliOf, nanoOf, unitsOf } from "../../../spec/kubernetes/quantity.ts";
import { invalid } from "../../../base/errors.ts";
import { shown } from "./pod-error.ts";
import type { NodeFacts } from "./translate.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** Those that a class is about. */
const counted = ["cpu", "memory"] as const;

export function qosClass({ spec }: Pick<Pod, "spec">): QosClass {
  const parts = spec.resources ? [spec] : [...(spec.initContainers ?? []), ...spec.containers];
  const asked = parts.map(({ resources }) => ({
    requests: requestsOf(resources),
    limits: resources?.limits ?? {},
  }));
  const has = (list: Quantities, name: string) => nanoOf(list[name]) > 0n;
  if (!asked.some(({ requests, limits }) => counted.some((name) => has(requests, name) || has(limits, name))))
    return "BestEffort";
  const isFull = asked.every(({ requests, limits }) =>
    counted.every((name) => has(limits, name) && nanoOf(requests[name]) === nanoOf(limits[name])),
  );
  return isFull ? "Guaranteed" : "Burstable";
}

/** What is not requested but limited is requested up to its limit. */
export function requestsOf(resources: Container["resources"]): Quantities {
  return { ...resources?.limits, ...resources?.requests };
}

/** Of pods that the node cannot do without. https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/ */
const nodeCritical = 2_000_001_000;
const guaranteed = -997;

/** oom_score_adj of a container's processes. */
export function oomScore(
  pod: Pod,
  container: Container,
  node: Pick<NodeFacts, "memory" | "leastOomScore">,
): number {
  const sidecar = (pod.spec.initContainers ?? []).some(
    ({ name, restartPolicy }) => name === container.name && restartPolicy === "Always",
  );
  const own = scoreOf(pod, container, node.memory);
  // A sidecar goes no sooner than those whom it serves.
  const score = sidecar
    ? Math.min(own, ...pod.spec.containers.map((each) => scoreOf(pod, each, node.memory)))
    : own;
  return Math.max(score, node.leastOomScore ?? -1000);
}

function scoreOf(pod: Pod, container: Container, memory: number): number {
  if ((pod.spec.priority ?? 0) >= nodeCritical) return guaranteed;
  const found = qosClass(pod);
  if (found === "Guaranteed") return guaranteed;
  if (found === "BestEffort") return 1000;
  const request = unitsOf(requestsOf(container.resources)["memory"]);
  const score = Math.floor(1000 - (1000 * request) / Math.max(memory, 1));
  return Math.min(Math.max(score, 1000 + guaranteed), 999);
}

export const cgroupRoot = "/sampan";

/** The cgroup that holds those of a pod's containers. Errors: `invalid_argument` for a uid that is no name of a folder. */
export function cgroupParent(pod: Pod): string {
  const found = qosClass(pod);
  const middle = found === "Guaranteed" ? "" : `/${found.toLowerCase()}`;
  return `${cgroupRoot}${middle}/pod${podUid(pod)}`;
}

/** Folders and cgroups bear it. Errors: `invalid_argument` for what would be a path. */
export function podUid({ metadata }: Pick<Pod, "metadata">): string {
  const { uid = "", name } = metadata;
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(uid)) return uid;
  throw invalid(
    `cannot use pod ${shown(name)}: its uid ${shown(uid)} is no name of a folder, wanted letters, digits, - and _`,
  );
}

/** Microseconds. */
const period = 100_000;
const leastQuota = 1000;
const leastShares = 2;
const mostShares = 262_144;

export interface CgroupLimits {
  readonly Memory?: number;
  /** Memory and swap together: as much as Memory alone, so no swap. */
  readonly MemorySwap?: number;
  readonly CpuShares?: number;
  readonly CpuQuota?: number;
  readonly CpuPeriod?: number;
}

export function cpuShares(milli: number): number {
  return Math.min(Math.max(Math.floor((milli * 1024) / 1000), leastShares), mostShares);
}

/** Docker's fields for a container's requests and limits. */
export function containerLimits(resources: Container["resources"]): CgroupLimits {
  return limitsOf(requestsOf(resources), resources?.limits ?? {});
}

function limitsOf(requests: Quantities, limits: Quantities): CgroupLimits {
  const [cpu, memory] = [milliOf(limits["cpu"]), unitsOf(limits["memory"])];
  return {
    CpuShares: cpuShares(milliOf(requests["cpu"])),
    ...(cpu > 0 && { CpuPeriod: period, CpuQuota: Math.max(Math.floor((cpu * period) / 1000), leastQuota) }),
    ...(memory > 0 && { Memory: memory, MemorySwap: memory }),
  };
}

/** Limits of the pod's own cgroup: of the sum, and only where every container has that limit. */
export function podResources(pod: Pod): Omit<CgroupLimits, "MemorySwap"> {
  const { spec } = pod;
  const total = (name: string, of: (container: Container) => Quantities) => {
    const own = spec.resources && of({ name: "", image: "", resources: spec.resources })[name];
    return (
      (own === undefined ? effective(spec, (each) => nanoOf(of(each)[name])) : nanoOf(own)) + overhead(name)
    );
  };
  const overhead = (name: string) => nanoOf(spec.overhead?.[name]);
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const isLimited = (name: string) =>
    nanoOf(spec.resources?.limits?.[name]) > 0n ||
    all.every(({ resources }) => nanoOf(resources?.limits?.[name]) > 0n);
  const limits = counted.filter(isLimited).map((name) => {
    return [name, nano(total(name, ({ resources }) => resources?.limits ?? {}))] as const;
  });
  const cpu = nano(total("cpu", ({ resources }) => requestsOf(resources)));
  const { MemorySwap: _, ...found } = limitsOf({ cpu }, Object.fromEntries(limits));
  return found;
}

const nano = (amount: bigint) => `${amount}n`;

/** What a pod needs at most at once: its containers with its sidecars, or one init container with the sidecars before it. */
export function effective(spec: Pod["spec"], amount: (container: Container) => bigint): bigint {
  let sidecars = 0n;
  let most = 0n;
  for (const container of spec.initContainers ?? []) {
    const own = amount(container);
    if (container.restartPolicy === "Always") sidecars += own;
    else if (sidecars + own > most) most = sidecars + own;
  }
  const running = spec.containers.reduce((sum, container) => sum + amount(container), sidecars);
  return running > most ? running : most;
}
