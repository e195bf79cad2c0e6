/** Starts a container. */
import { SampanError } from "../../base/errors.ts";
import { begin } from "./begin.ts";
import type { ContainerInfo } from "./containers.ts";
import { emit, findContainer, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { cancelRestart } from "./restart-plan.ts";
import { takeAwayAtEnd } from "./take-away.ts";

/** Resolves when its program was let go; false when it ran already. Errors: `failed_precondition` for a paused one or one that is being removed; why it cannot start. */
export async function startContainer(
  engine: LifeParts,
  reference: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const { id } = engine.containers.get(reference);
  return await engine.tasks.exclusive(id, () => startExclusive(engine, id, signal));
}

/** For who has it exclusively. */
export async function startExclusive(engine: LifeParts, id: string, signal?: AbortSignal): Promise<boolean> {
  const info = engine.containers.get(id);
  if (info.state === "running" || info.state === "restarting") return false;
  checkStartable(info);
  cancelRestart(engine, id);
  try {
    await begin(engine, info, { byPerson: true, ...(signal && { signal }) });
  } catch (error) {
    await endFailed(engine, id);
    throw error;
  }
  return true;
}

function checkStartable({ name, state }: ContainerInfo): void {
  const refuse = (why: string) =>
    new SampanError("failed_precondition", `cannot start container "${name}": ${why}`);
  if (state === "paused") throw refuse("cannot start a paused container, try unpause instead");
  if (state === "removing" || state === "dead")
    throw refuse("container is marked for removal and cannot be started");
}

/** Whoever waits for its end hears of it; one that was to be removed at its end is. */
async function endFailed(engine: LifeParts, id: string): Promise<void> {
  const failed = findContainer(engine, id);
  if (!failed) return;
  const code = failed.exitCode ?? 128;
  emit(engine, failed, "die", { exitCode: `${code}`, execDuration: "0" });
  engine.tasks.table.waiters.tell(id, { kind: "exit", code, restarting: false });
  if (hostConfig(failed.body).AutoRemove) await takeAwayAtEnd(engine, failed);
}
