/**
 * Events as `kubectl describe` shows them. The same event of the same object counts up in one object instead of making a new one; one object makes few events in a row and then one
 * every five minutes, so that something that fails all the time does not fill the disk.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
import { KubeError, type KubeClient, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { type Clock, timestamp } from "../../../../base/clock.ts";
import { kinds } from "./kinds.ts";

export interface EventRecorder {
  /** Never rejects and never waits: an event that cannot be written is logged. */
  record(about: KubeObject, event: EventText): void;
  /** Resolves when all that was recorded is written. */
  flush(): Promise<void>;
}

export interface EventText {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Who says it: `deployment-controller`. */
  readonly component: string;
}

export interface RecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

const burst = 25;
const refill = 300_000;
const mostKnown = 2000;
const mostPending = 500;
const longestMessage = 1024;

interface Known {
  readonly namespace: string;
  readonly name: string;
  count: number;
}

/** A map that forgets what was not asked for longest. */
class Recent<Value> {
  private readonly values = new Map<string, Value>();

  get(key: string): Value | undefined {
    const value = this.values.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: string, value: Value): void {
    this.values.delete(key);
    this.values.set(key, value);
    const oldest = this.values.keys().next().value;
    if (this.values.size > mostKnown && oldest !== undefined) this.values.delete(oldest);
  }

  delete(key: string): void {
    this.values.delete(key);
  }
}

export function openRecorder(options: RecorderOptions): EventRecorder {
  const { client, clock, random, log, signal } = options;
  const known = new Recent<Known>();
  const buckets = new Recent<{ tokens: number; at: number }>();
  let pending = 0;
  let last: Promise<void> = Promise.resolve();

  function isAllowed(uid: string): boolean {
    const now = clock.now();
    const bucket = buckets.get(uid) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refill);
    buckets.set(uid, { tokens: Math.max(0, tokens - (tokens >= 1 ? 1 : 0)), at: now });
    return tokens >= 1;
  }

  async function write(about: KubeObject, event: EventText): Promise<void> {
    const key = [about.metadata.uid, event.type, event.reason, event.message, event.component].join("\n");
    const before = known.get(key);
    if (before && (await countUp(before))) return;
    const object = eventObject(about, event, { now: clock.now(), random });
    const made = await client.create(kinds.events, object, { signal });
    known.set(key, {
      namespace: made.metadata.namespace ?? "",
      name: made.metadata.name ?? "",
      count: 1,
    });
  }

  async function countUp(before: Known): Promise<boolean> {
    const patch = { count: before.count + 1, lastTimestamp: timestamp(clock.now()) };
    try {
      await client.patch(kinds.events, before, patch, { type: "application/merge-patch+json", signal });
      before.count++;
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.reason === "NotFound") return false;
      throw error;
    }
  }

  return {
    record(about, event) {
      if (pending >= mostPending || signal.aborted || !isAllowed(about.metadata.uid ?? "")) return;
      pending++;
      last = last
        .then(() => (signal.aborted ? undefined : write(about, event)))
        .catch((error: unknown) => {
          // The namespace goes: nobody will read the event.
          const isExpected = error instanceof KubeError && ["Forbidden", "NotFound"].includes(error.reason);
          if (!signal.aborted && !isExpected) log(`cannot write an event: ${String(error)}`);
        })
        .finally(() => {
          pending--;
        });
    },
    flush: () => last,
  };
}

function eventObject(
  about: KubeObject,
  event: EventText,
  { now, random }: { readonly now: number; readonly random: () => number },
): KubeObject {
  const { namespace = "default", name = "", uid, resourceVersion } = about.metadata;
  const suffix = Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join("");
  const time = timestamp(now);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace, name: `${name.slice(0, 230)}.${suffix}` },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      ...(about.metadata.namespace ? { namespace } : {}),
      name,
      ...(uid ? { uid } : {}),
      ...(resourceVersion ? { resourceVersion } : {}),
    },
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, longestMessage),
    source: { component: event.component },
    reportingComponent: event.component,
    reportingInstance: "",
    firstTimestamp: time,
    lastTimestamp: time,
    eventTime: null,
    count: 1,
  };
}
