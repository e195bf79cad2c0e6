import {
  KubeError,
  type KubeObject,
  type OwnerReference,
  type ResourceId,
} from "../../../../../spec/kubernetes/kube.ts";
import {
  unlessGone,
  type Context,
  type Controller,
  type ControllerFactory,
  type Enqueue,
} from "../controller.ts";
import type { Informer } from "../../../informer/informer.ts";
import { kinds } from "../kinds.ts";
import { isDeleting, keyOf, same, splitKey } from "../references.ts";
import type { Served, ServedKinds } from "../served.ts";
import {
  foregroundFinalizer,
  orphanFinalizer,
  planGarbage,
  type GarbageStep,
  type OwnerState,
} from "./plan.ts";

/** The key under which the list of kinds is looked at. */
const refresh = "kinds";
const refreshAfter = 10_000;

/** Kinds of which there are many, and which neither have owners nor are any: events, and what the hub keeps of its edges and takes away itself. */
const unowned: readonly string[] = [
  "/events",
  "events.k8s.io/events",
  "reliablesyncs.kubeedge.io/objectsyncs",
  "reliablesyncs.kubeedge.io/clusterobjectsyncs",
];

interface Monitor {
  readonly served: Served;
  readonly informer: Informer;
}

/** Deletes what its owners left behind, in every kind that is served, those of custom resources too. */
export function garbageCollector(served: ServedKinds): ControllerFactory {
  return (context, enqueue) => new GarbageCollector(context, enqueue, served);
}

class GarbageCollector implements Controller {
  readonly name = "garbage-collector";
  readonly workers = 16;
  readonly informers: readonly Informer[];
  private readonly context: Context;
  private readonly enqueue: Enqueue;
  private readonly served: ServedKinds;
  private readonly monitors = new Map<string, Monitor>();
  private generation: number | undefined;

  constructor(context: Context, enqueue: Enqueue, served: ServedKinds) {
    this.context = context;
    this.enqueue = enqueue;
    this.served = served;
    const definitions = context.informers.of(kinds.customResourceDefinitions);
    this.informers = [definitions];
    definitions.onChange(() => {
      enqueue(refresh);
      // The list of kinds follows the definition's status, maybe a little later.
      enqueue(refresh, 1000);
    });
    enqueue(refresh);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<number | undefined> {
    if (key === refresh) {
      await this.follow();
      return refreshAfter;
    }
    const bar = key.indexOf("|");
    const monitor = this.monitors.get(key.slice(0, bar));
    const { namespace, name } = splitKey(key.slice(bar + 1));
    const object = monitor?.informer.store.get(namespace, name);
    if (!monitor || !object) return undefined;
    const owners: { reference: OwnerReference; state: OwnerState }[] = [];
    for (const reference of isDeleting(object) ? [] : (object.metadata.ownerReferences ?? [])) {
      owners.push({ reference, state: await this.stateOf(object, reference, signal) });
    }
    const dependents = this.dependentsOf(object);
    const steps = planGarbage({ object, owners, dependents: dependents.map((one) => one.object) });
    for (const step of steps) await this.act(step, monitor, { object, dependents, signal });
    return undefined;
  }

  /** Begins to watch what is newly served, and ends what no longer is. */
  private async follow(): Promise<void> {
    if (this.generation === this.served.generation) return;
    this.generation = this.served.generation;
    const wanted = new Map<string, Served>(
      this.served
        .all()
        .map((one): [string, Served] => [`${one.id.group}/${one.id.resource}`, one])
        .filter(([name]) => !unowned.includes(name)),
    );
    for (const [name, { informer, served }] of this.monitors) {
      if (wanted.get(name)?.id.version === served.id.version) continue;
      this.monitors.delete(name);
      await this.context.informers.stop(informer.resource);
    }
    for (const [name, served] of wanted) {
      if (!this.monitors.has(name)) this.monitor(name, served);
    }
  }

  private monitor(name: string, served: Served): void {
    const informer = this.context.informers.metadataOf(served.id);
    this.monitors.set(name, { served, informer });
    informer.onChange((now, before) => this.changed(name, now, before));
    for (const object of informer.store.all()) this.changed(name, object, undefined);
  }

  private changed(name: string, now: KubeObject | undefined, before: KubeObject | undefined): void {
    if (!now) {
      if (!before) return;
      for (const { monitor, object } of this.dependentsOf(before)) this.look(monitor, object);
      for (const owner of before.metadata.ownerReferences ?? []) this.lookAtOwner(before, owner);
      return;
    }
    const { ownerReferences = [], finalizers = [] } = now.metadata;
    for (const owner of before?.metadata.ownerReferences ?? []) {
      if (!ownerReferences.some(({ uid }) => uid === owner.uid)) this.lookAtOwner(now, owner);
    }
    const isFinalizing =
      isDeleting(now) && (finalizers.includes(orphanFinalizer) || finalizers.includes(foregroundFinalizer));
    const isNews = !same(ownerReferences, before?.metadata.ownerReferences);
    if (isFinalizing || (ownerReferences.length > 0 && isNews)) this.enqueue(`${name}|${keyOf(now)}`);
    if (!isFinalizing || !finalizers.includes(foregroundFinalizer)) return;
    for (const { monitor, object } of this.dependentsOf(now)) this.look(monitor, object);
  }

  private look({ served }: Monitor, object: KubeObject): void {
    this.enqueue(`${served.id.group}/${served.id.resource}|${keyOf(object)}`);
  }

  /** An owner that waits for its dependents may be done when one of them goes. */
  private lookAtOwner(object: KubeObject, reference: OwnerReference): void {
    const monitor = this.monitorOf(reference);
    const owner = monitor?.informer.store.get(this.namespaceOf(object, monitor), reference.name);
    if (monitor && owner?.metadata.uid === reference.uid && isDeleting(owner)) this.look(monitor, owner);
  }

  private monitorOf({ apiVersion, kind }: OwnerReference): Monitor | undefined {
    const slash = apiVersion.indexOf("/");
    const group = slash < 0 ? "" : apiVersion.slice(0, slash);
    for (const monitor of this.monitors.values()) {
      if (monitor.served.kind === kind && monitor.served.id.group === group) return monitor;
    }
    return undefined;
  }

  private namespaceOf(object: KubeObject, { served }: Monitor): string | undefined {
    return served.namespaced ? object.metadata.namespace : undefined;
  }

  private async stateOf(
    object: KubeObject,
    reference: OwnerReference,
    signal: AbortSignal,
  ): Promise<OwnerState> {
    const monitor = this.monitorOf(reference);
    // An object without a namespace cannot be owned by one within: nothing is known of such an owner.
    if (!monitor || (monitor.served.namespaced && !object.metadata.namespace)) return "unknown";
    const namespace = this.namespaceOf(object, monitor);
    const known = monitor.informer.store.get(namespace, reference.name);
    if (known?.metadata.uid === reference.uid) return stateOfOwner(known);
    try {
      const { client } = this.context;
      const owner = await client.get(monitor.served.id, { namespace, name: reference.name }, signal);
      return owner.metadata.uid === reference.uid ? stateOfOwner(owner) : "absent";
    } catch (error) {
      if (error instanceof KubeError && error.reason === "NotFound") return "absent";
      throw error;
    }
  }

  private dependentsOf({ metadata }: KubeObject): readonly { monitor: Monitor; object: KubeObject }[] {
    const found: { monitor: Monitor; object: KubeObject }[] = [];
    for (const monitor of this.monitors.values()) {
      for (const object of monitor.informer.store.ownedBy(metadata.uid ?? "")) {
        // The uid alone is not enough: an object of another namespace cannot be a dependent.
        const isNear = !metadata.namespace || metadata.namespace === object.metadata.namespace;
        if (isNear) found.push({ monitor, object });
      }
    }
    return found;
  }

  private async act(
    step: GarbageStep,
    monitor: Monitor,
    around: {
      readonly object: KubeObject;
      readonly dependents: readonly { monitor: Monitor; object: KubeObject }[];
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { object, dependents, signal } = around;
    const { id } = monitor.served;
    if (step.do === "remove finalizer") {
      const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== step.finalizer);
      return this.patch(id, object, { finalizers }, signal);
    }
    if (step.do === "remove owners") {
      const target = dependents.find((one) => one.object === step.object)?.monitor.served.id ?? id;
      const ownerReferences = (step.object.metadata.ownerReferences ?? []).filter(
        ({ uid }) => !step.uids.includes(uid),
      );
      return this.patch(target, step.object, { ownerReferences }, signal);
    }
    const { namespace, name = "", uid = "", resourceVersion } = object.metadata;
    await unlessGone(
      this.context.client.delete(
        id,
        { namespace, name },
        {
          propagationPolicy: step.propagation,
          // Should it have got another owner meanwhile, it stays, and is looked at anew.
          preconditions: { uid, ...(resourceVersion ? { resourceVersion } : {}) },
          signal,
        },
      ),
    );
  }

  private async patch(
    id: ResourceId,
    object: KubeObject,
    metadata: Partial<KubeObject["metadata"]>,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, name = "", uid, resourceVersion } = object.metadata;
    const patch = { metadata: { ...metadata, uid, resourceVersion } };
    const options = { type: "application/merge-patch+json", signal } as const;
    await unlessGone(this.context.client.patch(id, { namespace, name }, patch, options));
  }
}

function stateOfOwner(owner: KubeObject): OwnerState {
  const isWaiting = isDeleting(owner) && owner.metadata.finalizers?.includes(foregroundFinalizer);
  return isWaiting ? "waiting" : "present";
}
