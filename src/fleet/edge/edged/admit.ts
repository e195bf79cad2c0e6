/** Takes pods or refuses them for good, one after the other: who was taken counts from then on. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { message } from "../../link/envelope.ts";
import { reply } from "../../link/kinds/queries.ts";
import type { EdgeContext } from "../part.ts";
import { isCritical, refusal, untolerated, wantsNode, wrongNode, type Room } from "./admission.ts";
import type { PodError } from "./pod-error.ts";
import { preempted } from "./preemption.ts";
import { isTerminal } from "./status.ts";
import type { NodeFacts } from "./translate.ts";
import type { Worker } from "./worker.ts";

export interface AdmissionParts extends Pick<EdgeContext, "node" | "link" | "clock"> {
  readonly facts: Pick<NodeFacts, "node">;
  readonly workers: () => readonly Worker[];
  readonly isStatic: (pod: Pod) => boolean;
  readonly room: () => Omit<Room, "others">;
}

/** Milliseconds that a pod waits for an answer of the cloud at most. */
const patience = 3000;

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #taken = new Set<string>();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Static and critical pods are always taken; others end for them where there is no room for both. Errors: PodError, final. */
  async admit(pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid = "" } = pod.metadata;
    const { workers, isStatic, room } = this.#parts;
    const stranger = isStatic(pod) ? undefined : await this.#strange(pod, signal);
    if (stranger) throw stranger;
    const all = workers();
    const known = new Set(all.map((each) => each.uid));
    for (const each of this.#taken) if (!known.has(each)) this.#taken.delete(each);
    const counted = all.filter((worker) => worker.uid !== uid && this.#counts(worker));
    const now = { ...room(), others: counted.map((worker) => worker.pod) };
    if (isStatic(pod) || isCritical(pod)) {
      const gone = new Set(preempted(pod, now, isStatic));
      for (const worker of counted)
        if (gone.has(worker.pod)) worker.fail("Preempting", "Preempted in order to admit critical pod");
    } else {
      const refused = refusal(pod, now);
      if (refused) throw refused;
    }
    this.#taken.add(uid);
  }

  /** What one that is told to end has is free soon: who comes into its place waits, and is not refused. */
  #counts({ uid, sandbox, ending, isFailed, status }: Worker): boolean {
    if (ending || isFailed || (status && isTerminal(status))) return false;
    return sandbox !== undefined || this.#taken.has(uid);
  }

  /** Labels and taints may have changed since this edge asked last; without an answer the scheduler is believed. */
  async #strange(pod: Pod, signal: AbortSignal): Promise<PodError | undefined> {
    const { facts, node } = this.#parts;
    const why = (of: KubeObject | undefined) =>
      wantsNode(pod, node, of) ? untolerated(pod, of) : wrongNode();
    if (!why(facts.node())) return undefined;
    const now = await this.#askForNode(signal);
    return now && why(now);
  }

  async #askForNode(signal: AbortSignal): Promise<KubeObject | undefined> {
    const { link, clock, node } = this.#parts;
    if (!link.connected) return undefined;
    const about = { source: "edged", group: "meta", operation: "query", resource: `default/node/${node}` };
    try {
      const asked = message(about, null, { now: clock.now() });
      const answer = reply.parse((await link.ask(asked, { signal, deadline: patience })).content);
      const object = answer.is === "object" ? answer.object : undefined;
      return object?.metadata?.name === node ? (object as unknown as KubeObject) : undefined;
    } catch {
      return undefined;
    }
  }
}
