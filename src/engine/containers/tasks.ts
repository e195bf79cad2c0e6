/** Those that run: opened with the engine, filled from the monitors that live. */
import { pause } from "../../base/pause.ts";
import { containerFolder } from "./create.ts";
import { writeEnd } from "./end.ts";
import { watchHealth } from "./health-watch.ts";
import type { Tasks } from "./life.ts";
import { Locks } from "./locks.ts";
import { watchMemory } from "./memory-watch.ts";
import type { LifeParts } from "./parts.ts";
import { restartByPolicy } from "./restart-plan.ts";
import { restore } from "./restore.ts";
import type { Store } from "../store/store.ts";
import { TaskTable } from "./task-table.ts";

export interface TasksOptions {
  /** Told what failed where nobody waited for it. */
  readonly warn: (text: string) => void;
}

/** Milliseconds until a full disk is tried again. */
const disk = 500;

export function openTasks(engine: Omit<LifeParts, "tasks">, { warn }: TasksOptions): Tasks {
  const closing = new AbortController();
  const locks = new Locks((id) => containerFolder(engine.store.root, id));
  const report = (error: unknown) => {
    if (!closing.signal.aborted) warn(error instanceof Error ? error.message : String(error));
  };
  const table: TaskTable = new TaskTable(
    {
      end: (id, exit) => writeEnd(parts, id, exit),
      restart: (id) => restartByPolicy(parts, id),
      watch: (id, task) => {
        table.inBackground(watchHealth(parts, id, task, closing.signal));
        table.inBackground(watchMemory(parts, id, task, closing.signal));
      },
      rest: () => pause(disk, closing.signal),
      report,
    },
    changesOfOthers(engine.store),
  );
  const tasks: Tasks = {
    table,
    restore: ({ supervise, signal }) => {
      const ends = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
      return restore(parts, { supervise, signal: ends, warn });
    },
    get: (id) => table.running.get(id)?.connection,
    exclusive: (id, change) => locks.exclusive(id, change),
    [Symbol.asyncDispose]: () => close(table, closing),
  };
  // Descriptors, not values: some parts are loaded when they are first asked for.
  const parts = Object.defineProperties(
    { tasks },
    Object.getOwnPropertyDescriptors(engine),
  ) as unknown as LifeParts;
  return tasks;
}

/** SQLite's count of what other connections have written. */
function changesOfOthers({ db }: Store): () => boolean {
  const count = () => db.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? 0;
  let last = count();
  return () => {
    const before = last;
    last = count();
    return last !== before;
  };
}

async function close(table: TaskTable, closing: AbortController): Promise<void> {
  table.closing = true;
  table.supervising = false;
  closing.abort();
  table.waiters.close();
  for (const { cancel } of table.restarts.values()) cancel();
  table.restarts.clear();
  const connections = [...table.running.values()].map(({ connection }) => connection);
  table.running.clear();
  await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()));
  await table.execs.close();
  // Ends that are being written are written.
  await Promise.race([Promise.allSettled(table.background), Bun.sleep(10_000)]);
}
