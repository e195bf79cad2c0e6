/** A version of an object as text, parsed when it is first asked for. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Stored, StorageKey } from "./storage.ts";

export class StoredText implements Stored {
  readonly key: StorageKey;
  readonly revision: number;
  readonly json: string;
  #object: KubeObject | undefined;

  constructor(key: StorageKey, revision: number, json: string) {
    this.key = key;
    this.revision = revision;
    this.json = json;
  }

  get object(): KubeObject {
    return (this.#object ??= JSON.parse(this.json) as KubeObject);
  }
}

/** The object with its revision as resourceVersion. */
export function encode(key: StorageKey, revision: number, object: KubeObject): StoredText {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return new StoredText(key, revision, JSON.stringify({ ...object, metadata }));
}

/** What is said of an object that went: as it was, with the revision of its end. */
export function entombed(before: Stored, revision: number): StoredText {
  return encode(before.key, revision, before.object);
}

/** Versions that were used last, by revision, bounded by the bytes of their texts: parsed, an object takes a few times as much. */
export class Versions {
  readonly #limit: number;
  readonly #kept = new Map<number, StoredText>();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(revision: number): StoredText | undefined {
    const found = this.#kept.get(revision);
    if (found) {
      this.#kept.delete(revision);
      this.#kept.set(revision, found);
    }
    return found;
  }

  add(stored: StoredText): void {
    if (stored.json.length > this.#limit / 4) return;
    this.#forget(stored.revision);
    this.#kept.set(stored.revision, stored);
    this.#bytes += stored.json.length;
    for (const revision of this.#kept.keys()) {
      if (this.#bytes <= this.#limit) break;
      this.#forget(revision);
    }
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  #forget(revision: number): void {
    const found = this.#kept.get(revision);
    if (!found) return;
    this.#kept.delete(revision);
    this.#bytes -= found.json.length;
  }
}
