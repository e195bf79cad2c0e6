/** For tests: small objects, and a folder that goes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Change, Storage, Stored, StorageKey, Watcher } from "./storage.ts";

export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "sampan-objects-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function place(name: string, namespace = "default", resource = "pods"): StorageKey {
  return { resource, namespace, name };
}

export function object(name: string, text = "", namespace = "default"): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, text };
}

export async function put(storage: Storage, name: string, text = "", namespace = "default"): Promise<Stored> {
  return await storage.write((transaction) =>
    transaction.put(place(name, namespace), object(name, text, namespace)),
  );
}

export async function remove(
  storage: Storage,
  name: string,
  namespace = "default",
): Promise<Stored | undefined> {
  return await storage.write((transaction) => transaction.delete(place(name, namespace)));
}

/** The next changes of a watcher, which stays open. */
export async function next(watcher: Watcher, count: number): Promise<Change[]> {
  const iterator = watcher[Symbol.asyncIterator]();
  const changes: Change[] = [];
  while (changes.length < count) {
    const { value, done } = await iterator.next();
    if (done) break;
    changes.push(value);
  }
  return changes;
}

/** `put a 2 "text"` */
export function tell({ type, revision, stored, before }: Change): string {
  const was = before ? ` over ${before.revision}` : "";
  return `${type} ${stored.key.name} ${revision} ${JSON.stringify(stored.object["text"])}${was}`;
}
