/** How long nodes are waited for. Since when one is as it is stands here alone: a cloud that starts again waits anew. */
import type { Clock } from "../../../base/clock.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Batch } from "./kinds.ts";
import { ended, isHeld, withNode, type JobStatus, type NodeStatus } from "./progress.ts";

interface Seen {
  readonly at: number;
  /** Phase and number of actions then, whoever took the reports. */
  readonly step: string;
}

/** However long it is, a look is taken now and then. */
const longest = 60_000;

const stepOf = ({ phase, actionFlow = [] }: NodeStatus) => `${phase} ${actionFlow.length}`;

export function placeOf(
  { metadata: { uid = "" } }: KubeObject,
  { nodeName }: Pick<NodeStatus, "nodeName">,
): string {
  return `${uid}/${nodeName}`;
}

export class Patience {
  private readonly clock: Clock;
  private readonly seen = new Map<string, Seen>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A node that does not come to an end, or does not come at all, ends with its time. `isAway`: it is connected nowhere. */
  applied(
    job: KubeObject,
    status: JobStatus,
    { batch, isAway }: { readonly batch: Batch; readonly isAway: (node: string) => boolean },
  ): JobStatus {
    const now = this.clock.now();
    const seconds = batch.timeout / 1000;
    let next = status;
    for (const node of status.nodeStatus) {
      const away = node.phase === "Pending" && isAway(node.nodeName);
      if (now - this.since(job, node, away) < batch.timeout) continue;
      const end = away
        ? ({ phase: "Failure", reason: `not connected within ${seconds} s` } as const)
        : ({ phase: "Unknown", reason: `no end within ${seconds} s` } as const);
      next = withNode(next, node.nodeName, (each) => ({ ...each, ...end }));
    }
    return next;
  }

  /** Since when the node is late, if it is: what ended, waits for its turn or for a person, is not. */
  private since(job: KubeObject, node: NodeStatus, away: boolean): number {
    const now = this.clock.now();
    const key = placeOf(job, node);
    const mayTakeTime = ended(node) || isHeld(node) || (node.phase === "Pending" && !away);
    const before = this.seen.get(key);
    if (mayTakeTime) this.seen.delete(key);
    else if (before?.step !== stepOf(node)) this.seen.set(key, { at: now, step: stepOf(node) });
    return this.seen.get(key)?.at ?? now;
  }

  /** Milliseconds until a node's time is over; undefined when none is waited for. */
  nextLook(job: KubeObject, { nodeStatus }: JobStatus, { timeout }: Batch): number | undefined {
    const now = this.clock.now();
    const times = nodeStatus
      .filter((node) => !ended(node))
      .map((node) => (this.seen.get(placeOf(job, node))?.at ?? now) + timeout - now);
    return times.length === 0 ? undefined : Math.min(longest, Math.max(1, Math.min(...times)));
  }

  forget({ metadata: { uid = "" } }: KubeObject): void {
    for (const key of this.seen.keys()) if (key.startsWith(`${uid}/`)) this.seen.delete(key);
  }
}
