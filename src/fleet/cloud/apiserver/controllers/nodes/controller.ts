import {
  place,
  unlessGone,
  writeStatus,
  type Context,
  type Controller,
  type Enqueue,
} from "../controller.ts";
import { kinds, type Lease, type Node, type Pod } from "../kinds.ts";
import { condition, isReady, same, splitKey, withCondition } from "../references.ts";
import { evictionOf } from "./evict.ts";
import { planNode, type Heartbeat } from "./health.ts";

const component = "node-controller";
const leases = "kube-node-lease";
const whileCutOff = 5000;

/** Marks nodes that are not heard of, and takes the pods away that do not tolerate it. */
export function nodeController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, clock, events } = context;
  const nodes = informers.of(kinds.nodes);
  const pods = informers.of(kinds.pods);
  const renewals = informers.of(kinds.leases);
  const heartbeats = new Map<string, Heartbeat>();
  /** Until when no node at all was in good order. */
  let cutOff = 0;
  nodes.onChange((now, before) => {
    const node = now ?? before;
    enqueue(`/${node?.metadata.name ?? ""}`);
  });
  renewals.onChange((now) => {
    const { namespace, name = "" } = now?.metadata ?? {};
    if (namespace !== leases) return;
    // A renewal of a node in good order is not worth a look: one is planned for the end of its time.
    noteHeartbeat(name);
    const node = nodes.store.get("", name) as Node | undefined;
    if (node && condition(node.status?.conditions, "Ready")?.status !== "True") enqueue(`/${name}`);
  });
  pods.onChange((now, before) => {
    const pod = now as Pod | undefined;
    const wasThere = (before as Pod | undefined)?.spec.nodeName !== undefined;
    if (pod?.spec.nodeName && !wasThere) enqueue(`/${pod.spec.nodeName}`);
  });

  function noteHeartbeat(name: string): Heartbeat {
    const node = nodes.store.get("", name) as Node | undefined;
    const lease = renewals.store.get(leases, name) as Lease | undefined;
    const ready = condition(node?.status?.conditions, "Ready");
    const mark = `${lease?.spec?.renewTime ?? ""} ${ready?.lastHeartbeatTime ?? ""}`;
    const known = heartbeats.get(name);
    if (known?.mark === mark) return known;
    const heartbeat = { mark, seen: clock.now() };
    heartbeats.set(name, heartbeat);
    return heartbeat;
  }

  async function mark(node: Node, signal: AbortSignal): Promise<number | undefined> {
    let again: number | undefined;
    let written = node;
    const heartbeat = noteHeartbeat(node.metadata.name ?? "");
    for (const step of planNode({ node, heartbeat, now: clock.now() })) {
      if (step.do === "look again") again = step.after;
      else if (step.do === "conditions") {
        const status = { ...written.status, conditions: step.conditions };
        sayNotReady(written);
        written = (await writeStatus(client, kinds.nodes, written, { status, signal })) as Node;
        // What follows is this process's own doing and no sign of life.
        noteOwnWrite(written);
      } else {
        const { uid, resourceVersion } = written.metadata;
        const patch = { metadata: { uid, resourceVersion }, spec: { taints: step.taints } };
        const options = { type: "application/merge-patch+json", signal } as const;
        written = (await client.patch(kinds.nodes, place(written), patch, options)) as Node;
      }
    }
    return again;
  }

  function noteOwnWrite(node: Node): void {
    const { name = "" } = node.metadata;
    const seen = heartbeats.get(name)?.seen ?? clock.now();
    heartbeats.delete(name);
    heartbeats.set(name, { ...noteHeartbeat(name), seen });
  }

  function sayNotReady(node: Node): void {
    const message = `Node ${node.metadata.name ?? ""} status is now: NodeNotReady`;
    events.record(node, { type: "Normal", reason: "NodeNotReady", message, component });
  }

  /** Pods of a node that is out of reach are ready for nobody. */
  async function markPods(node: Node, own: readonly Pod[], signal: AbortSignal): Promise<void> {
    const state = condition(node.status?.conditions, "Ready");
    if (!state || state.status === "True") return;
    for (const pod of own.filter(isReady)) {
      const ready = { type: "Ready", status: "False", reason: "NodeNotReady" } as const;
      const conditions = withCondition(pod.status?.conditions, ready, clock.now());
      const status = { ...pod.status, conditions };
      await unlessGone(writeStatus(client, kinds.pods, pod, { status, signal }));
      const message = "Node is not ready";
      events.record(pod, { type: "Warning", reason: "NodeNotReady", message, component });
    }
  }

  function isCutOff(): boolean {
    for (const { status } of nodes.store.values() as Iterable<Node>)
      if (condition(status?.conditions, "Ready")?.status !== "Unknown") return false;
    return true;
  }

  /** Milliseconds to the next eviction, if there will be one. */
  async function evict(node: Node, own: readonly Pod[], signal: AbortSignal): Promise<number | undefined> {
    let next: number | undefined;
    if (isCutOff()) {
      cutOff = clock.now();
      return own.length > 0 ? whileCutOff : undefined;
    }
    for (const pod of own) {
      const now = clock.now();
      const eviction = evictionOf(pod, node, { now, since: cutOff });
      if (eviction === "never") continue;
      if (eviction.at > now) {
        next = Math.min(next ?? Infinity, eviction.at - now);
        continue;
      }
      await evictPod(pod, signal);
    }
    return next;
  }

  async function evictPod(pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid = "", namespace = "", name = "" } = pod.metadata;
    const target = {
      type: "DisruptionTarget",
      status: "True",
      reason: "DeletionByTaintManager",
      message: "Taint manager: deleting due to NoExecute taint",
    } as const;
    if (!same(condition(pod.status?.conditions, target.type)?.reason, target.reason)) {
      const conditions = withCondition(pod.status?.conditions, target, clock.now());
      const status = { ...pod.status, conditions };
      await unlessGone(writeStatus(client, kinds.pods, pod, { status, signal }));
    }
    await unlessGone(client.delete(kinds.pods, place(pod), { preconditions: { uid }, signal }));
    const message = `Marking for deletion Pod ${namespace}/${name}`;
    events.record(pod, { type: "Normal", reason: "TaintManagerEviction", message, component });
  }

  return {
    name: "node",
    informers: [nodes, pods, renewals],
    async reconcile(key, signal) {
      const { name } = splitKey(key);
      const node = nodes.store.get("", name) as Node | undefined;
      if (!node) {
        heartbeats.delete(name);
        return undefined;
      }
      const again = await mark(node, signal);
      const present = (nodes.store.get("", name) ?? node) as Node;
      await markPods(present, pods.store.onNode(name) as readonly Pod[], signal);
      const eviction = await evict(present, pods.store.onNode(name) as readonly Pod[], signal);
      const soonest = Math.min(again ?? Infinity, eviction ?? Infinity);
      return Number.isFinite(soonest) ? soonest : undefined;
    },
  };
}
