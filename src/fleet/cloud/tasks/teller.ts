/** Tells nodes what stands in a job's status. What got lost with a session is told again in the next, and never twice in one. */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Edge, Hub } from "../hub/hub.ts";
import type { JobKind } from "./kinds.ts";
import { messageFor, stateAfter } from "./messages.ts";
import { placeOf } from "./patience.ts";
import { withNode, type JobStatus, type NodeStatus } from "./progress.ts";

interface Told {
  readonly session: AbortSignal;
  /** Actions that were done then: releases before 1.21 are told of each state. */
  readonly step: number;
}

export class Teller {
  private readonly hub: Hub;
  private readonly told = new Map<string, Told>();

  constructor(hub: Hub) {
    this.hub = hub;
  }

  /** Nodes whose release cannot do it fail without being asked. */
  withRefusals(kind: JobKind, job: KubeObject, status: JobStatus): JobStatus {
    let next = status;
    for (const node of status.nodeStatus.filter(({ phase }) => phase === "InProgress")) {
      const edge = this.hub.edge(node.nodeName);
      const reason = edge && refusalOf(kind, job, { edge, status: node });
      if (reason !== undefined)
        next = withNode(next, node.nodeName, (each) => ({ ...each, phase: "Failure", reason }));
    }
    return next;
  }

  tell(kind: JobKind, job: KubeObject, { nodeStatus }: JobStatus): void {
    for (const node of nodeStatus) {
      const edge = this.hub.edge(node.nodeName);
      if (!edge || !isToBeTold(kind, node, edge)) continue;
      const [key, step] = [placeOf(job, node), node.actionFlow?.length ?? 0];
      const before = this.told.get(key);
      if (before?.session === edge.signal && before.step === step) continue;
      if (this.hub.send(edge.node, messageFor(kind, job, { edge, status: node })))
        this.told.set(key, { session: edge.signal, step });
    }
  }

  forget({ metadata: { uid = "" } }: KubeObject): void {
    for (const key of this.told.keys()) if (key.startsWith(`${uid}/`)) this.told.delete(key);
  }
}

function refusalOf(
  kind: JobKind,
  job: KubeObject,
  to: { readonly edge: Edge; readonly status: NodeStatus },
): string | undefined {
  try {
    messageFor(kind, job, to);
    return undefined;
  } catch (error) {
    return SampanError.from(error).message;
  }
}

function isToBeTold(kind: JobKind, node: NodeStatus, { traits }: Edge): boolean {
  const step = node.actionFlow?.length ?? 0;
  if (traits.tasks !== "states") return node.phase === "InProgress" && step === 0;
  // Those are led: also back, when an upgrade failed.
  if (node.phase !== "InProgress" && !(node.phase === "Failure" && step > 0)) return false;
  return stateAfter(kind, node) !== undefined;
}
