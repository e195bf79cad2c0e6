/** What happens to pods, told to the cloud as events of Kubernetes. The same again is counted up; who has much to tell is held back. They are lost without a link: nothing depends on them. */
import { randomBytes } from "node:crypto";
import { timestamp } from "../../../base/clock.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { message } from "../../link/envelope.ts";
import { eventChange, eventPatch, type Event } from "../../link/kinds/events.ts";
import { formatResource } from "../../link/resources.ts";
import type { EdgeContext } from "../part.ts";
import type { EventKind, Listener } from "./parts.ts";

/** As kubelet has it: so many at once of one pod, then one in so many milliseconds. */
const burst = 25;
const refill = 300_000;
/** Milliseconds for which the same again is the same event. */
const window = 600_000;
const remembered = 1000;
const longest = 1024;

interface Bucket {
  left: number;
  at: number;
}

export class PodEvents {
  readonly #context: Pick<EdgeContext, "node" | "link" | "clock">;
  readonly #said = new Map<string, { event: Event & { count: number }; at: number }>();
  readonly #buckets = new Map<string, Bucket>();

  constructor(context: Pick<EdgeContext, "node" | "link" | "clock">) {
    this.#context = context;
  }

  tell(
    pod: Pod,
    type: EventKind,
    { reason, message: words, container }: Parameters<Listener["event"]>[2],
  ): void {
    const { link, clock } = this.#context;
    if (!link.connected || !this.#mayTell(pod)) return;
    const now = clock.now();
    const text = words.slice(0, longest);
    const key = JSON.stringify([pod.metadata.uid, type, reason, text, container]);
    const before = this.#said.get(key);
    this.#said.delete(key);
    if (before && now - before.at < window) {
      const event = { ...before.event, count: before.event.count + 1, lastTimestamp: timestamp(now) };
      this.#said.set(key, { event, at: now });
      const patchData = JSON.stringify({ count: event.count, lastTimestamp: event.lastTimestamp });
      return this.#send(event, "patch", eventPatch.build({ event, patchData }));
    }
    const event = this.#newEvent(pod, { type, reason, text, container, now });
    this.#said.set(key, { event, at: now });
    const [oldest] = this.#said.keys();
    if (this.#said.size > remembered && oldest !== undefined) this.#said.delete(oldest);
    this.#send(event, "insert", eventChange.build(event));
  }

  #mayTell({ metadata: { uid = "" } }: Pod): boolean {
    const now = this.#context.clock.now();
    const bucket = this.#buckets.get(uid) ?? { left: burst, at: now };
    bucket.left = Math.min(burst, bucket.left + (now - bucket.at) / refill);
    bucket.at = now;
    this.#buckets.delete(uid);
    this.#buckets.set(uid, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > remembered && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #newEvent(
    { metadata, spec }: Pod,
    what: { type: EventKind; reason: string; text: string; container: string | undefined; now: number },
  ): Event & { count: number } {
    const { name = "", namespace = "default", uid, resourceVersion } = metadata;
    const init = (spec.initContainers ?? []).some((each) => each.name === what.container);
    const field =
      what.container === undefined
        ? {}
        : { fieldPath: `spec.${init ? "initContainers" : "containers"}{${what.container}}` };
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name.slice(0, 200)}.${randomBytes(8).toString("hex")}`, namespace },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name, uid, resourceVersion, ...field },
      reason: what.reason,
      message: what.text,
      type: what.type,
      count: 1,
      firstTimestamp: timestamp(what.now),
      lastTimestamp: timestamp(what.now),
      source: { component: "kubelet", host: this.#context.node },
      reportingComponent: "kubelet",
      reportingInstance: this.#context.node,
    } as Event & { count: number };
  }

  #send({ metadata }: Event, operation: string, content: unknown): void {
    const { link, clock } = this.#context;
    const { namespace = "default", name = "" } = metadata;
    const resource = formatResource({ namespace, type: "event", name });
    link.send(
      message({ source: "edged", group: "meta", operation, resource }, content, { now: clock.now() }),
    );
  }
}
