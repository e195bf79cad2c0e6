/**
 * Devices and models on their way to nodes. A node has the devices whose `spec.nodeName` it is, and their models; a model comes before its first device, and goes after its last.
 *
 * What an edge gets of a device changes with its spec, labels and annotations only: its status is what edges themselves report, and an echo of it to them would cost a message to the edge
 * and one to the mapper for each report. So a device is delivered as it was when one of those last changed, and that version is what the node's sync is held against.
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { versionOfKubelet, traitsOf, type Traits } from "../../link/versions.ts";
import type { Delivery, Edge, Source } from "../hub/hub.ts";
import type { CloudContext } from "../part.ts";
import { apiVersion, devices, keyOf, modelOf, models, nodeOf, source, typed } from "./kinds.ts";
import { membershipMessage, type MembershipChange } from "./membership.ts";

const nodes = { group: "", version: "v1", resource: "nodes" } as const;
const applied = "kubectl.kubernetes.io/last-applied-configuration";

type Parts = Pick<CloudContext, "hub" | "informers" | "clock">;

/** What a change of is told to edges. */
function told({ spec, metadata }: KubeObject): unknown {
  const { [applied]: _, ...annotations } = metadata.annotations ?? {};
  return [spec ?? {}, metadata.labels ?? {}, annotations, metadata.deletionTimestamp ?? ""];
}

export function isEcho(now: KubeObject, before: KubeObject): boolean {
  return now.metadata.uid === before.metadata.uid && Bun.deepEquals(told(now), told(before));
}

export class Downstream implements Source {
  readonly kinds = [
    { apiVersion, kind: "Device" },
    { apiVersion, kind: "DeviceModel" },
  ] as const;
  private readonly parts: Parts;
  /** Devices by uid, as they were told last, where that is not how they are now. */
  private readonly held = new Map<string, KubeObject>();
  /** Keys of devices by their model's. */
  private readonly users = new Map<string, Set<string>>();
  /** The form of ids in which a node was told its devices in this session. */
  private readonly forms = new Map<string, Traits["deviceId"]>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Begins to look. What is there already is delivered by way of `wanted`. */
  begin(): void {
    const { hub, informers } = this.parts;
    for (const device of informers.of(devices).store.all()) this.use(device);
    informers.of(devices).onChange((now, before) => {
      this.deviceChanged(now, before);
    });
    informers.of(models).onChange((now, before) => {
      this.modelChanged(now, before);
    });
    informers.of(nodes).onChange((now) => {
      if (now) this.nodeChanged(now);
    });
    hub.addSource(this);
    hub.onConnect((edge) => {
      this.connected(edge);
    });
  }

  *wanted(node: string): Generator<Omit<Delivery, "operation">> {
    const own = this.parts.informers.of(devices).store.onNode(node);
    for (const key of new Set(own.flatMap((device) => modelOf(device) ?? []))) {
      const model = this.model(key);
      if (model) yield modelDelivery(model);
    }
    for (const device of own) yield deviceDelivery(this.held.get(device.metadata.uid ?? "") ?? device);
  }

  private deviceChanged(now: KubeObject | undefined, before: KubeObject | undefined): void {
    if (before) this.unuse(before);
    if (now) this.use(now);
    if (now && before && isEcho(now, before)) {
      const { uid = "" } = now.metadata;
      if (!this.held.has(uid)) this.held.set(uid, before);
      return;
    }
    this.held.delete((now ?? before)?.metadata.uid ?? "");
    const [to, from] = [now && nodeOf(now), before && nodeOf(before)];
    if (before && from !== undefined && from !== to) this.take(before, from);
    if (!now || to === undefined) return;
    if (!before || from !== to) this.give(now, to);
    else this.renew(now, before, to);
  }

  private give(device: KubeObject, node: string): void {
    this.tellMembers(node, { added: [device] });
    this.deliverModel(modelOf(device), node, "insert");
    this.parts.hub.deliver(node, { operation: "insert", ...deviceDelivery(device) });
  }

  private renew(device: KubeObject, before: KubeObject, node: string): void {
    const [model, old] = [modelOf(device), modelOf(before)];
    if (model !== old) this.deliverModel(model, node, "insert");
    this.parts.hub.deliver(node, { operation: "update", ...deviceDelivery(device) });
    if (model !== old) this.dropModel(old, node);
  }

  private take(device: KubeObject, node: string): void {
    this.tellMembers(node, { removed: [device] });
    this.parts.hub.deliver(node, { operation: "delete", ...deviceDelivery(device) });
    this.dropModel(modelOf(device), node);
  }

  private deliverModel(key: string | undefined, node: string, operation: "insert" | "update"): void {
    const model = key === undefined ? undefined : this.model(key);
    if (model) this.parts.hub.deliver(node, { operation, ...modelDelivery(model) });
  }

  /** Where no device of the node is of it any more. */
  private dropModel(key: string | undefined, node: string): void {
    const model = key === undefined ? undefined : this.model(key);
    const isUsed = this.parts.informers
      .of(devices)
      .store.onNode(node)
      .some((each) => modelOf(each) === key);
    if (model && !isUsed) this.parts.hub.deliver(node, { operation: "delete", ...modelDelivery(model) });
  }

  private modelChanged(now: KubeObject | undefined, before: KubeObject | undefined): void {
    const model = now ?? before;
    if (!model || (now && before && isEcho(now, before))) return;
    const operation = now ? (before ? "update" : "insert") : "delete";
    for (const node of this.nodesOf(keyOf(model)))
      this.parts.hub.deliver(node, { operation, ...modelDelivery(model) });
  }

  /** An edge was taken for another release before its Node said what it is: its devices are called anew. */
  private nodeChanged({ metadata: { name = "" }, status }: KubeObject): void {
    const { nodeInfo } = (status ?? {}) as { readonly nodeInfo?: { readonly kubeletVersion?: unknown } };
    const text = nodeInfo?.kubeletVersion;
    const version = typeof text === "string" ? versionOfKubelet(text) : undefined;
    const [form, edge] = [this.forms.get(name), this.parts.hub.edge(name)];
    if (!version || !edge || form === undefined) return;
    const { deviceId } = traitsOf(version);
    if (deviceId === form) return;
    const own = this.parts.informers.of(devices).store.onNode(name);
    this.sendMembers(name, { removed: own }, form);
    this.sendMembers(name, { added: own }, deviceId);
  }

  /** Memberships are not acknowledged: what was said while it was away, or lost, is said again. An edge passes over what it has. */
  private connected({ node, signal }: Edge): void {
    this.forms.delete(node);
    signal.addEventListener("abort", () => this.forgetForm(node, signal), { once: true });
    const own = this.parts.informers.of(devices).store.onNode(node);
    if (own.length > 0) this.tellMembers(node, { added: own });
  }

  private forgetForm(node: string, signal: AbortSignal): void {
    const edge = this.parts.hub.edge(node);
    if (!edge || edge.signal === signal) this.forms.delete(node);
  }

  private tellMembers(node: string, change: MembershipChange): void {
    const edge = this.parts.hub.edge(node);
    if (edge) this.sendMembers(node, change, edge.traits.deviceId);
  }

  private sendMembers(node: string, change: MembershipChange, deviceId: Traits["deviceId"]): void {
    const { hub, clock } = this.parts;
    this.forms.set(node, deviceId);
    hub.send(node, membershipMessage(change, { deviceId }, clock.now()));
  }

  private model(key: string): KubeObject | undefined {
    const [namespace, name = ""] = key.split("/");
    return this.parts.informers.of(models).store.get(namespace, name);
  }

  private nodesOf(model: string): Set<string> {
    const { store } = this.parts.informers.of(devices);
    const keys = [...(this.users.get(model) ?? [])];
    return new Set(
      keys.flatMap((key) => {
        const [namespace, name = ""] = key.split("/");
        const device = store.get(namespace, name);
        return (device && nodeOf(device)) ?? [];
      }),
    );
  }

  private use(device: KubeObject): void {
    const model = modelOf(device);
    if (model === undefined) return;
    const users = this.users.get(model) ?? new Set();
    this.users.set(model, users.add(keyOf(device)));
  }

  private unuse(device: KubeObject): void {
    const model = modelOf(device) ?? "";
    const users = this.users.get(model);
    users?.delete(keyOf(device));
    if (users?.size === 0) this.users.delete(model);
  }
}

function deviceDelivery(device: KubeObject): Omit<Delivery, "operation"> {
  return { object: typed(device, "Device"), type: "device", source };
}

function modelDelivery(model: KubeObject): Omit<Delivery, "operation"> {
  return { object: typed(model, "DeviceModel"), type: "devicemodel", source };
}
