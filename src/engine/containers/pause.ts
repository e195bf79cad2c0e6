/** Stops all processes of a container where they are, and lets them go on. */
import { SampanError } from "../../base/errors.ts";
import { within } from "./deadline.ts";
import { writeState } from "./life-rows.ts";
import { emit, runtimeOf, type LifeParts } from "./parts.ts";

const patience = 30_000;

/** Errors: `failed_precondition` when it does not run or is paused already. */
export async function pauseContainer(engine: LifeParts, reference: string): Promise<void> {
  const { id } = engine.containers.get(reference);
  await engine.tasks.exclusive(id, async () => {
    const info = engine.containers.get(id);
    const refuse = (why: string) =>
      new SampanError("failed_precondition", `cannot pause container "${info.name}": container ${id} ${why}`);
    if (info.state === "paused") throw refuse("is already paused");
    if (info.state === "restarting") throw refuse("is restarting, wait until the container is running");
    if (info.state !== "running") throw refuse("is not running");
    await within(patience, `pause container "${info.name}"`, (signal) =>
      runtimeOf(engine, info).pause(id, signal),
    );
    writeState(engine.store, id, "paused");
    emit(engine, info, "pause");
  });
}

/** Errors: `failed_precondition` when it is not paused. */
export async function unpauseContainer(engine: LifeParts, reference: string): Promise<void> {
  const { id } = engine.containers.get(reference);
  await engine.tasks.exclusive(id, async () => {
    const { name, state } = engine.containers.get(id);
    if (state !== "paused")
      throw new SampanError(
        "failed_precondition",
        `cannot unpause container "${name}": container ${id} is not paused`,
      );
    await resumeExclusive(engine, id);
  });
}

/** For who has it exclusively. */
export async function resumeExclusive(engine: LifeParts, id: string): Promise<void> {
  const info = engine.containers.get(id);
  if (info.state !== "paused") return;
  await within(patience, `unpause container "${info.name}"`, (signal) =>
    runtimeOf(engine, info).resume(id, signal),
  );
  writeState(engine.store, id, "running");
  emit(engine, info, "unpause");
}
