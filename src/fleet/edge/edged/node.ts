/**
 * This node in the cloud: registered when the link stands, its status told when it changes and every five minutes, its lease renewed. That is all that an idle edge says of itself, and none of it is
 * tried while there is no link.
 */
import { pause } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { message, type Envelope } from "../../link/envelope.ts";
import { leaseChange, leaseRenewal, type Lease } from "../../link/kinds/leases.ts";
import { nodeInsert, nodePatch, nodeUpdate } from "../../link/kinds/nodes.ts";
import { query, reply, type Reply } from "../../link/kinds/queries.ts";
import type { EdgeContext } from "../part.ts";
import {
  fingerprint,
  newNode,
  nodeConditions,
  nodeLabels,
  nodeStatus,
  type NodeCondition,
  type NodeOptions,
  type NodeState,
} from "./node-status.ts";

export interface NodeTimes {
  /** Seconds. Clouds take a node for lost when its lease is over. */
  readonly lease: number;
  /** Milliseconds between two renewals, between two looks at the node, and after which its status is told though nothing has changed. */
  readonly renewal: number;
  readonly look: number;
  readonly status: number;
}

/** KubeEdge renews every 10 s. What is lost here is noticed and tried again long before the lease is over, so that an idle node sends half as much. */
export const nodeTimes: NodeTimes = { lease: 40, renewal: 20_000, look: 10_000, status: 300_000 };

/** Milliseconds after something was refused. */
const again = 5000;
const retry = 2000;

export interface NodeParts extends Pick<EdgeContext, "node" | "link" | "meta" | "clock" | "log" | "signal"> {
  readonly state: () => NodeState;
  readonly options: NodeOptions;
  readonly times: NodeTimes;
}

export class NodeReporter implements Disposable {
  readonly #parts: NodeParts;
  readonly #watch: Disposable;
  #session: AbortController | undefined;
  #conditions: readonly NodeCondition[] = [];
  #told = { text: "", at: 0 };
  #lease: Lease | undefined;
  #wake = () => {};

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#watch = parts.link.onChange((connected) => {
      this.#session?.abort();
      this.#session = undefined;
      if (!connected) return;
      const session = new AbortController();
      this.#session = session;
      void this.#serve(AbortSignal.any([session.signal, parts.signal]));
    });
  }

  /** Something of the node may have changed. */
  look(): void {
    this.#wake();
  }

  [Symbol.dispose](): void {
    this.#session?.abort();
    this.#watch[Symbol.dispose]();
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    this.#told = { text: "", at: 0 };
    this.#lease = undefined;
    while (
      !signal.aborted &&
      !(await this.#tried("register this node", signal, () => this.#register(signal)))
    )
      await pause(clock, again, signal);
    await Promise.all([this.#keepStatus(signal), this.#keepLease(signal)]);
  }

  async #tried(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const { code, message: text } = SampanError.from(error);
      if (!signal.aborted && code !== "unavailable") this.#parts.log(`cannot ${what}: ${text}`);
      return false;
    }
  }

  /** New, or as it is there already: then its labels are brought up to date. */
  async #register(signal: AbortSignal): Promise<void> {
    const { node, clock, options } = this.#parts;
    const state = this.#parts.state();
    const resource = `default/node/${node}`;
    const object = newNode(state, options, clock.now()) as Parameters<typeof nodeInsert.build>[0];
    const made = await this.#ask("insert", resource, { content: nodeInsert.build(object), signal });
    const refusal = refusalOf(made);
    if (refusal === undefined) return this.#keepNode(made);
    if (refusal !== "AlreadyExists") throw new SampanError("internal", refusal);
    const metadata = {
      name: node,
      labels: nodeLabels(state, options),
      annotations: options.annotations ?? {},
    };
    const updated = await this.#ask("update", resource, { content: nodeUpdate.build({ metadata }), signal });
    const why = refusalOf(updated);
    if (why !== undefined) throw new SampanError("internal", why);
  }

  /** Its labels and addresses are what pods are told, and by its taints they are taken; written only when they are others. */
  #keepNode(answer: Reply): void {
    const { meta, node, log } = this.#parts;
    const object = answer.is === "response" ? answer.response.Object : undefined;
    if (object?.metadata?.name !== node) return;
    const key = { type: "node", name: node };
    const before = meta.get(key);
    const essence = (of: Partial<KubeObject> | undefined) =>
      JSON.stringify([of?.metadata?.uid, of?.metadata?.labels, of?.metadata?.annotations, of?.["spec"]]);
    const whole = { ...object, apiVersion: "v1", kind: "Node" } as unknown as KubeObject;
    if (essence(before) === essence(whole)) return;
    meta
      .keep(key, whole)
      .catch((error: unknown) => log(`cannot keep this node: ${SampanError.from(error).message}`));
  }

  async #keepStatus(signal: AbortSignal): Promise<void> {
    const { clock, times } = this.#parts;
    while (!signal.aborted) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.#tried("tell the status of this node", signal, () => this.#tellStatus(signal));
      await pause(clock, times.look, AbortSignal.any([signal, woken.signal]));
    }
  }

  async #tellStatus(signal: AbortSignal): Promise<void> {
    const { node, clock, times } = this.#parts;
    const state = this.#parts.state();
    const text = fingerprint(state);
    const now = clock.now();
    if (text === this.#told.text && now - this.#told.at < times.status) return;
    this.#conditions = nodeConditions(state, this.#conditions, now);
    const content = nodePatch.build(nodeStatus(state, this.#conditions));
    const answer = await this.#ask("patch", `default/nodepatch/${node}`, { content, signal });
    const refusal = refusalOf(answer);
    if (refusal === "NotFound") await this.#register(signal);
    else if (refusal !== undefined) throw new SampanError("internal", refusal);
    else this.#keepNode(answer);
    this.#told = { text, at: now };
  }

  async #keepLease(signal: AbortSignal): Promise<void> {
    const { clock, times } = this.#parts;
    while (!signal.aborted) {
      const began = clock.now();
      const renewed = await this.#tried("renew the lease of this node", signal, () => this.#renew(signal));
      if (!renewed) this.#lease = undefined;
      const rest = times.renewal - Math.max(0, clock.now() - began);
      await pause(clock, renewed ? Math.max(rest, retry) : retry, signal);
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { node, link } = this.#parts;
    const resource = `kube-node-lease/lease/${node}`;
    if (this.#lease && link.ours) return this.#renewShortly(resource, signal);
    if (!this.#lease) {
      const found = await this.#ask("query", resource, { content: query.build(null), signal });
      this.#lease = leaseIn(found);
    }
    const operation = this.#lease ? "update" : "insert";
    const content = leaseChange.build(this.#leaseNow());
    const answer = await this.#ask(operation, resource, { content, signal });
    const refusal = refusalOf(answer);
    if (refusal !== undefined) throw new SampanError("internal", refusal);
    this.#lease = leaseIn(answer);
  }

  /** What one of ours says nothing to has been done. */
  async #renewShortly(resource: string, signal: AbortSignal): Promise<void> {
    const content = leaseRenewal.build({ spec: { renewTime: this.#timeNow() } });
    try {
      const answer = await this.#ask("patch", resource, { content, signal });
      throw new SampanError("internal", refusalOf(answer) ?? "an answer without a reason");
    } catch (error) {
      if (SampanError.from(error).code !== "deadline_exceeded") throw error;
    }
  }

  #timeNow(): string {
    return new Date(this.#parts.clock.now()).toISOString().replace("Z", "000Z");
  }

  /** With what an API must have to take it, and nothing else of what it says of it: this is most of what an idle node sends. */
  #leaseNow(): Lease {
    const { node, times, meta } = this.#parts;
    const before = this.#lease?.metadata;
    const uid = meta.get({ type: "node", name: node })?.metadata.uid;
    const owners =
      before?.ownerReferences ??
      (uid === undefined ? [] : [{ apiVersion: "v1", kind: "Node", name: node, uid }]);
    return {
      metadata: {
        name: node,
        namespace: "kube-node-lease",
        ...(before?.uid !== undefined && { uid: before.uid }),
        ...(before?.resourceVersion !== undefined && { resourceVersion: before.resourceVersion }),
        ...(owners.length > 0 && { ownerReferences: owners }),
      },
      spec: {
        holderIdentity: node,
        leaseDurationSeconds: times.lease,
        renewTime: this.#timeNow(),
      },
    };
  }

  async #ask(
    operation: string,
    resource: string,
    { content, signal }: { readonly content: unknown; readonly signal: AbortSignal },
  ): Promise<Reply> {
    const { link, clock } = this.#parts;
    const asked: Envelope = message({ source: "edged", group: "meta", operation, resource }, content, {
      now: clock.now(),
    });
    const answer = await link.ask(asked, { signal });
    return reply.parse(answer.content);
  }
}

/** The reason of a refusal, or its text; undefined when there is none. */
export function refusalOf(answer: Reply): string | undefined {
  const status =
    answer.is === "error"
      ? (answer.status ?? {})
      : answer.is === "response" && answer.response.Err
        ? answer.response.Err.ErrStatus
        : undefined;
  return status && (status.reason ?? status.message ?? "an error without words");
}

function leaseIn(answer: Reply): Lease | undefined {
  const object =
    answer.is === "object" ? answer.object : answer.is === "response" ? answer.response.Object : undefined;
  return object?.metadata?.name === undefined || refusalOf(answer) !== undefined
    ? undefined
    : (object as Lease);
}
