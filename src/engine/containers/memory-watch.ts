/** Tells that a process of a container was killed for want of memory when that happens: its first process may live on for long. */
import { SampanError } from "../../base/errors.ts";
import { writeOutOfMemory } from "./life-rows.ts";
import { emit, findContainer, isLive, runtimeOf, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import type { Task } from "./task-table.ts";

/** Of a container with a limit, until it ends or this process no longer supervises; of others the end tells it. */
export async function watchMemory(
  engine: LifeParts,
  id: string,
  task: Task,
  signal: AbortSignal,
): Promise<void> {
  const info = findContainer(engine, id);
  if (!info || !hostConfig(info.body).Memory) return;
  const over = AbortSignal.any([task.over, signal]);
  try {
    // What was told before is not told again.
    const since = info.oomKilled ? await runtimeOf(engine, info).oomKills(id) : 0;
    for await (const _ of runtimeOf(engine, info).oomKillsAbove(id, since, over)) note(engine, id);
  } catch (error) {
    const { code } = SampanError.from(error);
    // Its cgroup has gone, or it has none.
    if (!over.aborted && code !== "not_found" && code !== "failed_precondition") throw error;
  }
}

function note(engine: LifeParts, id: string): void {
  const info = findContainer(engine, id);
  // At its end the kill is told with it.
  if (!info || !isLive(info)) return;
  writeOutOfMemory(engine.store, id);
  emit(engine, info, "oom");
}
