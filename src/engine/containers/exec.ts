/** Further processes in a container that runs. Each has a monitor of its own, so it outlives this process as the container does. */
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import type { Attachment, TerminalSize } from "../../runtime/runtime.ts";
import type { ExecBody } from "../../spec/docker/exec.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { execProcess } from "./exec-process.ts";
import { endExec, execFile, execFolder, followExec } from "./exec-follow.ts";
import { newExec, type ExecRecord } from "./exec-table.ts";
import { notRunning } from "./kill.ts";
import type { ExecInfo } from "./life.ts";
import { emit, runtimeOf, type LifeParts } from "./parts.ts";

const patience = 60_000;

/** Gives its id. Errors: `failed_precondition` when the container does not run, `invalid_argument` without words. */
export async function createExec(engine: LifeParts, reference: string, body: ExecBody): Promise<string> {
  const info = engine.containers.get(reference);
  checkRunning(info);
  if (body.Cmd.length === 0)
    throw invalid(`cannot exec in container "${info.name}": No exec command specified`);
  const id = randomBytes(32).toString("hex");
  engine.tasks.table.execs.add(newExec(id, info.id, body));
  emit(engine, info, `exec_create: ${body.Cmd.join(" ")}`, { execID: id });
  return await Promise.resolve(id);
}

function checkRunning(info: ContainerInfo): void {
  if (info.state === "paused")
    throw new SampanError(
      "failed_precondition",
      `cannot exec in container "${info.name}": Container ${info.id} is paused, unpause the container before exec`,
    );
  if (info.state !== "running") throw notRunning("exec in", info);
}

export interface StartExec {
  readonly detach: boolean;
  readonly size?: TerminalSize;
  readonly signal?: AbortSignal;
}

/** Undefined when detached. Errors: `not_found`; `failed_precondition` for one that was started before; what keeps the program from starting. */
export async function startExec(
  engine: LifeParts,
  execId: string,
  { detach, size, signal }: StartExec,
): Promise<Attachment | undefined> {
  const record = recordOf(engine, execId);
  if (record.state !== "created")
    throw new SampanError(
      "failed_precondition",
      `cannot start exec "${record.id}": exec command ${record.id} ${record.state === "ended" ? "has already run" : "is already running"}`,
    );
  const info = engine.containers.get(record.container);
  checkRunning(info);
  record.state = "starting";
  try {
    return await run(engine, { record, info, detach, ...(size && { size }), ...(signal && { signal }) });
  } catch (error) {
    engine.tasks.table.execs.ended(record, execCode(error));
    rmSync(execFolder(engine, record), { recursive: true, force: true });
    throw error;
  } finally {
    record.begun.resolve();
  }
}

/** As shells have it, for a program that is not there or cannot be run. */
function execCode(error: unknown): number {
  const { message } = SampanError.from(error);
  return /not found|no such file/i.test(message) ? 127 : 126;
}

interface Run extends StartExec {
  readonly record: ExecRecord;
  readonly info: ContainerInfo;
}

async function run(
  engine: LifeParts,
  { record, info, detach, size, signal }: Run,
): Promise<Attachment | undefined> {
  const { body } = record;
  const folder = execFolder(engine, record);
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, execFile), JSON.stringify({ id: record.id, body }), { mode: 0o600 });
  const isAttached = !detach && (body.AttachStdin || body.AttachStdout || body.AttachStderr) === true;
  const terminalSize = size ?? sizeOf(body);
  const { pid } = await within(patience, `start a program in container "${info.name}"`, (late) =>
    runtimeOf(engine, info).exec(
      {
        id: info.id,
        process: execProcess(engine, info, body),
        monitor: {
          folder,
          stdio: {
            terminal: body.Tty === true,
            stdin: isAttached && body.AttachStdin ? "once" : "none",
            hold: isAttached,
            ...(terminalSize && { size: terminalSize }),
          },
        },
      },
      signal ? AbortSignal.any([signal, late]) : late,
    ),
  );
  record.pid = pid;
  record.state = "running";
  const attachment = await reach(engine, { record, folder, isAttached, ...(signal && { signal }) });
  emit(engine, info, `exec_start: ${body.Cmd.join(" ")}`, { execID: record.id });
  return attachment;
}

interface Reach {
  readonly record: ExecRecord;
  readonly folder: string;
  readonly isAttached: boolean;
  readonly signal?: AbortSignal;
}

/** One whose output nobody holds may have ended by now, its monitor with it. */
async function reach(
  engine: LifeParts,
  { record, folder, isAttached, signal }: Reach,
): Promise<Attachment | undefined> {
  try {
    const connection = await engine.monitors.connect(folder, signal);
    const attachment = isAttached ? await connection.attach(streamsOf(record.body)) : undefined;
    followExec(engine, { record, connection, folder });
    return attachment;
  } catch (error) {
    const exit = engine.monitors.exit(folder);
    if (isAttached || !exit) throw error;
    endExec(engine, { record, folder }, exit.code);
    return undefined;
  }
}

function streamsOf({ AttachStdin, AttachStdout, AttachStderr }: ExecBody) {
  return { stdin: AttachStdin === true, stdout: AttachStdout === true, stderr: AttachStderr === true };
}

function sizeOf({ ConsoleSize }: ExecBody): TerminalSize | undefined {
  const [rows = 0, columns = 0] = ConsoleSize ?? [];
  return rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/** Errors: `not_found`. */
export function inspectExec(engine: LifeParts, execId: string): ExecInfo {
  const { id, container, body, state, pid, exitCode } = recordOf(engine, execId);
  return { id, container, body, running: state === "running" || state === "starting", pid, exitCode };
}

/** Errors: `failed_precondition` when it does not run. */
export async function resizeExec(engine: LifeParts, execId: string, size: TerminalSize): Promise<void> {
  const record = recordOf(engine, execId);
  if (record.connection) return await record.connection.resize(size);
  throw new SampanError(
    "failed_precondition",
    `cannot resize exec "${record.id}": exec process is not started`,
  );
}

export function execsOf(engine: LifeParts, container: string): readonly string[] {
  return engine.tasks.table.execs
    .of(container)
    .filter(({ state }) => state !== "ended")
    .map(({ id }) => id);
}

function recordOf(engine: LifeParts, id: string): ExecRecord {
  const record = engine.tasks.table.execs.find(id);
  if (record) return record;
  throw new SampanError("not_found", `cannot find exec "${id.slice(0, 80)}": No such exec instance`);
}
