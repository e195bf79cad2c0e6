/** The size of a container's terminal. */
import type { TerminalSize } from "../../runtime/runtime.ts";
import { notRunning } from "./kill.ts";
import { emit, isLive, type LifeParts } from "./parts.ts";
import { taskOf } from "./task.ts";

/** Errors: `failed_precondition` when it does not run. */
export async function resizeContainer(
  engine: LifeParts,
  reference: string,
  size: TerminalSize,
): Promise<void> {
  const info = engine.containers.get(reference);
  const task = isLive(info) ? await taskOf(engine, info) : undefined;
  if (!task) throw notRunning("resize", info);
  await task.connection.resize(size);
  emit(engine, info, "resize", { height: `${size.rows}`, width: `${size.columns}` });
}
