/**
 * What the nodes watch by MetaServer. A kind is followed once in this process, however many nodes watch it; each node is delivered what matches one of its watches, as it is to see it.
 * A watch lasts as long as its session, or until the edge's own list of live watches lacks it.
 */
import type { Clock } from "../../../base/clock.ts";
import { badRequest } from "../../../spec/kubernetes/errors.ts";
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { parseFieldSelector, parseLabelSelector } from "../../../spec/kubernetes/selectors.ts";
import type { Application } from "../../link/kinds/application.ts";
import { listed } from "../edgecontroller/listed.ts";
import type { Delivery, Edge, Hub } from "../hub/hub.ts";
import type { Informer } from "../informer/informer.ts";
import type { Informers } from "../informer/informers.ts";
import type { Inventory } from "../edgecontroller/inventory.ts";
import { isGiven, type Access, type Allowed, type Asked } from "./access.ts";
import { adapt, dependsOnGroup, groupLabel, serviceOf, topologyOf, type Neighbours } from "./adapt.ts";
import { withKind } from "./kinds.ts";
import { fieldsOf } from "./list.ts";
import { listOptions, readJson } from "./options.ts";
import { askedOf, type ResourceKey } from "./requests.ts";

export interface WatchesOptions {
  readonly hub: Hub;
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly access: Access;
  readonly inventory: Inventory;
  readonly neighbours: Neighbours;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** Of one node at once. */
  readonly mostWatches?: number;
  /** That one watch may bring when it begins. */
  readonly mostObjects?: number;
}

export const usualWatches = { mostWatches: 64, mostObjects: 20_000 } as const;

interface Watch {
  readonly id: string;
  readonly node: string;
  readonly asked: Asked;
  readonly topic: Topic;
  readonly selects: (object: KubeObject) => boolean;
  allowed: Allowed;
  /** Undefined: it may no longer. */
  generation: string | undefined;
}

/** Milliseconds in which changes of groups gather. */
const gathering = 200;

/** A kind that somebody watches. */
interface Topic {
  readonly informer: Informer;
  /** By node. */
  readonly watches: Map<string, Set<Watch>>;
}

const fieldNames: readonly string[] = [
  "metadata.name",
  "metadata.namespace",
  "spec.nodeName",
  "status.phase",
  "type",
];

export class Watches {
  private readonly options: Required<WatchesOptions>;
  private readonly topics = new Map<string, Topic>();
  private readonly sessions = new Map<Edge, Map<string, Watch>>();
  /** Since endpoints were last delivered anew. */
  private regrouped = { groups: new Set<string>(), nodes: new Set<string>() };

  constructor(options: WatchesOptions) {
    this.options = { ...usualWatches, ...options };
  }

  /** How many a node has. */
  count(edge: Edge): number {
    return this.sessions.get(edge)?.size ?? 0;
  }

  /** Begins one, or begins anew the one of this ID: what it matches is delivered. Rejects with a KubeError. */
  async begin(
    edge: Edge,
    key: ResourceKey,
    { application, signal }: { application: Application; signal: AbortSignal },
  ): Promise<void> {
    const { hub, access, mostWatches, mostObjects } = this.options;
    const { node } = edge;
    const asked = askedOf({ key, application });
    const generation = access.generation(node);
    const allowed = access.authorize(node, asked);
    const known = this.sessions.get(edge)?.get(application.ID);
    if (!known && this.count(edge) >= mostWatches)
      throw new KubeError("TooManyRequests", `node "${node}" has ${mostWatches} watches, which is the most`);
    const selects = selectorOf(key, application);
    const topic = await this.topic(key, signal);
    const watch: Watch = { id: application.ID, node, asked, topic, selects, allowed, generation };
    const present = objectsOf(topic).filter((object) => matches(watch, object));
    if (present.length > mostObjects)
      throw new KubeError(
        "RequestEntityTooLarge",
        `${present.length} objects match, and a node watches ${mostObjects} at most: watch with a selector`,
      );
    if (edge.signal.aborted) return;
    this.end(edge, application.ID);
    this.add(edge, watch);
    for (const object of present) hub.deliver(node, this.delivery("insert", object, node));
  }

  /** Ends all that are not among the live ones; gives those that are and that are not watched here. */
  keep(edge: Edge, live: ReadonlySet<string>): readonly string[] {
    const present = this.sessions.get(edge) ?? new Map<string, Watch>();
    for (const id of present.keys()) if (!live.has(id)) this.end(edge, id);
    return [...live].filter((id) => !present.has(id));
  }

  /** Follows what changes how endpoints look. Nodes change their groups many at once. */
  followNeighbours(nodes: Informer, services: Informer): void {
    nodes.onChange((now, before) => {
      const groups = [now, before].map((node) => node?.metadata.labels?.[groupLabel]);
      if (groups[0] === groups[1]) return;
      for (const group of groups) if (group) this.regrouped.groups.add(group);
      this.regrouped.nodes.add((now ?? before)?.metadata.name ?? "");
      if (this.regrouped.nodes.size === 1) this.options.clock.after(gathering, () => this.regroup());
    });
    services.onChange((now, before) => {
      const service = now ?? before;
      if (!service || topologyOf(now) === topologyOf(before)) return;
      const { namespace, name } = service.metadata;
      this.again((object) => object.metadata.namespace === namespace && serviceOf(object) === name);
    });
  }

  private regroup(): void {
    const { groups, nodes } = this.regrouped;
    this.regrouped = { groups: new Set(), nodes: new Set() };
    const { neighbours } = this.options;
    const groupOf = (node: string) => neighbours.nodes.get(undefined, node)?.metadata.labels?.[groupLabel];
    this.again(
      (object) => dependsOnGroup(object, neighbours),
      (node) => nodes.has(node) || groups.has(groupOf(node) ?? ""),
    );
  }

  /** Delivers endpoints as nodes see them now. */
  private again(concerns: (object: KubeObject) => boolean, to: (node: string) => boolean = () => true): void {
    for (const name of ["discovery.k8s.io/endpointslices", "/endpoints"]) {
      const topic = this.topics.get(name);
      if (!topic) continue;
      const objects = objectsOf(topic).filter(concerns);
      for (const [node, watches] of topic.watches) {
        if (!to(node)) continue;
        for (const object of objects)
          if ([...watches].some((watch) => this.sees(watch, object)))
            this.options.hub.deliver(node, this.delivery("update", object, node));
      }
    }
  }

  private add(edge: Edge, watch: Watch): void {
    let session = this.sessions.get(edge);
    if (!session) {
      session = new Map();
      this.sessions.set(edge, session);
      edge.signal.addEventListener("abort", () => this.leave(edge), { once: true });
    }
    session.set(watch.id, watch);
    const { watches } = watch.topic;
    const there = watches.get(watch.node) ?? new Set<Watch>();
    watches.set(watch.node, there.add(watch));
  }

  private end(edge: Edge, id: string): void {
    const watch = this.sessions.get(edge)?.get(id);
    if (!watch) return;
    this.sessions.get(edge)?.delete(id);
    const { watches } = watch.topic;
    watches.get(watch.node)?.delete(watch);
    if (watches.get(watch.node)?.size === 0) watches.delete(watch.node);
  }

  private leave(edge: Edge): void {
    for (const id of this.sessions.get(edge)?.keys() ?? []) this.end(edge, id);
    this.sessions.delete(edge);
  }

  private async topic(key: ResourceKey, signal: AbortSignal): Promise<Topic> {
    const { client, informers } = this.options;
    const { group, version, resource } = key;
    const id: ResourceId = { group, version, resource };
    const known = this.topics.get(`${group}/${resource}`);
    if (!known) await client.list(id, { limit: 1, signal });
    // Asked again: another may have begun it meanwhile.
    const topic =
      this.topics.get(`${group}/${resource}`) ?? this.open(informers.of(id), `${group}/${resource}`);
    if (topic.informer.resource.version !== version)
      throw badRequest(
        `${resource} are watched in version ${topic.informer.resource.version}, not ${version}`,
      );
    await listed([topic.informer], signal);
    return topic;
  }

  private open(informer: Informer, name: string): Topic {
    const topic: Topic = { informer, watches: new Map() };
    this.topics.set(name, topic);
    informer.onChange((now, before) => this.tell(topic, now, before));
    return topic;
  }

  private tell(topic: Topic, present: KubeObject | undefined, past: KubeObject | undefined): void {
    const { resource } = topic.informer;
    const now = present && withKind(present, resource);
    const before = past && withKind(past, resource);
    for (const [node, watches] of topic.watches) {
      const all = [...watches];
      const isSeen = now !== undefined && all.some((watch) => this.sees(watch, now));
      const wasSeen = before !== undefined && all.some((watch) => this.sees(watch, before));
      if (isSeen && now)
        this.options.hub.deliver(node, this.delivery(wasSeen ? "update" : "insert", now, node));
      else if (wasSeen && before && !(now && isGiven(node, now, this.options.inventory)))
        this.options.hub.deliver(node, this.delivery("delete", now ?? before, node));
    }
  }

  private sees(watch: Watch, object: KubeObject): boolean {
    const { access, log } = this.options;
    const generation = access.generation(watch.node);
    if (watch.generation !== generation) {
      try {
        watch.allowed = access.authorize(watch.node, watch.asked);
        watch.generation = generation;
      } catch {
        if (watch.generation !== undefined)
          log(`node "${watch.node}" may no longer watch ${watch.asked.resource}`);
        watch.generation = undefined;
      }
    }
    return watch.generation !== undefined && matches(watch, object);
  }

  private delivery(operation: Delivery["operation"], object: KubeObject, node: string): Delivery {
    const seen = adapt(object, node, this.options.neighbours);
    return {
      operation,
      object: seen,
      type: object.kind.toLowerCase(),
      source: "dynamiccontroller",
      recorded: false,
    };
  }
}

function objectsOf({ informer }: Topic): readonly KubeObject[] {
  return informer.store.all().map((object) => withKind(object, informer.resource));
}

function matches({ selects, allowed }: Watch, object: KubeObject): boolean {
  return selects(object) && (!allowed || allowed(object));
}

function selectorOf(
  { namespace, name }: ResourceKey,
  application: Application,
): (object: KubeObject) => boolean {
  const { labelSelector, fieldSelector } = listOptions(readJson(application.Option, "Option"));
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  const strange = fields.requirements.find(({ field }) => !fieldNames.includes(field));
  if (strange) throw badRequest(`field label not supported: ${strange.field}`);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    labels.matches(object.metadata.labels) &&
    (fields.empty || fields.matches(fieldsOf(object)));
}
