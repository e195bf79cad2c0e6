/**
 * What an edge should have: its pods, what they refer to and, for those that do not ask for it, its Node. Told when it changes, and at any time as a whole.
 *
 * A change that the edge made itself is not sent back to it: the status of pods, the heartbeats in a node's conditions. An object's version is here the one of its last change that an
 * edge has to know of, so that the hub does not take it for newer than what the edge has.
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Delivery, Hub, Source, Wanted } from "../hub/hub.ts";
import type { Informer } from "../informer/informer.ts";
import { follow } from "./follow.ts";
import { typed } from "./ids.ts";
import { nodeOf, type Inventory, type Reference, type Referred } from "./inventory.ts";
import { Versions } from "./versions.ts";
import { areBound, claimOf, volumeOf } from "./volumes.ts";

export interface Downstream {
  readonly hub: Hub;
  readonly inventory: Inventory;
  readonly pods: Informer;
  readonly nodes: Informer;
  readonly configMaps: Informer;
  readonly secrets: Informer;
  readonly claims: Informer;
  readonly volumes: Informer;
}

type Operation = Delivery["operation"];

const source = "edgecontroller";

function wantedPod(object: KubeObject): Wanted {
  return { object: typed(object, "Pod"), type: "pod", source };
}

function wantedNode(object: KubeObject): Wanted {
  return { object: typed(object, "Node"), type: "node", source, first: "update" };
}

/** How the kinds that pods refer to are called on the wire. KubeEdge sends new secrets as updates. */
const referred = {
  configmaps: { kind: "ConfigMap", type: "configmap", insert: "insert" },
  secrets: { kind: "Secret", type: "secret", insert: "update" },
  persistentvolumeclaims: { kind: "PersistentVolumeClaim", type: "persistentvolumeclaim", insert: "insert" },
  persistentvolumes: { kind: "PersistentVolume", type: "persistentvolume", insert: "insert" },
} as const satisfies Readonly<Record<string, { kind: string; type: string; insert: Operation }>>;

type Kind = keyof typeof referred;

function wantedReferred(kind: Kind, object: KubeObject): Wanted {
  const { kind: name, type, insert: first } = referred[kind];
  return { object: typed(object, name), type, source, first };
}

/** Begins to deliver, and gives the hub its source. All informers must have their first list. */
export function startDownstream(parts: Downstream): void {
  const versions = { pods: new Versions(), nodes: new Versions() };
  followPods(parts, versions.pods);
  followNodes(parts, versions.nodes);
  followReferred(parts, "configmaps", parts.configMaps);
  followReferred(parts, "secrets", parts.secrets);
  followReferred(parts, "persistentvolumeclaims", parts.claims);
  followVolumes(parts);
  parts.hub.addSource(sourceOf(parts, versions));
}

function sourceOf(
  parts: Downstream,
  versions: { readonly pods: Versions; readonly nodes: Versions },
): Source {
  const kinds = ["Pod", "Node", "ConfigMap", "Secret", "PersistentVolumeClaim", "PersistentVolume"];
  return {
    kinds: kinds.map((kind) => ({ apiVersion: "v1", kind })),
    *wanted(node) {
      for (const reference of parts.inventory.referencesOf(node)) yield* referredTo(parts, reference);
      for (const pod of parts.inventory.podsOf(node)) yield wantedPod(versions.pods.apply(pod));
      const own = parts.nodes.store.get(undefined, node);
      if (own && parts.hub.edge(node)?.traits.nodePush) yield wantedNode(versions.nodes.apply(own));
    },
  };
}

function storeOf(parts: Downstream, resource: Referred) {
  const informers: Partial<Record<Referred, Informer>> = {
    configmaps: parts.configMaps,
    secrets: parts.secrets,
    persistentvolumeclaims: parts.claims,
  };
  return informers[resource]?.store;
}

/** The object of a reference, and the volume that a claim is bound to. Nothing for service accounts, of which a node has tokens alone. */
function* referredTo(parts: Downstream, { resource, namespace, name }: Reference): Iterable<Wanted> {
  const object = storeOf(parts, resource)?.get(namespace, name);
  if (!object || resource === "serviceaccounts") return;
  yield wantedReferred(resource, object);
  const volume = resource === "persistentvolumeclaims" ? volumeOf(parts.volumes.store, object) : undefined;
  if (volume) yield wantedReferred("persistentvolumes", volume);
}

function followPods(parts: Downstream, versions: Versions): void {
  const { hub, pods } = parts;
  follow(pods, (now, before) => {
    const [to, from] = [nodeOf(now), nodeOf(before)];
    if (before && from !== undefined && from !== to) {
      hub.deliver(from, { ...wantedPod(before), operation: "delete" });
      versions.forget(before);
    }
    if (!now || to === undefined) return;
    if (before && from === to && !podDiffers(now, before)) return;
    versions.set(now);
    if (hub.edge(to) === undefined) return;
    if (from !== to) deliverNew(parts, to, now);
    hub.deliver(to, { ...wantedPod(now), operation: before ? "update" : "insert" });
  });
}

/** What a pod needs comes before it, so that the edge need not ask. */
function deliverNew(parts: Downstream, node: string, pod: KubeObject): void {
  for (const reference of parts.inventory.referencesOfPod(pod))
    for (const wanted of referredTo(parts, reference))
      parts.hub.deliver(node, { ...wanted, operation: wanted.first ?? "insert" });
}

function podDiffers(now: KubeObject, before: KubeObject): boolean {
  return (
    !Bun.deepEquals(now["spec"], before["spec"]) ||
    !Bun.deepEquals(lasting(now), lasting(before)) ||
    !Bun.deepEquals(gates(now), gates(before))
  );
}

function lasting({ metadata }: KubeObject): object {
  const { resourceVersion: _, managedFields: __, ...rest } = metadata;
  return rest;
}

interface Gated {
  readonly spec?: { readonly readinessGates?: readonly { readonly conditionType?: string }[] };
  readonly status?: { readonly conditions?: readonly { readonly type?: string }[] };
}

/** Conditions that others than the node set, and on which it waits. */
function gates(pod: KubeObject): unknown {
  const { spec, status } = pod as Gated;
  const awaited = new Set(spec?.readinessGates?.map(({ conditionType }) => conditionType));
  return awaited.size === 0 ? undefined : status?.conditions?.filter(({ type }) => awaited.has(type));
}

function followNodes({ hub, nodes }: Downstream, versions: Versions): void {
  follow(nodes, (now, before) => {
    if (!now) {
      if (before) versions.forget(before);
      return;
    }
    if (before && Bun.deepEquals(withoutHeartbeats(now), withoutHeartbeats(before))) return;
    versions.set(now);
    const node = now.metadata.name ?? "";
    if (hub.edge(node)?.traits.nodePush) hub.deliver(node, { ...wantedNode(now), operation: "update" });
  });
}

interface Conditioned {
  readonly conditions?: readonly { readonly lastHeartbeatTime?: string }[];
}

function withoutHeartbeats(node: KubeObject): object {
  const status = (node["status"] ?? {}) as Conditioned;
  const conditions = status.conditions?.map((each) => {
    const { lastHeartbeatTime: _, ...rest } = each;
    return rest;
  });
  return { metadata: lasting(node), spec: node["spec"], status: { ...status, conditions } };
}

function followReferred(parts: Downstream, resource: Exclude<Kind, "persistentvolumes">, informer: Informer) {
  follow(informer, (now, before) => {
    const { namespace = "", name = "" } = (now ?? before)?.metadata ?? {};
    deliverReferred(parts, resource, { reference: { resource, namespace, name }, now, before });
  });
}

/** By the claim that they are bound to, whichever of the two says so last. */
function followVolumes(parts: Downstream): void {
  follow(parts.volumes, (now, before) => {
    const reference = claimOf(now ?? before);
    const claim = reference && parts.claims.store.get(reference.namespace, reference.name);
    if (!reference || (now && !(claim && areBound(now, claim)))) return;
    deliverReferred(parts, "persistentvolumes", { reference, now, before });
  });
  parts.claims.onChange((claim) => {
    const now = claim && volumeOf(parts.volumes.store, claim);
    const reference = claimOf(now);
    if (reference) deliverReferred(parts, "persistentvolumes", { reference, now, before: undefined });
  });
}

interface Change {
  readonly reference: Reference;
  readonly now: KubeObject | undefined;
  readonly before: KubeObject | undefined;
}

/** To the nodes whose pods have the reference. */
function deliverReferred(
  { hub, inventory }: Downstream,
  kind: Kind,
  { reference, now, before }: Change,
): void {
  const object = now ?? before;
  if (!object) return;
  const operation = now ? (before ? "update" : referred[kind].insert) : "delete";
  for (const node of inventory.nodesOf(reference))
    if (hub.edge(node)) hub.deliver(node, { ...wantedReferred(kind, object), operation });
}
