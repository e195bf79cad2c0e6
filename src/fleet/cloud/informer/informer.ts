/**
 * One kind of object, known here as the API has it: a list, then a watch from there on, and the list again when the watch's history is gone.
 *
 * What this process writes is taken in at once (`wrote`, `deleted`), before the watch tells of it, so that a controller never plans on a state from before its own last step. Of two
 * versions of an object the newer counts, whichever way it came. (Revisions of one kind are numbers that grow: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions)
 */
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { type Clock, pause } from "../../../base/clock.ts";
import { lean } from "./lean.ts";
import type { Shelf, Store } from "./store.ts";

/** `now` is undefined for what is gone, `before` for what is new. */
export type ChangeHandler = (now: KubeObject | undefined, before: KubeObject | undefined) => void;

export interface InformerOptions {
  readonly client: KubeClient;
  readonly resource: ResourceId;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** What is kept of an object; `lean` without it. */
  readonly keep?: (object: KubeObject) => KubeObject;
}

const pageSize = 500;
const firstPause = 200;
const longestPause = 30_000;
/** Deletions by this process whose DELETED the watch has not told of yet; more than this are forgotten from the oldest on. */
const mostRemoved = 10_000;

function revisionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion ?? 0);
}

export class Informer<Kept extends Shelf = Store> {
  readonly resource: ResourceId;
  /** Resolves with the first list; rejects never. */
  readonly synced: Promise<void>;
  readonly store: Kept;
  private readonly options: InformerOptions;
  private readonly handlers: ChangeHandler[] = [];
  private readonly isSynced = Promise.withResolvers<void>();
  private readonly removed = new Set<string>();
  private readonly keep: (object: KubeObject) => KubeObject;
  /** Up to where the list and the watch told everything. */
  private revision = 0;
  /** Since the watch last told something. */
  private failures = 0;

  /** `store` is empty and nobody else's. */
  constructor(options: InformerOptions, store: Kept) {
    this.options = options;
    this.store = store;
    this.resource = options.resource;
    this.keep = options.keep ?? lean;
    this.synced = this.isSynced.promise;
  }

  onChange(handler: ChangeHandler): void {
    this.handlers.push(handler);
  }

  /** Follows the API until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.list(signal);
        while (!signal.aborted) await this.follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.recover(error, signal);
      }
    }
  }

  /** An object as a write of this process left it. */
  wrote(object: KubeObject): void {
    const { namespace, name = "", uid = "" } = object.metadata;
    // The watch is past this write already: if the object is not here, it was deleted since.
    if (this.removed.has(uid)) return;
    if (revisionOf(object) <= this.revision && !this.store.get(namespace, name)) return;
    this.take(object);
  }

  /** An object that a write of this process removed for good. */
  deleted(object: KubeObject): void {
    const { namespace, name = "", uid = "" } = object.metadata;
    const present = this.store.get(namespace, name);
    if (present?.metadata.uid !== uid) return;
    this.removed.add(uid);
    const oldest = this.removed.values().next().value;
    if (this.removed.size > mostRemoved && oldest !== undefined) this.removed.delete(oldest);
    this.drop(present);
  }

  private async list(signal: AbortSignal): Promise<void> {
    const found = new Map<string, KubeObject>();
    let page: { continue?: string } = {};
    let revision = 0;
    do {
      const { client, resource } = this.options;
      const list = await client.list(resource, { limit: pageSize, signal, ...page });
      for (const item of list.items) found.set(item.metadata.uid ?? "", this.keep(item));
      revision = Number(list.resourceVersion);
      page = list.continue ? { continue: list.continue } : {};
    } while (page.continue);
    this.replace(found, revision);
    this.isSynced.resolve();
  }

  private replace(found: ReadonlyMap<string, KubeObject>, revision: number): void {
    for (const present of this.store.all()) {
      const isNewer = revisionOf(present) > revision;
      if (!isNewer && !found.has(present.metadata.uid ?? "")) this.drop(present);
    }
    this.revision = revision;
    for (const uid of this.removed) if (!found.has(uid)) this.removed.delete(uid);
    for (const object of found.values()) if (!this.removed.has(object.metadata.uid ?? "")) this.enter(object);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const { client, resource } = this.options;
    const watch = client.watch(resource, {
      resourceVersion: String(this.revision),
      allowWatchBookmarks: true,
      signal,
    });
    for await (const { type, object } of watch) {
      if (signal.aborted) return;
      this.failures = 0;
      this.revision = Math.max(this.revision, revisionOf(object));
      const uid = object.metadata.uid ?? "";
      if (type === "DELETED") {
        this.removed.delete(uid);
        this.drop(object);
      } else if (type !== "BOOKMARK" && !this.removed.has(uid)) this.take(object);
    }
    // A server that ends each watch at once is not asked without end.
    if (this.failures++ > 0) await this.wait(signal);
  }

  private async recover(error: unknown, signal: AbortSignal): Promise<void> {
    const failures = this.failures++;
    const isExpired = error instanceof KubeError && (error.reason === "Expired" || error.reason === "Gone");
    if (isExpired && failures === 0) return;
    // Not served here: as good as an empty list, asked for again now and then.
    if (error instanceof KubeError && error.reason === "NotFound") {
      this.replace(new Map(), this.revision);
      this.isSynced.resolve();
      await pause(this.options.clock, longestPause, signal);
      return;
    }
    const { resource, log } = this.options;
    log(`cannot follow ${resource.resource}: ${error instanceof Error ? error.message : String(error)}`);
    await this.wait(signal);
  }

  private wait(signal: AbortSignal): Promise<void> {
    const time = Math.min(longestPause, firstPause * 2 ** Math.min(this.failures, 10));
    return pause(this.options.clock, time, signal);
  }

  private take(object: KubeObject): void {
    const { namespace, name = "" } = object.metadata;
    const present = this.store.get(namespace, name);
    if (!present || revisionOf(present) < revisionOf(object)) this.enter(this.keep(object));
  }

  /** What is kept of an object takes its place, unless a newer one has it. */
  private enter(kept: KubeObject): void {
    const { namespace, name = "" } = kept.metadata;
    const present = this.store.get(namespace, name);
    if (present && revisionOf(present) >= revisionOf(kept)) return;
    // The name was given again: for the controllers the old object went and a new one came.
    if (present && present.metadata.uid !== kept.metadata.uid) this.drop(present);
    this.tell(kept, this.store.put(kept));
  }

  private drop(object: KubeObject): void {
    const { namespace, name = "", uid } = object.metadata;
    const present = this.store.get(namespace, name);
    if (present?.metadata.uid !== uid) return;
    this.store.remove(namespace, name);
    this.tell(undefined, present);
  }

  private tell(now: KubeObject | undefined, before: KubeObject | undefined): void {
    for (const handler of this.handlers) handler(now, before);
  }
}
