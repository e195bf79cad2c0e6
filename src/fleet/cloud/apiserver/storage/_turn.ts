/** The writes of one turn, gathered in memory: one that throws leaves nothing behind, and the others still happen. */
import { SampanError } from "../../../../base/errors.ts";
import { encode, entombed, type StoredText } from "./_stored.ts";
import type { Change, StorageKey, Stored, Transaction } from "./storage.ts";

const nameOf = ({ resource, namespace, name }: StorageKey) => `${resource}\0${namespace}\0${name}`;

export class Turn {
  readonly changes: Change[] = [];
  characters = 0;
  readonly #read: (key: StorageKey) => StoredText | undefined;
  #revision: number;
  /** What the writes so far made of what they touched. */
  readonly #now = new Map<string, Stored | undefined>();

  constructor(revision: number, read: (key: StorageKey) => StoredText | undefined) {
    this.#revision = revision;
    this.#read = read;
  }

  run<Result>(change: (transaction: Transaction) => Result): Result {
    const write = new Write((key) => this.#look(key), this.#revision);
    try {
      const result = change(write);
      if (result instanceof Promise)
        throw new SampanError("internal", "a write cannot wait: it gave a promise");
      this.#keep(write);
      return result;
    } finally {
      write.close();
    }
  }

  #look(key: StorageKey): Stored | undefined {
    const name = nameOf(key);
    return this.#now.has(name) ? this.#now.get(name) : this.#read(key);
  }

  #keep(write: Write): void {
    for (const change of write.changes) {
      this.changes.push(change);
      this.characters += change.stored.json?.length ?? 0;
      this.#now.set(nameOf(change.stored.key), change.type === "put" ? change.stored : undefined);
    }
    this.#revision += write.changes.length;
  }
}

class Write implements Transaction {
  readonly changes: Change[] = [];
  readonly #look: (key: StorageKey) => Stored | undefined;
  readonly #now = new Map<string, Stored | undefined>();
  readonly #base: number;
  #open = true;

  constructor(look: (key: StorageKey) => Stored | undefined, base: number) {
    this.#look = look;
    this.#base = base;
  }

  get(key: StorageKey): Stored | undefined {
    this.#mustBeOpen();
    const name = nameOf(key);
    return this.#now.has(name) ? this.#now.get(name) : this.#look(key);
  }

  put(key: StorageKey, object: Stored["object"]): Stored {
    const before = this.get(key);
    const revision = this.#base + this.changes.length + 1;
    const stored = encode(
      { resource: key.resource, namespace: key.namespace, name: key.name },
      revision,
      object,
    );
    this.changes.push({ revision, type: "put", stored, before });
    this.#now.set(nameOf(key), stored);
    return stored;
  }

  delete(key: StorageKey): Stored | undefined {
    const before = this.get(key);
    if (!before) return undefined;
    const revision = this.#base + this.changes.length + 1;
    const stored = entombed(before, revision);
    this.changes.push({ revision, type: "delete", stored, before });
    this.#now.set(nameOf(key), undefined);
    return stored;
  }

  close(): void {
    this.#open = false;
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new SampanError("internal", "a transaction cannot be used after its write");
  }
}
