/**
 * Which pod has to go when the node is short of something. Pure. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import type { Container, Pod, Quantities } from "../../../spec/kubernetes/pod.ts";
import { unitsOf } from "../../../spec/kubernetes/quantity.ts";
import type { Space } from "./host.ts";
import { effective, requestsOf } from "./qos.ts";
import type { Pressure } from "./node-status.ts";

export interface Thresholds {
  /** Bytes. */
  readonly memory: number;
  /** Shares of the whole, 0 to 1. */
  readonly disk: number;
  readonly inodes: number;
  readonly pids: number;
}

/** kubelet's for what is hard; it has none for processes, where a node that can begin none is lost. */
export const hardThresholds: Thresholds = { memory: 100 << 20, disk: 0.1, inodes: 0.05, pids: 0.05 };

/** Milliseconds for which a node says that it is short of something after it was. */
export const transition = 300_000;

export interface Signals {
  readonly memory: { readonly total: number; readonly available: number };
  readonly disk: Space;
  /** Threads: how many there may be, and are. */
  readonly pids: { readonly most: number; readonly used: number };
}

export interface Shortage {
  readonly pressure: Pressure;
  readonly message: string;
}

export function shortages({ memory, disk, pids }: Signals, limits: Thresholds): Shortage[] {
  const found: Shortage[] = [];
  if (memory.available < limits.memory)
    found.push({
      pressure: "MemoryPressure",
      message: `The node was low on resource: memory. Threshold quantity: ${mebi(limits.memory)}, available: ${mebi(memory.available)}. `,
    });
  if (disk.available < disk.total * limits.disk)
    found.push({
      pressure: "DiskPressure",
      message: `The node was low on resource: ephemeral-storage. Threshold quantity: ${mebi(disk.total * limits.disk)}, available: ${mebi(disk.available)}. `,
    });
  // File systems without a fixed number of inodes say 0.
  else if (disk.inodes > 0 && disk.inodesFree < disk.inodes * limits.inodes)
    found.push({
      pressure: "DiskPressure",
      message: `The node was low on resource: inodes. Threshold quantity: ${Math.floor(disk.inodes * limits.inodes)}, available: ${disk.inodesFree}. `,
    });
  if (pids.most - pids.used < pids.most * limits.pids)
    found.push({
      pressure: "PIDPressure",
      message: `The node was low on resource: pids. Threshold quantity: ${Math.floor(pids.most * limits.pids)}, available: ${pids.most - pids.used}. `,
    });
  return found;
}

const mebi = (bytes: number) => `${Math.floor(bytes / 2 ** 20)}Mi`;

export interface Candidate {
  readonly pod: Pod;
  /** Of what the node is short of: bytes of memory, bytes on the disk, or processes. */
  readonly used: number;
}

/** Requests that use is held against; of processes nobody asks for any. */
const requested = {
  MemoryPressure: "memory",
  DiskPressure: "ephemeral-storage",
  PIDPressure: undefined,
} as const satisfies Record<Pressure, string | undefined>;

/** Those that the node cannot do without, and those of its own files. */
export const critical = 2_000_000_000;

/** First who uses more than was asked for, then who matters least, then who is farthest over. Undefined: nobody may be evicted. */
export function victim(
  candidates: readonly Candidate[],
  { pressure, isStatic }: { readonly pressure: Pressure; readonly isStatic: (pod: Pod) => boolean },
): Candidate | undefined {
  const ranked = candidates
    .filter(({ pod }) => !isStatic(pod) && (pod.spec.priority ?? 0) < critical)
    .map((candidate) => {
      const { pod, used } = candidate;
      const name = requested[pressure];
      const of = (list: Quantities) => BigInt(name === undefined ? 0 : Math.ceil(unitsOf(list[name])));
      const asked = Number(effective(pod.spec, ({ resources }) => of(requestsOf(resources))));
      return { candidate, over: used - asked, priority: pod.spec.priority ?? 0 };
    });
  return ranked.toSorted(
    (a, b) => Number(b.over > 0) - Number(a.over > 0) || a.priority - b.priority || b.over - a.over,
  )[0]?.candidate;
}

export interface DiskUse {
  /** Bytes of writable layers and logs, by the container's name. */
  readonly containers: ReadonlyMap<string, number>;
  /** With emptyDirs. */
  readonly whole: number;
}

export const diskLimit = (list: { readonly limits?: Quantities } | undefined): number =>
  unitsOf(list?.limits?.["ephemeral-storage"] ?? 0);

/** Which limit of `ephemeral-storage` a pod is over, in kubelet's words; undefined when none. */
export function overDiskLimit({ spec }: Pod, use: DiskUse): string | undefined {
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  for (const { name, resources } of all) {
    const limit = diskLimit(resources);
    if (limit > 0 && (use.containers.get(name) ?? 0) > limit)
      return `Container ${name} exceeded its local ephemeral storage limit "${shownLimit(resources)}". `;
  }
  const isLimited = spec.containers.every(({ resources }) => diskLimit(resources) > 0);
  const whole = spec.containers.reduce((sum, { resources }) => sum + diskLimit(resources), 0);
  return isLimited && use.whole > whole
    ? `Pod ephemeral local storage usage exceeds the total limit of containers ${mebi(whole)}. `
    : undefined;
}

const shownLimit = (resources: Container["resources"]) =>
  String(resources?.limits?.["ephemeral-storage"] ?? "");
