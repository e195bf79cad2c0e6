/** One watcher: a short backlog in memory, and the history in the database where that is not enough. */
import type { Change, Watcher } from "./storage.ts";

/** Beyond either the backlog is dropped, and read from the database when its turn comes. */
const limits = { changes: 256, characters: 1 << 20, page: 64 } as const;

export interface Source {
  readonly revision: number;
  /** Changes of what is watched after a revision; throws `Expired`. */
  read(after: number, limit: number): Change[];
  closed(watcher: object): void;
}

export class BoundedWatcher implements Watcher {
  readonly namespace: string | undefined;
  readonly #source: Source;
  #backlog: Change[] = [];
  #characters = 0;
  /** Not everything that comes is in the backlog: the rest is in the database after `#cursor`. */
  #behind: boolean;
  #cursor: number;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(source: Source, { namespace, after }: { namespace: string | undefined; after: number }) {
    this.#source = source;
    this.namespace = namespace;
    this.#cursor = after;
    this.#behind = after < source.revision;
  }

  get seen(): number {
    return this.#behind || this.#backlog.length > 0 ? this.#cursor : this.#source.revision;
  }

  /** Called with each change of the resource once it is on the disk. */
  offer(change: Change): void {
    if (this.#ended || this.#behind) return;
    if (this.namespace !== undefined && change.stored.key.namespace !== this.namespace) return;
    this.#backlog.push(change);
    this.#characters += change.stored.json?.length ?? 0;
    if (this.#backlog.length > limits.changes || this.#characters > limits.characters) this.#drop();
    this.#wake?.();
  }

  #drop(): void {
    // One change is never too many: else a large object could not be handed out from memory at all.
    if (this.#backlog.length < 2) return;
    this.#backlog = [];
    this.#characters = 0;
    this.#behind = true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Change> {
    while (!this.#ended) {
      const change = this.#take();
      if (change) yield change;
      else await this.#more();
    }
  }

  #take(): Change | undefined {
    if (this.#backlog.length === 0 && this.#behind) {
      this.#backlog = this.#source.read(this.#cursor, limits.page);
      // Nothing can come between: reading does not wait.
      if (this.#backlog.length < limits.page) this.#behind = false;
      this.#characters = this.#backlog.reduce((sum, { stored }) => sum + (stored.json?.length ?? 0), 0);
    }
    const change = this.#backlog.shift();
    if (change) {
      this.#cursor = change.revision;
      this.#characters -= change.stored.json?.length ?? 0;
    }
    return change;
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  end(): void {
    this.#ended = true;
    this.#backlog = [];
    this.#wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#source.closed(this);
    this.end();
  }
}
