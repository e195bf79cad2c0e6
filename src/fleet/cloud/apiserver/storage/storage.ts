/**
 * Where the objects are kept: one table with revisions in SQLite, one sequence of revisions for all objects, as etcd has it. It knows nothing of kinds, verbs or fields.
 *
 * Writes that come within one turn of the loop go into one transaction with one sync; a promise resolves when its write is on the disk. Watchers see a write only then.
 * History (what watches from older revisions, and lists at older revisions, are made of) is bounded by age, count and bytes; older than that is `Expired`.
 */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";

/** The place of an object: `{ resource: "apps/deployments", namespace: "default", name: "a" }`; namespace is "" for what has none. */
export interface StorageKey {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Stored {
  readonly key: StorageKey;
  /** The revision of its last change; metadata.resourceVersion of the object says the same. */
  readonly revision: number;
  /** Shared and frozen by agreement: nobody changes it. */
  readonly object: KubeObject;
  /** The object as it is kept, where the storage has it as text: saves encoding it anew. */
  readonly json?: string;
}

export interface Change {
  readonly revision: number;
  readonly type: "put" | "delete";
  /** What is there now; of a deletion, what was there, with the deletion's revision as resourceVersion. */
  readonly stored: Stored;
  /** What was there before; undefined for a new one. */
  readonly before: Stored | undefined;
}

export interface Page {
  readonly items: readonly Stored[];
  /** Of the state that the page shows. */
  readonly revision: number;
  /** The key after which the next page begins, when there is more. */
  readonly after?: { readonly namespace: string; readonly name: string };
  readonly remaining?: number;
}

export interface PageOptions {
  readonly namespace?: string;
  readonly limit?: number;
  readonly after?: { readonly namespace: string; readonly name: string };
  /** A state of the past; KubeError `Expired` when its history is gone. */
  readonly at?: number;
}

/** Within a write: sees what this and earlier writes of the same transaction did. Throwing undoes this write alone. */
export interface Transaction {
  get(key: StorageKey): Stored | undefined;
  /** Gives metadata.resourceVersion; the rest of the object is kept as it is. */
  put(key: StorageKey, object: KubeObject): Stored;
  delete(key: StorageKey): Stored | undefined;
}

export interface Watcher extends AsyncDisposable {
  /**
   * Changes in the order of their revisions, each once. Ends on dispose. A watcher that is slow gets them from the history instead of from memory, and throws KubeError `Expired`
   * when it fell behind that as well.
   */
  [Symbol.asyncIterator](): AsyncIterator<Change>;
  /** The revision up to which everything was handed out: for bookmarks. */
  readonly seen: number;
}

export interface Storage extends AsyncDisposable {
  /** The last revision on the disk. */
  readonly revision: number;
  /** The oldest revision that a watch or list can begin from. */
  readonly oldest: number;
  get(key: StorageKey): Stored | undefined;
  list(resource: string, options?: PageOptions): Page;
  /** Runs the change in the next transaction. Rejects with what it throws, or when the disk refused the transaction. */
  write<Result>(change: (transaction: Transaction) => Result): Promise<Result>;
  /** All changes of a resource (of a namespace) after a revision. KubeError `Expired` when the history from there is gone. */
  watch(resource: string, options: { readonly namespace?: string; readonly after: number }): Watcher;
  /** Drops what is in memory only to be quick, for a process that has nothing to do. */
  forget(): void;
  /** How many watchers there are, rows, bytes of the file: for /metrics. */
  figures(): { readonly watchers: number; readonly objects: number; readonly fileBytes: number };
}
