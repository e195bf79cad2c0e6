/** Sends a signal to a container. */
import { pause } from "../../base/pause.ts";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { letExecsGo } from "./exec-follow.ts";
import { killMonitors } from "./hung-monitor.ts";
import { writeStopped } from "./life-rows.ts";
import { emit, isLive, monitorFolder, runtimeOf, type LifeParts } from "./parts.ts";
import { SIGKILL, signalNumber, stopSignal } from "./signals.ts";
import { taskOf } from "./task.ts";
import { resumeExclusive } from "./pause.ts";

/** Milliseconds that a signal may take to be sent, and a killed one to go. */
const patience = { signal: 30_000, end: 10_000, execs: 1000 } as const;

/** SIGKILL is waited for. Errors: `failed_precondition` when it does not run; `invalid_argument` for what is no signal. */
export async function killContainer(engine: LifeParts, reference: string, signal = "SIGKILL"): Promise<void> {
  const number = signalNumber(signal || "SIGKILL");
  const info = engine.containers.get(reference);
  if (!isLive(info)) throw notRunning("kill", info);
  if (number === SIGKILL || number === stopSignal(info)) writeStopped(engine.store, info.id);
  if (number === SIGKILL) await endByForce(engine, info);
  else await sendSignal(engine, info, number);
}

export function notRunning(verb: string, { id, name, state }: ContainerInfo): SampanError {
  const why =
    state === "restarting" ? "is restarting, wait until the container is running" : "is not running";
  return new SampanError("failed_precondition", `cannot ${verb} container "${name}": container ${id} ${why}`);
}

/** To its first process. A paused one goes on, if it is to end of it. Sending to one that has just ended is no error. */
export async function sendSignal(engine: LifeParts, info: ContainerInfo, number: number): Promise<void> {
  const ends = number === SIGKILL || number === stopSignal(info);
  try {
    await within(patience.signal, `signal container "${info.name}"`, () =>
      runtimeOf(engine, info).kill(info.id, number),
    );
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code !== "failed_precondition" && code !== "not_found") throw error;
  }
  emit(engine, info, "kill", { signal: `${number}` });
  if (ends && engine.containers.get(info.id).state === "paused")
    await engine.tasks.exclusive(info.id, () => resumeExclusive(engine, info.id)).catch(() => undefined);
}

/**
 * Kills it and waits until that is written down. A monitor that does not tell of the end is given up, and the end written without it. Errors: `deadline_exceeded` when the
 * kernel does not end the process.
 */
export async function endByForce(engine: LifeParts, info: ContainerInfo): Promise<void> {
  const what = `kill container "${info.name}"`;
  await sendSignal(engine, info, SIGKILL);
  try {
    const task = await taskOf(engine, info);
    if (task && !(await isSoon(task.written))) await letExecsGo(engine, info.id);
    if (task) await within(patience.end, what, () => task.written);
  } catch (error) {
    const state = await within(patience.signal, what, () => runtimeOf(engine, info).state(info.id));
    if (state && state.status !== "stopped") throw error;
    await endWithoutMonitor(engine, info);
  }
}

/** The kernel ends the first process after all others of its PID namespace were waited for; those of execs by their monitors, one of which may hang. */
async function isSoon(written: Promise<void>): Promise<boolean> {
  const controller = new AbortController();
  written.then(
    () => controller.abort(),
    () => undefined,
  );
  return !(await pause(patience.execs, controller.signal));
}

async function endWithoutMonitor(engine: LifeParts, { id }: ContainerInfo): Promise<void> {
  const folder = monitorFolder(engine, id);
  const exit = engine.monitors.exit(folder) ?? { code: 128 + SIGKILL, signal: SIGKILL, at: Date.now() };
  killMonitors(folder);
  await engine.tasks.exclusive(id, () => engine.tasks.table.reactions.end(id, exit));
}
