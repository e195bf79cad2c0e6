import { unlessGone, place, writeStatus, type Context } from "../controller.ts";
import { kinds, type Pod } from "../kinds.ts";
import { withCondition } from "../references.ts";
import type { Preemption } from "./preempt.ts";

/** Lets the victims end as their grace periods say. Who looks at why pods end (a job) is told before. */
export async function makeRoom(
  { client, events, clock }: Context,
  { node, victims }: Preemption,
  options: { readonly preemptor: Pod; readonly component: string; readonly signal: AbortSignal },
): Promise<void> {
  const { preemptor, component, signal } = options;
  const target = {
    type: "DisruptionTarget",
    status: "True",
    reason: "PreemptionByScheduler",
    message: `${component}: preempting to accommodate a higher priority pod`,
  } as const;
  for (const victim of victims) {
    const { uid } = victim.metadata;
    const conditions = withCondition(victim.status?.conditions, target, clock.now());
    const status = { ...victim.status, conditions };
    await unlessGone(writeStatus(client, kinds.pods, victim, { status, signal }));
    const precondition = uid ? { preconditions: { uid } } : {};
    const gone = await unlessGone(client.delete(kinds.pods, place(victim), { ...precondition, signal }));
    if (!gone) continue;
    const message = `Preempted by pod ${preemptor.metadata.uid ?? ""} on node ${node}`;
    events.record(victim, { type: "Normal", reason: "Preempted", message, component });
  }
}
