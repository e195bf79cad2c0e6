/**
 * What edges have, as ObjectSync and ClusterObjectSync say it (reliablesyncs.kubeedge.io/v1alpha1): an object `<node>.<uid of the object>` in the object's namespace, with the version that the edge
 * acknowledged in its status. Kept here small, since a fleet has many.
 */
import type { Clock } from "../../../base/clock.ts";
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { Informer } from "../informer/informer.ts";
import { type Row, type Sync, SyncShelf, syncName } from "./shelf.ts";

const resource = (plural: string): ResourceId => ({
  group: "reliablesyncs.kubeedge.io",
  version: "v1alpha1",
  resource: plural,
});
export const objectSyncs = resource("objectsyncs");
export const clusterObjectSyncs = resource("clusterobjectsyncs");

export interface RecordsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

const none: ReadonlyMap<string, Sync> = new Map();

type SyncInformer = Informer<SyncShelf>;

export class Records {
  private readonly nodes = new Map<string, Map<string, Row>>();
  private readonly informers: readonly [namespaced: SyncInformer, cluster: SyncInformer];
  private readonly running: readonly Promise<void>[];

  constructor({ client, clock, log, signal }: RecordsOptions) {
    const begin = (resource: ResourceId, isNamespaced: boolean) =>
      new Informer(
        { client, resource, clock, log, keep: (object) => object },
        new SyncShelf(this.nodes, isNamespaced),
      );
    this.informers = [begin(objectSyncs, true), begin(clusterObjectSyncs, false)];
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

  /** An object as a write of ours for this sync left it. */
  wrote(object: KubeObject, sync: Sync): void {
    const informer = this.informerOf(object.metadata);
    informer.store.sharing = sync;
    informer.wrote(object);
    informer.store.sharing = undefined;
  }

  /** Gone by a write of ours. */
  deleted(node: string, sync: Sync): void {
    const informer = this.informerOf(sync);
    const present = informer.store.get(sync.namespace, syncName(node, sync.uid));
    if (present) informer.deleted(present);
  }

  private informerOf({ namespace }: { readonly namespace?: string | undefined }): SyncInformer {
    return this.informers[namespace === undefined ? 1 : 0];
  }
}
