/** Writes down what edges acknowledged: some writes at once, each object's in order, the newest only. */
import type { KubeClient, KubeObject } from "../../../spec/kubernetes/kube.ts";
import { isReason } from "../keys/secrets.ts";
import type { Clock } from "../../../base/clock.ts";
import { Queue } from "../informer/queue.ts";
import type { Delivery } from "../hub/hub.ts";
import { clusterObjectSyncs, objectSyncs, type Records } from "./records.ts";
import { type Sync, syncKinds, syncName, syncVersion } from "./shelf.ts";

export interface WriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  readonly records: Records;
}

interface Job {
  readonly node: string;
  /** `version` is what to write. */
  readonly sync: Sync;
  readonly isGone: boolean;
}

const workers = 8;

export class SyncWriter {
  private readonly options: WriterOptions;
  private readonly jobs = new Map<string, Job>();
  private readonly queue: Queue;
  private readonly running: Promise<void>;

  constructor(options: WriterOptions) {
    this.options = options;
    const { clock, signal, log } = options;
    this.queue = new Queue({
      clock,
      signal,
      work: async (name) => await this.work(name),
      onError: (name, error) => log(`cannot write down what an edge has, "${name}": ${String(error)}`),
    });
    this.running = this.queue.run(workers);
  }

  /** What an edge has acknowledged of an object, written down already or not. `isGone`: a deletion that is not written yet. */
  known(node: string, uid: string): { readonly version: string | undefined; readonly isGone: boolean } {
    const job = this.jobs.get(syncName(node, uid));
    if (job) return { version: job.isGone ? undefined : job.sync.version, isGone: job.isGone };
    return { version: this.options.records.of(node).get(uid)?.version, isGone: false };
  }

  /** An edge acknowledged it. */
  acknowledged(node: string, { operation, object }: Delivery): void {
    const { uid = "", namespace, name = "", resourceVersion } = object.metadata;
    const { apiVersion, kind } = object;
    const sync = { uid, namespace, apiVersion, kind, name, version: resourceVersion };
    this.put({ node, sync, isGone: operation === "delete" });
  }

  /** All that is known of a node. */
  forget(node: string): void {
    const known = [...this.options.records.of(node).values()];
    const unwritten = [...this.jobs.values()].filter((job) => job.node === node).map(({ sync }) => sync);
    for (const sync of [...known, ...unwritten]) this.put({ node, sync, isGone: true });
  }

  async ended(): Promise<void> {
    await this.running;
  }

  private put(job: Job): void {
    const name = syncName(job.node, job.sync.uid);
    this.jobs.set(name, job);
    this.queue.add(name);
  }

  private async work(name: string): Promise<undefined> {
    const job = this.jobs.get(name);
    if (!job) return undefined;
    if (job.isGone) await this.remove(name, job);
    else await this.write(name, job);
    if (this.jobs.get(name) === job) this.jobs.delete(name);
    return undefined;
  }

  private async write(name: string, { node, sync }: Job): Promise<void> {
    const { records, signal } = this.options;
    if (!records.of(node).has(sync.uid)) await this.create(name, sync);
    const object = await this.patch(name, sync).catch(async (error: unknown) => {
      if (!isReason(error, "NotFound")) throw error;
      await this.create(name, sync);
      return await this.patch(name, sync);
    });
    if (!signal.aborted) records.wrote(object, sync);
  }

  private async create(name: string, sync: Sync): Promise<void> {
    const { client, signal } = this.options;
    try {
      await client.create(resourceOf(sync), objectOf(name, sync), { signal });
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
    }
  }

  private async patch(name: string, sync: Sync): Promise<KubeObject> {
    const { client, signal } = this.options;
    return await client.patch(
      resourceOf(sync),
      { namespace: sync.namespace, name, subresource: "status" },
      { status: { objectResourceVersion: sync.version ?? "0" } },
      { type: "application/merge-patch+json", signal },
    );
  }

  private async remove(name: string, { node, sync }: Job): Promise<void> {
    const { client, records, signal } = this.options;
    try {
      await client.delete(resourceOf(sync), { namespace: sync.namespace, name }, { signal });
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
    records.deleted(node, sync);
  }
}

function resourceOf({ namespace }: Sync) {
  return namespace === undefined ? clusterObjectSyncs : objectSyncs;
}

function objectOf(name: string, { namespace, apiVersion, kind, name: of }: Sync): KubeObject {
  return {
    apiVersion: syncVersion,
    kind: namespace === undefined ? syncKinds.cluster : syncKinds.namespaced,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    spec: { objectAPIVersion: apiVersion, objectKind: kind, objectName: of },
  };
}
