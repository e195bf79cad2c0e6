/** Stops a container: a signal, some time to obey it, then the end. */
import { pause } from "../../base/pause.ts";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { endByForce, sendSignal } from "./kill.ts";
import { writeEnded, writeStopped } from "./life-rows.ts";
import { emit, findContainer, isLive, type LifeParts } from "./parts.ts";
import { cancelRestart } from "./restart-plan.ts";
import { signalNumber, stopSignal } from "./signals.ts";
import { taskOf } from "./task.ts";

export interface StopOptions {
  /** Undefined: the container's, the image's, SIGTERM. */
  readonly signal?: string;
  /** Seconds; undefined: the container's, 10; negative: for ever. */
  readonly timeout?: number;
  /** Ends the waiting, not the container. */
  readonly abort?: AbortSignal;
}

const defaultTimeout = 10;

/** Resolves when its end is written down; false when it had ended already. Its restart policy leaves it so. */
export async function stopContainer(
  engine: LifeParts,
  reference: string,
  options: StopOptions = {},
): Promise<boolean> {
  const info = engine.containers.get(reference);
  const number = options.signal ? signalNumber(options.signal) : stopSignal(info);
  if (info.state === "restarting")
    return (await stopRestarting(engine, info)) || (await stopContainer(engine, info.id, options));
  if (!isLive(info)) return false;
  const task = await taskOf(engine, info);
  if (!task) return false;
  writeStopped(engine.store, info.id);
  await sendSignal(engine, info, number);
  const seconds = options.timeout ?? info.body.StopTimeout ?? defaultTimeout;
  if (!(await hasEnded(task.written, seconds, options.abort))) await endByForce(engine, info);
  // It had ended by itself just before, and its policy wanted it again.
  const now = findContainer(engine, info.id);
  if (now?.state === "restarting") await stopContainer(engine, info.id, options);
  else emit(engine, info, "stop");
  return true;
}

/** False when it was no longer restarting once its turn had come: its start was quicker. */
async function stopRestarting(engine: LifeParts, { id }: ContainerInfo): Promise<boolean> {
  return await engine.tasks.exclusive(id, async () => {
    const info = engine.containers.get(id);
    if (info.state !== "restarting") return await Promise.resolve(false);
    cancelRestart(engine, id);
    writeStopped(engine.store, id);
    const { exitCode: code = 0, finished, oomKilled, restartCount, error, health } = info;
    const at = finished?.getTime() ?? Date.now();
    writeEnded(engine.store, id, { state: "exited", code, at, oomKilled, restartCount, error, health });
    engine.tasks.table.waiters.tell(id, { kind: "exit", code, restarting: false });
    emit(engine, info, "stop");
    return true;
  });
}

/** Errors: `cancelled`. */
async function hasEnded(written: Promise<void>, seconds: number, abort?: AbortSignal): Promise<boolean> {
  const controller = new AbortController();
  const forget = () => controller.abort();
  abort?.addEventListener("abort", forget, { once: true });
  if (abort?.aborted) forget();
  try {
    // setTimeout takes 31 bits.
    const time = seconds < 0 ? 2 ** 31 - 1 : Math.min(seconds * 1000, 2 ** 31 - 1);
    const ended = await Promise.race([
      written.then(() => true),
      pause(time, controller.signal).then(() => false),
    ]);
    if (!ended && abort?.aborted)
      throw new SampanError("cancelled", "cannot stop the container: nobody waits for it any more");
    return ended;
  } finally {
    forget();
    abort?.removeEventListener("abort", forget);
  }
}
