/** Stops a container, if it runs, and starts it. */
import { emit, type LifeParts } from "./parts.ts";
import { startContainer } from "./start.ts";
import { stopContainer, type StopOptions } from "./stop.ts";

/** One that goes with its end stays, as it does with docker. */
export async function restartContainer(
  engine: LifeParts,
  reference: string,
  options: StopOptions = {},
): Promise<void> {
  const { id } = engine.containers.get(reference);
  const { restartedByPerson } = engine.tasks.table;
  restartedByPerson.add(id);
  try {
    await stopContainer(engine, id, options);
    await startContainer(engine, id, options.abort && { signal: options.abort });
  } finally {
    restartedByPerson.delete(id);
  }
  emit(engine, engine.containers.get(id), "restart");
}
