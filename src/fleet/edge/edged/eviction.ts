/**
 * Which pod has to go when the node is short of something. Pure. https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import type { Pod } from "../../../spec/kubernetes/pod.ts";
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
}

/** kubelet's for what is hard. */
export const hardThresholds: Thresholds = { memory: 100 << 20, disk: 0.1, inodes: 0.05 };

/** Milliseconds for which a node says that it is short of something after it was. */
export const transition = 300_000;

export interface Signals {
  readonly memory: { readonly total: number; readonly available: number };
  readonly disk: Space;
}

export interface Shortage {
  readonly pressure: Pressure;
  readonly message: string;
}

export function shortages({ memory, disk }: Signals, limits: Thresholds): Shortage[] {
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
  return found;
}

const mebi = (bytes: number) => `${Math.floor(bytes / 2 ** 20)}Mi`;

export interface Candidate {
  readonly pod: Pod;
  /** Bytes of memory that it uses. */
  readonly memory: number;
}

/** Those that the node cannot do without, and those of its own files. */
export const critical = 2_000_000_000;

/** First who uses more than was asked for, then who matters least, then who is farthest over. Undefined: nobody may be evicted. */
export function victim(
  candidates: readonly Candidate[],
  isStatic: (pod: Pod) => boolean,
): Candidate | undefined {
  const ranked = candidates
    .filter(({ pod }) => !isStatic(pod) && (pod.spec.priority ?? 0) < critical)
    .map((candidate) => {
      const { pod, memory } = candidate;
      const asked = Number(
        effective(pod.spec, ({ resources }) => BigInt(Math.ceil(unitsOf(requestsOf(resources)["memory"])))),
      );
      return { candidate, over: memory - asked, priority: pod.spec.priority ?? 0 };
    });
  return ranked.toSorted(
    (a, b) => Number(b.over > 0) - Number(a.over > 0) || a.priority - b.priority || b.over - a.over,
  )[0]?.candidate;
}
