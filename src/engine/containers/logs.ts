/**
 * Reads a container's log from its files, and goes on with what is written while it runs. A reader has one block in memory and holds up nobody: it looks at files, the
 * monitor writes them.
 */
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../engine.ts";
import type { ContainerInfo } from "./containers.ts";
import type { LogEntry, LogQuery } from "./life.ts";
import { LogWatch, newestFirst, oldestFile, successor, type LogFile } from "./logs-files.ts";
import { nanoseconds, RecordReader } from "./logs-record.ts";
import { TailSearch } from "./logs-tail.ts";

export type LogParts = Pick<LiveEngine, "containers" | "store" | "tasks">;

const BLOCK = 64 << 10;

/** The newest file; older ones have `.1`, `.2` … behind it, unless somebody else has asked for it and keeps it. */
export function logPath(root: string, { id, extras }: Pick<ContainerInfo, "id" | "extras">): string {
  return extras.logPath ?? join(root, "containers", id, "log");
}

/** Errors: `not_found`; `cancelled` never: with the signal it just ends. */
export async function* readLogs(
  engine: LogParts,
  reference: string,
  query: LogQuery,
): AsyncGenerator<LogEntry, void, undefined> {
  for await (const entries of readLogBatches(engine, reference, query)) yield* entries;
}

/** The same by the block, which is much quicker for who writes them on. Ends when all is read and, with `follow`, the container has ended. */
export async function* readLogBatches(
  engine: LogParts,
  reference: string,
  query: LogQuery,
): AsyncGenerator<readonly LogEntry[], void, undefined> {
  const info = engine.containers.get(reference);
  const connection = query.follow ? engine.tasks.get(info.id) : undefined;
  try {
    yield* readLogFiles(logPath(engine.store.root, info), query, connection?.exited);
  } catch (error) {
    throw SampanError.wrap(`cannot read the log of container "${info.name}"`, error);
  }
}

/** `running`: settled when nothing is written any more; undefined: nothing is. */
export async function* readLogFiles(
  path: string,
  query: LogQuery,
  running: Promise<unknown> | undefined,
): AsyncGenerator<readonly LogEntry[], void, undefined> {
  const fits = selection(query);
  const blocks = query.follow && running ? follow(path, query, running) : readOnce(path, query);
  for await (const all of blocks) {
    const { entries, over } = fits(all);
    if (entries.length > 0) yield entries;
    if (over || query.signal.aborted) return;
  }
}

/** `until` ends it with the first entry that is later: a log's times rise. */
function selection({ stdout, stderr, since, until }: LogQuery) {
  const late = (entry: LogEntry) => until !== undefined && (nanoseconds(entry.time) ?? 0n) > until;
  const fits = (entry: LogEntry) =>
    (entry.stream === "stdout" ? stdout : stderr) &&
    (since === undefined || (nanoseconds(entry.time) ?? since) >= since);
  return (all: readonly LogEntry[]): { entries: readonly LogEntry[]; over: boolean } => {
    const end = until === undefined ? -1 : all.findIndex(late);
    return { entries: (end < 0 ? all : all.slice(0, end)).filter(fits), over: end >= 0 };
  };
}

interface Begin {
  readonly file: LogFile;
  readonly offset: number;
}

/** Undefined when nothing was ever written. */
async function beginning(path: string, tail: number | undefined): Promise<Begin | undefined> {
  if (tail === undefined) {
    const file = await oldestFile(path);
    return file && { file, offset: 0 };
  }
  const search = new TailSearch(tail);
  let held: LogFile | undefined;
  try {
    for await (const file of newestFirst(path)) {
      await held?.handle.close();
      held = file;
      const offset = await search.search(file.handle, file.size);
      if (offset === undefined) continue;
      held = undefined;
      return { file, offset };
    }
    const file = held;
    held = undefined;
    return file && { file, offset: 0 };
  } finally {
    await held?.handle.close();
  }
}

/** As far as it was written when it was asked for, so that a container that writes and writes does not keep it going. */
async function* readOnce(path: string, { tail, signal }: LogQuery): AsyncGenerator<readonly LogEntry[]> {
  const begin = await beginning(path, tail);
  if (!begin) return;
  const reader = new Reader(begin);
  try {
    for (let left = begin.file.number; left > 0 && !signal.aborted; left--) {
      yield* reader.rest(signal);
      if (!(await reader.goOn(path))) return;
      yield* reader.rest(signal);
      await reader.goOn(path);
    }
    yield* reader.rest(signal, reader.size);
  } finally {
    await reader.close();
  }
}

async function* follow(
  path: string,
  { tail, signal }: LogQuery,
  running: Promise<unknown>,
): AsyncGenerator<readonly LogEntry[]> {
  using watch = new LogWatch(path);
  const state = { ended: false };
  const ended = () => {
    state.ended = true;
    watch.wake();
  };
  running.then(ended, ended);
  let reader: Reader | undefined;
  try {
    for (let first = true; ; first = false) {
      const last = state.ended;
      const begin = reader ? undefined : await beginning(path, first ? tail : undefined);
      if (begin) reader = new Reader(begin);
      for (let more = reader !== undefined; reader && more; more = await reader.goOn(path))
        yield* reader.rest(signal);
      if (last || signal.aborted) return;
      await watch.next(signal);
    }
  } finally {
    await reader?.close();
  }
}

/** Reads a file on to its end, and then the next. */
class Reader {
  readonly #records = new RecordReader();
  #file: LogFile;
  #next: LogFile | undefined;
  #at: number;

  constructor({ file, offset }: Begin) {
    this.#file = file;
    this.#at = offset;
  }

  /** Of the file at hand, when it was opened. */
  get size(): number {
    return this.#file.size;
  }

  /** To its end, or to that offset at most. */
  async *rest(signal: AbortSignal, end = Infinity): AsyncGenerator<readonly LogEntry[]> {
    while (this.#at < end && !signal.aborted) {
      const block = Buffer.allocUnsafeSlow(BLOCK);
      const length = Math.min(BLOCK, end - this.#at);
      const { bytesRead } = await this.#file.handle.read(block, 0, length, this.#at);
      if (bytesRead === 0) return;
      this.#at += bytesRead;
      const entries = this.#records.take(block.subarray(0, bytesRead));
      if (entries.length > 0) yield entries;
    }
  }

  /** In two steps: finds the next file, then goes to it; what was written between the last look and the rotation is read before. False: there is none. */
  async goOn(path: string): Promise<boolean> {
    if (!this.#next) {
      this.#next = await successor(path, this.#file.inode);
      return this.#next !== undefined;
    }
    await this.#file.handle.close();
    this.#file = this.#next;
    this.#next = undefined;
    this.#records.reset();
    this.#at = 0;
    return true;
  }

  async close(): Promise<void> {
    await this.#file.handle.close();
    await this.#next?.handle.close();
  }
}
