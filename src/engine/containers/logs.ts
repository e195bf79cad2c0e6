/**
 * Reads a container's log from its files, and goes on with what is written while it runs. A reader has one block in memory and holds up nobody: it looks at files, the
 * monitor writes them.
 */
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../engine.ts";
import type { LogEntry, LogQuery } from "./life.ts";
import { LogWatch, newestFirst, successor, type LogFile } from "./logs-files.ts";
import { nanoseconds, RecordReader } from "./logs-record.ts";
import { TailSearch } from "./logs-tail.ts";

export type LogParts = Pick<LiveEngine, "containers" | "store" | "tasks">;

const BLOCK = 64 << 10;

/** The newest file; older ones have `.1`, `.2` … behind it. */
export function logPath(root: string, id: string): string {
  return join(root, "containers", id, "log");
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
  const { id, name } = engine.containers.get(reference);
  const connection = query.follow ? engine.tasks.get(id) : undefined;
  try {
    yield* readLogFiles(logPath(engine.store.root, id), query, connection?.exited);
  } catch (error) {
    throw SampanError.wrap(`cannot read the log of container "${name}"`, error);
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
  /** Oldest first. */
  readonly files: LogFile[];
  /** In the oldest. */
  readonly offset: number;
}

async function beginning(path: string, tail: number | undefined): Promise<Begin> {
  const files: LogFile[] = [];
  const search = tail === undefined ? undefined : new TailSearch(tail);
  try {
    for await (const file of newestFirst(path)) {
      files.unshift(file);
      const offset = await search?.search(file.handle, file.size);
      if (offset !== undefined) return { files, offset };
    }
    return { files, offset: 0 };
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function closeAll(files: readonly LogFile[]): Promise<void> {
  await Promise.all(files.map(({ handle }) => handle.close()));
}

async function* readOnce(path: string, { tail, signal }: LogQuery): AsyncGenerator<readonly LogEntry[]> {
  const { files, offset } = await beginning(path, tail);
  const reader = new Reader();
  try {
    for (const [index, file] of files.entries()) {
      reader.open(file, index === 0 ? offset : 0);
      yield* reader.rest(signal);
    }
  } finally {
    await closeAll(files);
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
  const { files, offset } = await beginning(path, tail);
  const reader = new Reader();
  let first = offset;
  try {
    for (;;) {
      const last = state.ended;
      for (let file = files[0]; file; file = files[0]) {
        if (!reader.isAt(file)) reader.open(file, first);
        first = 0;
        yield* reader.rest(signal);
        const next = files[1] ?? (await successor(path, file.inode));
        if (!next) break;
        if (files.length === 1) files.push(next);
        // It was rotated away after all was written to it, perhaps since it was read.
        yield* reader.rest(signal);
        files.shift();
        await file.handle.close();
      }
      if (last || signal.aborted) return;
      if (files.length === 0) files.push(...(await beginning(path, undefined)).files);
      await watch.next(signal);
    }
  } finally {
    await closeAll(files);
  }
}

/** Reads one file at a time on to its end. */
class Reader {
  readonly #records = new RecordReader();
  #file: LogFile | undefined;
  #at = 0;

  isAt(file: LogFile): boolean {
    return this.#file === file;
  }

  open(file: LogFile, offset: number): void {
    this.#records.reset();
    this.#file = file;
    this.#at = offset;
  }

  async *rest(signal: AbortSignal): AsyncGenerator<readonly LogEntry[]> {
    const file = this.#file;
    while (file && !signal.aborted) {
      const block = Buffer.allocUnsafeSlow(BLOCK);
      const { bytesRead } = await file.handle.read(block, 0, BLOCK, this.#at);
      if (bytesRead === 0) return;
      this.#at += bytesRead;
      const entries = this.#records.take(block.subarray(0, bytesRead));
      if (entries.length > 0) yield entries;
    }
  }
}
