/** A container that lives, as this process sees it: from the connection to its monitor to the moment when its end is written down. */
import { SampanError } from "../../base/errors.ts";
import type { Exit, MonitorConnection } from "../../runtime/runtime.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { isLive, monitorFolder, type LifeParts } from "./parts.ts";
import type { Task } from "./task-table.ts";

/** From now on its end is written down as soon as its monitor tells it. */
export function follow(engine: LifeParts, id: string, connection: MonitorConnection, started: Date): Task {
  const { table } = engine.tasks;
  const over = new AbortController();
  const { promise: written, resolve } = Promise.withResolvers<void>();
  const task: Task = { connection, started, written, over: over.signal };
  table.running.set(id, task);
  table.inBackground(
    ending(engine, id, connection).finally(() => {
      over.abort();
      resolve();
    }),
  );
  if (table.supervising) table.reactions.watch(id, task);
  return task;
}

async function ending(engine: LifeParts, id: string, connection: MonitorConnection): Promise<void> {
  const exit = await connection.exited.catch(() => undefined);
  // This engine closes, and its connections with it: the container runs on.
  if (exit === undefined && engine.tasks.table.closing) return;
  const { reactions } = engine.tasks.table;
  const write = () => engine.tasks.exclusive(id, () => reactions.end(id, exit ?? lastWords(engine, id)));
  for (let isTold = false; ; isTold = true) {
    const full = await write().catch((error: unknown) => fullDisk(error));
    if (!full) return;
    if (!isTold) reactions.report(full);
    if (!(await reactions.rest())) return;
  }
}

/** An end that finds no room in the database is not forgotten: whoever waits for it would wait for ever. Any other error is thrown on. */
function fullDisk(error: unknown): SampanError {
  const known = SampanError.from(error);
  if (known.code !== "resource_exhausted") throw error;
  return known;
}

/** Of a monitor that went without a word on its connection. */
function lastWords(engine: LifeParts, id: string): Exit | undefined {
  return engine.monitors.exit(monitorFolder(engine, id));
}

/** Milliseconds that a monitor may take to answer. */
const patience = 5000;

/** The task of one that runs, also of one that another process has started. Undefined when it does not run. Errors: `deadline_exceeded` when its monitor hangs. */
export async function taskOf(engine: LifeParts, info: ContainerInfo): Promise<Task | undefined> {
  const known = engine.tasks.table.running.get(info.id);
  if (known || !isLive(info)) return known;
  return await engine.tasks.exclusive(info.id, () => findTask(engine, info.id));
}

async function findTask(engine: LifeParts, id: string): Promise<Task | undefined> {
  const info = engine.containers.get(id);
  const known = engine.tasks.table.running.get(id);
  if (known || !isLive(info)) return known;
  try {
    const connection = await within(patience, `reach the monitor of container "${info.name}"`, (signal) =>
      engine.monitors.connect(monitorFolder(engine, id), signal),
    );
    return follow(engine, id, connection, info.started ?? new Date());
  } catch (error) {
    if (SampanError.from(error).code !== "not_found") throw error;
    await engine.tasks.table.reactions.end(id, lastWords(engine, id));
    return undefined;
  }
}
