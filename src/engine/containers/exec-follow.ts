/** A further process of a container, from the connection to its monitor to its end; also one that an engine before this one has started. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { MonitorConnection, Monitors } from "../../runtime/runtime.ts";
import type { ExecBody } from "../../spec/docker/exec.ts";
import { within } from "./deadline.ts";
import { newExec, type ExecRecord } from "./exec-table.ts";
import { killMonitors } from "./hung-monitor.ts";
import { emit, findContainer, monitorFolder, type LifeParts } from "./parts.ts";

const execPrefix = "exec-";
/** What it was asked to be, for an engine that finds it again. */
export const execFile = "exec.json";

/** Below the container's own: with that it goes. */
export function execFolder(
  engine: LifeParts,
  { container, id }: Pick<ExecRecord, "container" | "id">,
): string {
  return join(monitorFolder(engine, container), `${execPrefix}${id.slice(0, 16)}`);
}

interface Followed {
  readonly record: ExecRecord;
  readonly connection: MonitorConnection;
  readonly folder: string;
}

export function followExec(engine: LifeParts, followed: Followed): void {
  followed.record.connection = followed.connection;
  engine.tasks.table.inBackground(ending(engine, followed));
}

/** Of a monitor that was killed. */
const killed = 137;

async function ending(engine: LifeParts, { record, connection, folder }: Followed): Promise<void> {
  const { table } = engine.tasks;
  const exit = await connection.exited.catch(() => undefined);
  await connection[Symbol.asyncDispose]();
  // This engine closes; the process goes on.
  if (!exit && table.closing) return;
  endExec(engine, { record, folder }, exit?.code ?? engine.monitors.exit(folder)?.code ?? killed);
}

export function endExec(
  engine: LifeParts,
  { record, folder }: Pick<Followed, "record" | "folder">,
  code: number,
): void {
  engine.tasks.table.execs.ended(record, code);
  rmSync(folder, { recursive: true, force: true });
  const info = findContainer(engine, record.container);
  if (info) emit(engine, info, "exec_die", { execID: record.id, exitCode: `${code}` });
}

/** Those of a container that runs. What has ended meanwhile is forgotten: nobody can ask for it any more. */
export async function findExecs(engine: LifeParts, container: string): Promise<void> {
  const base = monitorFolder(engine, container);
  for (const name of readdirSync(base).filter((each) => each.startsWith(execPrefix))) {
    const folder = join(base, name);
    try {
      await findExec(engine, container, folder);
    } catch (error) {
      // Its monitor is gone, or a crash came before it was written what it is.
      if (SampanError.from(error).code !== "deadline_exceeded")
        rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function findExec(engine: LifeParts, container: string, folder: string): Promise<void> {
  const { execs } = engine.tasks.table;
  const { id, body } = JSON.parse(readFileSync(join(folder, execFile), "utf8")) as {
    id: string;
    body: ExecBody;
  };
  if (execs.find(id)) return;
  const connection = await within(5000, "reach an exec", (signal) => engine.monitors.connect(folder, signal));
  const record = newExec(id, container, body);
  record.state = "running";
  record.pid = connection.pid;
  execs.add(record);
  followExec(engine, { record, connection, folder });
}

/** Milliseconds that a monitor has to let its exec go. */
const letGo = 2000;

/**
 * When their container ends, which may be an exec's work, whose client is about to attach and waits for what it said: he comes first. Then: a monitor that holds the output of its process for a client to come would do so for another while, though none comes any more. One that hangs
 * is killed: its process went with the container.
 */
export async function letExecsGo(engine: LifeParts, container: string): Promise<void> {
  const { monitors } = engine;
  await beginningsOf(engine, container);
  const base = monitorFolder(engine, container);
  const names = existsSync(base) ? readdirSync(base) : [];
  const folders = names.filter((name) => name.startsWith(execPrefix)).map((name) => join(base, name));
  await Promise.all(
    folders.map((folder) =>
      within(letGo, "let an exec go", (signal) => attachAndLeave(monitors, folder, signal)).catch((error) => {
        if (SampanError.from(error).code === "deadline_exceeded") killMonitors(folder);
      }),
    ),
  );
}

/** Waits for those that this engine is beginning, as long as it may. */
async function beginningsOf({ tasks }: LifeParts, container: string): Promise<void> {
  const records = tasks.table.execs.of(container);
  const begun = records
    .filter(({ state, connection }) => state === "starting" || (state === "running" && !connection))
    .map((record) => record.begun.promise);
  if (begun.length > 0)
    await within(letGo, "begin an exec", async () => await Promise.all(begun)).catch(() => undefined);
}

async function attachAndLeave(monitors: Monitors, folder: string, signal: AbortSignal): Promise<void> {
  await using connection = await monitors.connect(folder, signal);
  const attachment = await connection.attach({ stdin: false, stdout: true, stderr: true });
  await attachment[Symbol.asyncDispose]();
}
