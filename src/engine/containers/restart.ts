/** Stops a container, if it runs, and starts it. */
import { emit, type LifeParts } from "./parts.ts";
import { startContainer } from "./start.ts";
import { stopContainer, type StopOptions } from "./stop.ts";

/** One that is removed at its end is kept from that by nothing: then there is none to start. */
export async function restartContainer(
  engine: LifeParts,
  reference: string,
  options: StopOptions = {},
): Promise<void> {
  const { id } = engine.containers.get(reference);
  await stopContainer(engine, id, options);
  await startContainer(engine, id, options.abort && { signal: options.abort });
  emit(engine, engine.containers.get(id), "restart");
}
