/** Opens the storage of an embedded API server: one SQLite database in a folder of its own. docs/decisions/021 says how it is laid out. */
import { SampanError } from "../../../../base/errors.ts";
import { openDatabase } from "./_database.ts";
import { expired } from "./_expired.ts";
import { defaultHistory, History, type HistoryLimits } from "./_history.ts";
import { Tables } from "./_tables.ts";
import { Turn } from "./_turn.ts";
import { BoundedWatcher } from "./_watcher.ts";
import type { StoredText } from "./_stored.ts";
import type { Change, Page, PageOptions, Storage, StorageKey, Stored, Transaction } from "./storage.ts";

export interface StorageOptions {
  /** Made with mode 0700 when it is not there. */
  readonly folder: string;
  readonly now?: () => number;
  /** What differs from the usual: ten minutes, 50,000 revisions, 16 MiB. */
  readonly history?: Partial<HistoryLimits>;
}

/** Writes of one transaction, characters of what they write, milliseconds that they take: bounds the log and the time for which nothing else runs. */
const group = { writes: 256, characters: 4 << 20, milliseconds: 30 } as const;
/** Milliseconds between looks at the age of the history. */
const tick = 30_000;

interface Waiting {
  readonly run: (turn: Turn) => void;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

/** Errors: `data_loss` (damaged: never replaced by an empty one), `unavailable` (open in another process), `permission_denied`, `failed_precondition`. */
export function openStorage({ folder, now = Date.now, history }: StorageOptions): Storage {
  const { db, file } = openDatabase(folder);
  try {
    return new SqliteStorage(new Tables(db, file), now, { ...defaultHistory, ...history });
  } catch (error) {
    db.close();
    throw error;
  }
}

class SqliteStorage implements Storage {
  readonly #tables: Tables;
  readonly #history: History;
  readonly #watchers = new Map<string, Set<BoundedWatcher>>();
  readonly #ticking: NodeJS.Timeout;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #closed = false;
  #revision: number;

  constructor(tables: Tables, now: () => number, limits: HistoryLimits) {
    this.#tables = tables;
    this.#revision = tables.guard(() => tables.lastRevision);
    this.#history = tables.guard(() => new History(tables, limits, now));
    this.#ticking = setInterval(() => this.#trim(), tick);
    this.#ticking.unref();
  }

  get revision(): number {
    return this.#revision;
  }

  get oldest(): number {
    return this.#history.oldest;
  }

  get(key: StorageKey): Stored | undefined {
    this.#mustBeOpen();
    return this.#tables.guard(() => this.#tables.get(key));
  }

  list(resource: string, options: PageOptions = {}): Page {
    this.#mustBeOpen();
    if (options.at !== undefined && options.at < this.oldest) throw expired(options.at, this.oldest);
    return this.#tables.guard(() => this.#tables.page(resource, options, this.#revision));
  }

  watch(resource: string, { namespace, after }: { namespace?: string; after: number }): BoundedWatcher {
    this.#mustBeOpen();
    if (after < this.oldest) throw expired(after, this.oldest);
    const current = () => this.#revision;
    const watcher = new BoundedWatcher(
      {
        get revision() {
          return current();
        },
        read: (from, limit) =>
          this.#tables.guard(() => this.#tables.changes(resource, { namespace, after: from, limit })),
        closed: (ended) => this.#watchers.get(resource)?.delete(ended as BoundedWatcher),
      },
      { namespace, after },
    );
    const others = this.#watchers.get(resource) ?? new Set();
    this.#watchers.set(resource, others.add(watcher));
    return watcher;
  }

  async write<Result>(change: (transaction: Transaction) => Result): Promise<Result> {
    this.#mustBeOpen();
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    let settle = () => {};
    const run = (turn: Turn) => {
      try {
        const result = turn.run(change);
        settle = () => resolve(result);
      } catch (error) {
        settle = () => reject(error);
      }
    };
    this.#waiting.push({ run, settle: () => settle(), fail: reject });
    this.#schedule();
    return await promise;
  }

  forget(): void {
    this.#mustBeOpen();
    this.#tables.guard(() => this.#tables.forget());
  }

  figures() {
    this.#mustBeOpen();
    const watchers = [...this.#watchers.values()].reduce((sum, { size }) => sum + size, 0);
    return this.#tables.guard(() => ({
      watchers,
      objects: this.#tables.objects,
      fileBytes: this.#tables.fileBytes,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    while (this.#waiting.length > 0) this.#flush();
    this.#closed = true;
    clearInterval(this.#ticking);
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.end();
    this.#watchers.clear();
    this.#tables.close();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#flush();
    });
  }

  /** One transaction of what waits. What a write said, even that it refuses, holds only when the transaction is on the disk: it may have seen others' changes. */
  #flush(): void {
    const turn = new Turn(this.#revision, (key) => this.#tables.guard(() => this.#tables.get(key)));
    const until = performance.now() + group.milliseconds;
    let count = 0;
    do this.#waiting[count++]?.run(turn);
    while (
      count < Math.min(this.#waiting.length, group.writes) &&
      turn.characters < group.characters &&
      performance.now() < until
    );
    const done = this.#waiting.splice(0, count);
    if (this.#waiting.length > 0) this.#schedule();
    try {
      this.#commit(turn.changes);
    } catch (error) {
      for (const { fail } of done) fail(error);
      return;
    }
    for (const { settle } of done) settle();
    if (turn.changes.length > 0) this.#trim();
  }

  #commit(changes: readonly Change[]): void {
    const last = changes.at(-1);
    if (!last) return;
    let bytes = 0;
    this.#tables.transaction(() => {
      for (const change of changes) bytes += this.#tables.apply(change);
    });
    this.#history.add(bytes);
    this.#revision = last.revision;
    for (const change of changes) {
      if (change.type === "put") this.#tables.versions.add(change.stored as StoredText);
      for (const watcher of this.#watchers.get(change.stored.key.resource) ?? []) watcher.offer(change);
    }
  }

  #trim(): void {
    if (this.#closed) return;
    try {
      if (this.#history.trim(this.#revision)) setImmediate(() => this.#trim());
    } catch {
      // A full disk, say: the writes themselves will tell, and the next turn tries again.
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new SampanError("unavailable", "the storage is closed");
  }
}
