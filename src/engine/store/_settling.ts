/** Makes commits durable that nobody waited for: a moment later, beside everything else, and one fsync for all of a moment. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { open } from "node:fs/promises";

/** Milliseconds. */
const moment = 100;

const isGone = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";

export class Settling implements Disposable {
  /** The write-ahead log: SQLite syncs what it moves from there to the database itself. Its locks are on other files, so that to close it drops none (fcntl(2), "record locks"). */
  readonly #log: string;
  readonly #sync: (log: string) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #last = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(log: string, sync = syncFile) {
    this.#log = log;
    this.#sync = sync;
  }

  /** What keeps it from it is told to SQLite too, at the next commit that waits. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.now().catch(() => undefined);
    }, moment).unref();
  }

  /** Resolves when all that was committed before is durable. Who comes while a sync is under way, which may have missed something, shares the next. */
  async now(): Promise<void> {
    if (!this.#next) {
      const before = this.#last.catch(() => undefined);
      this.#next = before.then(() => {
        this.#next = undefined;
        return this.#sync(this.#log);
      });
      this.#last = this.#next;
    }
    await this.#next;
  }

  [Symbol.dispose](): void {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      const log = openSync(this.#log, "r");
      try {
        fsyncSync(log);
      } finally {
        closeSync(log);
      }
    } catch {
      // No log, nothing to write; and what keeps this from it keeps the closing of the database from it too.
    }
  }
}

async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
