/**
 * What edges have, as ObjectSync and ClusterObjectSync say it (reliablesyncs.kubeedge.io/v1alpha1): an object `<node>.<uid of the object>` in the object's namespace, with the version that the edge
 * acknowledged in its status. Kept here small, since a fleet has many.
 */
import type { Clock } from "../../../base/clock.ts";
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { Informer } from "../informer/informer.ts";

export const syncKinds = {
  namespaced: "ObjectSync",
  cluster: "ClusterObjectSync",
} as const;
export const syncVersion = "reliablesyncs.kubeedge.io/v1alpha1";

const resource = (plural: string): ResourceId => ({
  group: "reliablesyncs.kubeedge.io",
  version: "v1alpha1",
  resource: plural,
});
export const objectSyncs = resource("objectsyncs");
export const clusterObjectSyncs = resource("clusterobjectsyncs");

export interface Sync {
  /** Of the object that an edge has. */
  readonly uid: string;
  readonly namespace: string | undefined;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** What it acknowledged last; undefined: nothing yet. */
  readonly version: string | undefined;
}

export interface RecordsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

const none: ReadonlyMap<string, Sync> = new Map();

export class Records {
  private readonly nodes = new Map<string, Map<string, Sync>>();
  private readonly informers: readonly [namespaced: Informer, cluster: Informer];
  private readonly running: readonly Promise<void>[];

  constructor({ client, clock, log, signal }: RecordsOptions) {
    const begin = (resource: ResourceId) => {
      const informer = new Informer({ client, resource, clock, log, keep });
      informer.onChange((now, before) => this.change(now, before));
      return informer;
    };
    this.informers = [begin(objectSyncs), begin(clusterObjectSyncs)];
    this.running = this.informers.map(async (informer) => await informer.run(signal));
  }

  async synced(): Promise<void> {
    await Promise.all(this.informers.map(({ synced }) => synced));
  }

  async ended(): Promise<void> {
    await Promise.all(this.running);
  }

  of(node: string): ReadonlyMap<string, Sync> {
    return this.nodes.get(node) ?? none;
  }

  allNodes(): string[] {
    return [...this.nodes.keys()];
  }

  /** An object as a write of ours left it. */
  wrote(object: KubeObject): void {
    this.informerOf(object).wrote(object);
  }

  /** Gone by a write of ours. */
  deleted(node: string, sync: Sync): void {
    const informer = this.informers[sync.namespace === undefined ? 1 : 0];
    const present = informer.store.get(sync.namespace, syncName(node, sync.uid));
    if (present) informer.deleted(present);
  }

  private informerOf({ metadata }: KubeObject): Informer {
    return this.informers[metadata.namespace === undefined ? 1 : 0];
  }

  private change(now: KubeObject | undefined, before: KubeObject | undefined): void {
    const object = now ?? before;
    const { node, uid } = partsOf(object?.metadata.name ?? "") ?? {};
    if (node === undefined || uid === undefined) return;
    const of = this.nodes.get(node) ?? new Map<string, Sync>();
    if (now) of.set(uid, (now as Kept).sync);
    else of.delete(uid);
    if (of.size > 0) this.nodes.set(node, of);
    else this.nodes.delete(node);
  }
}

export function syncName(node: string, uid: string): string {
  return `${node}.${uid}`;
}

/** A node's name may have dots in it, a uid has none. */
function partsOf(name: string): { node: string; uid: string } | undefined {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? { node: name.slice(0, dot), uid: name.slice(dot + 1) } : undefined;
}

interface Kept extends KubeObject {
  readonly sync: Sync;
}

/** Most of a fleet's syncs say the same words. */
const words = new Map<string, string>();

function shared(text: unknown): string {
  const word = typeof text === "string" ? text : "";
  const known = words.get(word);
  if (known !== undefined) return known;
  if (words.size < 1000) words.set(word, word);
  return word;
}

function keep(object: KubeObject): Kept {
  if (object["sync"] !== undefined) return object as Kept;
  const { name = "", namespace, uid = "", resourceVersion = "" } = object.metadata;
  const spec = (object["spec"] ?? {}) as Readonly<Record<string, unknown>>;
  const status = (object["status"] ?? {}) as Readonly<Record<string, unknown>>;
  const version = status["objectResourceVersion"];
  const where = namespace === undefined ? {} : { namespace: shared(namespace) };
  return {
    apiVersion: syncVersion,
    kind: namespace === undefined ? syncKinds.cluster : syncKinds.namespaced,
    metadata: { name, ...where, uid, resourceVersion },
    sync: {
      uid: partsOf(name)?.uid ?? "",
      namespace: where.namespace,
      apiVersion: shared(spec["objectAPIVersion"]),
      kind: shared(spec["objectKind"]),
      name: typeof spec["objectName"] === "string" ? spec["objectName"] : "",
      version: typeof version === "string" && /^\d{1,20}$/.test(version) ? version : undefined,
    },
  };
}
