/** Which pods have to leave a tainted node, and when. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions */
import { milliseconds } from "../../../../../base/clock.ts";
import type { Node, Pod, Taint, Toleration } from "../kinds.ts";
import { tolerates, notReady, unreachable } from "../taints.ts";

/** Nodes with this label may be without a link for days; what runs there goes on. */
export const edgeLabel = "node-role.kubernetes.io/edge";

/** What every pod tolerates that says nothing of it, in seconds: the API writes it into new pods. */
const usualSeconds = 300;

export type Eviction = "never" | { readonly at: number };

export interface EvictionTime {
  readonly now: number;
  /** Tolerations count from no earlier moment: until then no node at all was heard of, which says more of this place than of the nodes. */
  readonly since: number;
}

export function evictionOf(pod: Pod, node: Node, time: EvictionTime): Eviction {
  if (pod.metadata.deletionTimestamp !== undefined) return "never";
  const isEdge = node.metadata.labels?.[edgeLabel] !== undefined;
  const times = (node.spec?.taints ?? [])
    .filter(({ effect }) => effect === "NoExecute")
    // A link that is down says nothing of the node behind it.
    .filter(({ key }) => !(isEdge && key === unreachable))
    .map((taint) => evictionFor(taint, pod.spec.tolerations ?? [], time));
  const earliest = Math.min(...times);
  return Number.isFinite(earliest) ? { at: earliest } : "never";
}

/** Infinity where the taint is tolerated for ever. */
function evictionFor(taint: Taint, tolerations: readonly Toleration[], { now, since }: EvictionTime): number {
  const added = Math.max(since, milliseconds(taint.timeAdded) ?? now);
  const matching = tolerations.filter((one) => tolerates(one, taint));
  if (matching.length === 0) {
    const isUsual = taint.key === notReady || taint.key === unreachable;
    return isUsual ? added + usualSeconds * 1000 : now;
  }
  const seconds = matching.map(({ tolerationSeconds }) => tolerationSeconds ?? Infinity);
  return added + Math.max(0, Math.min(...seconds)) * 1000;
}
