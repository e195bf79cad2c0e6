/** Sends a signal to a container. */
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { within } from "./deadline.ts";
import { writeStopped } from "./life-rows.ts";
import { emit, isLive, runtimeOf, type LifeParts } from "./parts.ts";
import { SIGKILL, signalNumber, stopSignal } from "./signals.ts";
import type { Task } from "./task-table.ts";
import { taskOf } from "./task.ts";
import { resumeExclusive } from "./pause.ts";

/** Milliseconds that a killed one may take to go. */
const patience = 30_000;

/** SIGKILL is waited for. Errors: `failed_precondition` when it does not run; `invalid_argument` for what is no signal. */
export async function killContainer(engine: LifeParts, reference: string, signal = "SIGKILL"): Promise<void> {
  const number = signalNumber(signal || "SIGKILL");
  const info = engine.containers.get(reference);
  const task = isLive(info) ? await taskOf(engine, info) : undefined;
  if (!task) throw notRunning("kill", info);
  if (number === SIGKILL || number === stopSignal(info)) writeStopped(engine.store, info.id);
  if (number === SIGKILL) await endByForce(engine, info, task);
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
    await within(patience, `signal container "${info.name}"`, () =>
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

/** Kills it and waits until that is written down. Errors: `deadline_exceeded` when the kernel does not end it. */
export async function endByForce(engine: LifeParts, info: ContainerInfo, task: Task): Promise<void> {
  await sendSignal(engine, info, SIGKILL);
  await within(patience, `kill container "${info.name}"`, () => task.written);
}
