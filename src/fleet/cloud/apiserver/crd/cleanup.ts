/** The end of a definition: its objects are deleted, and when none is left it goes itself. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { pause } from "../../../../base/pause.ts";
import type { Stored, Storage, Transaction, Watcher } from "../storage/storage.ts";
import {
  cleanupFinalizer,
  conditionsOf,
  definitionsName,
  isTerminating,
  readDefinition,
} from "./definition.ts";
import { metaTime, withCondition } from "./status.ts";

interface CleanupOptions {
  readonly storage: Storage;
  readonly now: () => number;
  readonly log: (text: string) => void;
}

export interface Cleanup extends AsyncDisposable {
  /** Called with each definition as it is now. */
  look(definition: KubeObject): void;
}

const page = 200;
const retryAfter = 2000;

export function openCleanup(options: CleanupOptions): Cleanup {
  const running = new Map<string, Promise<void>>();
  const stopping = new AbortController();
  return {
    look(definition) {
      const { name = "", finalizers = [] } = definition.metadata;
      if (!isTerminating(definition) || !finalizers.includes(cleanupFinalizer) || running.has(name)) return;
      const work = cleanUntilDone(name, options, stopping.signal).finally(() => running.delete(name));
      running.set(name, work);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(running.values());
    },
  };
}

async function cleanUntilDone(name: string, options: CleanupOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await clean(name, options, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      options.log(
        `cannot delete the objects of ${name}: ${error instanceof Error ? error.message : String(error)}`,
      );
      await pause(retryAfter, signal);
    }
  }
}

async function clean(name: string, { storage, now }: CleanupOptions, signal: AbortSignal): Promise<void> {
  const key = { resource: definitionsName, namespace: "", name };
  const stored = storage.get(key);
  if (!stored || !isTerminating(stored.object)) return;
  const { group, names } = readDefinition(stored.object);
  const resource = `${group}/${names.plural}`;
  const time = (): string => metaTime(now());
  await storage.write((transaction) => tell(transaction, stored, time()));
  // Those with finalizers stay until others have taken these away.
  await using watcher = storage.watch(resource, { after: storage.revision });
  await deleteAll(storage, resource, time, signal);
  await emptied(storage, resource, watcher, signal);
  if (!signal.aborted) await storage.write((transaction) => release(transaction, stored));
}

/** The condition that says what is going on. */
function tell(transaction: Transaction, { key }: Stored, now: string): void {
  const current = transaction.get(key)?.object;
  if (
    !current ||
    conditionsOf(current).some(({ type, status }) => type === "Terminating" && status === "True")
  )
    return;
  const object = structuredClone(current);
  const condition = {
    type: "Terminating",
    status: "True",
    reason: "InstanceDeletionInProgress",
    message: "CustomResource deletion is in progress",
  };
  object["status"] = {
    ...(object["status"] as object | undefined),
    conditions: withCondition(conditionsOf(object), condition, now),
  };
  transaction.put(key, object);
}

async function deleteAll(
  storage: Storage,
  resource: string,
  time: () => string,
  signal: AbortSignal,
): Promise<void> {
  let after: { readonly namespace: string; readonly name: string } | undefined;
  do {
    if (signal.aborted) return;
    const found = storage.list(resource, { limit: page, ...(after ? { after } : {}) });
    await storage.write((transaction) => {
      for (const stored of found.items) remove(transaction, stored, time());
    });
    after = found.after;
  } while (after);
}

function remove(transaction: Transaction, { key }: Stored, now: string): void {
  const current = transaction.get(key)?.object;
  if (!current) return;
  if ((current.metadata.finalizers ?? []).length === 0) transaction.delete(key);
  else if (!isTerminating(current)) {
    const object = structuredClone(current);
    object.metadata.deletionTimestamp = now;
    object.metadata.deletionGracePeriodSeconds = 0;
    transaction.put(key, object);
  }
}

/** Resolves when there is none left, or when it is to stop. */
async function emptied(
  storage: Storage,
  resource: string,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<void> {
  const isEmpty = (): boolean => storage.list(resource, { limit: 1 }).items.length === 0;
  if (signal.aborted || isEmpty()) return;
  const stop = (): void => void watcher[Symbol.asyncDispose]();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const change of watcher) if (change.type === "delete" && isEmpty()) return;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Its own finalizer goes, and with the last one the definition. */
function release(transaction: Transaction, { key }: Stored): void {
  const current = transaction.get(key)?.object;
  if (!current) return;
  const finalizers = (current.metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== cleanupFinalizer,
  );
  if (finalizers.length === 0) {
    transaction.delete(key);
    return;
  }
  const object = structuredClone(current);
  object.metadata.finalizers = finalizers;
  transaction.put(key, object);
}
