/** For tests: a storage in memory that tells its watchers of changes in a later turn, as the real one does. */
import {
  type KubeClient,
  KubeError,
  type KubeList,
  type KubeObject,
  type ObjectKey,
  type ResourceId,
  type WatchEvent,
  type WatchOptions,
} from "../../../../spec/kubernetes/kube.ts";
import type { Change, Stored, StorageKey, Watcher } from "../storage/storage.ts";

const plurals: Readonly<Record<string, string>> = {
  Pod: "pods",
  Node: "nodes",
  Secret: "secrets",
  ServiceAccount: "serviceaccounts",
  PersistentVolume: "persistentvolumes",
  CertificateSigningRequest: "certificates.k8s.io/certificatesigningrequests",
  Role: "rbac.authorization.k8s.io/roles",
  ClusterRole: "rbac.authorization.k8s.io/clusterroles",
  RoleBinding: "rbac.authorization.k8s.io/rolebindings",
  ClusterRoleBinding: "rbac.authorization.k8s.io/clusterrolebindings",
};

class MemoryWatcher implements Watcher {
  seen = 0;
  #waiting: (Change | Error)[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;
  readonly #end: () => void;

  constructor(end: () => void) {
    this.#end = end;
  }

  push(change: Change | Error): void {
    this.#waiting.push(change);
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Change> {
    while (!this.#ended) {
      const change = this.#waiting.shift();
      if (change instanceof Error) throw change;
      if (change) yield change;
      else {
        this.#wake = Promise.withResolvers<void>();
        await this.#wake.promise;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#wake.resolve();
    this.#end();
  }
}

export class MemoryStorage {
  revision = 0;
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<{ resource: string; watcher: MemoryWatcher }>();

  get({ resource, namespace, name }: StorageKey): Stored | undefined {
    return this.#objects.get(`${resource} ${namespace} ${name}`);
  }

  list(resource: string) {
    const items = [...this.#objects.values()].filter(({ key }) => key.resource === resource);
    return { items, revision: this.revision };
  }

  watch(resource: string): Watcher {
    const entry = { resource, watcher: new MemoryWatcher(() => this.#watchers.delete(entry)) };
    this.#watchers.add(entry);
    return entry.watcher;
  }

  put(object: KubeObject, { quietly = false } = {}): void {
    const { namespace = "", name = "" } = object.metadata;
    const key = { resource: plurals[object.kind] ?? object.kind, namespace, name };
    this.revision += 1;
    const stored = { key, revision: this.revision, object };
    const before = this.get(key);
    this.#objects.set(`${key.resource} ${namespace} ${name}`, stored);
    if (!quietly) this.#tell({ revision: this.revision, type: "put", stored, before });
  }

  remove(resource: string, namespace: string, name: string, { quietly = false } = {}): void {
    const stored = this.get({ resource, namespace, name });
    if (!stored) return;
    this.#objects.delete(`${resource} ${namespace} ${name}`);
    this.revision += 1;
    if (!quietly) this.#tell({ revision: this.revision, type: "delete", stored, before: stored });
  }

  expire(): void {
    for (const { watcher } of this.#watchers)
      watcher.push(new KubeError("Expired", "too old resource version"));
  }

  /** Every watch breaks, as when the disk does not answer. */
  fail(): void {
    for (const { watcher } of this.#watchers) watcher.push(new Error("the disk does not answer"));
  }

  /** Resolves when watchers were told of everything so far. */
  async delivered(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
  }

  #tell(change: Change): void {
    for (const { resource, watcher } of this.#watchers)
      if (resource === change.stored.key.resource) watcher.push(change);
  }
}

/** The verbs that the default roles need, on cluster-wide objects of such a storage. */
export class MemoryClient implements KubeClient {
  readonly storage: MemoryStorage;
  writes = 0;

  constructor(storage: MemoryStorage) {
    this.storage = storage;
  }

  async get(resource: ResourceId, { namespace = "", name }: ObjectKey): Promise<KubeObject> {
    const stored = this.storage.get({ resource: nameOf(resource), namespace, name });
    if (!stored) throw new KubeError("NotFound", `${resource.resource} "${name}" not found`);
    return stored.object;
  }

  async list(resource: ResourceId): Promise<KubeList> {
    const { items, revision } = this.storage.list(nameOf(resource));
    return { items: items.map(({ object }) => object), resourceVersion: String(revision) };
  }

  async *watch(resource: ResourceId, { signal }: WatchOptions): AsyncIterable<WatchEvent> {
    const watcher = this.storage.watch(nameOf(resource));
    signal?.addEventListener("abort", () => void watcher[Symbol.asyncDispose]());
    for await (const { type, stored } of watcher)
      yield { type: type === "put" ? "MODIFIED" : "DELETED", object: stored.object };
  }

  async create(_resource: ResourceId, object: KubeObject): Promise<KubeObject> {
    this.writes += 1;
    this.storage.put(object);
    return object;
  }

  update(resource: ResourceId, object: KubeObject): Promise<KubeObject> {
    return this.create(resource, object);
  }

  async patch(): Promise<KubeObject> {
    throw new KubeError("NotImplemented", "no patches here");
  }

  async delete(resource: ResourceId, key: ObjectKey): Promise<KubeObject> {
    this.writes += 1;
    const object = await this.get(resource, key);
    this.storage.remove(nameOf(resource), key.namespace ?? "", key.name);
    return object;
  }
}

function nameOf({ group, resource }: ResourceId): string {
  return group === "" ? resource : `${group}/${resource}`;
}
