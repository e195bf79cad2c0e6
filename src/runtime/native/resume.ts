/** resume: the processes of a paused container go on. */
import { checkStatus } from "../runtime.ts";
import { freezerState, thawCgroups } from "./cgroups/freeze.ts";
import type { RuntimeContext } from "./create.ts";
import { cgroupDirs, isAlive, loadState, lockContainer, statusOf } from "./state.ts";

/** Errors: `failed_precondition` naming the status of a container that is not paused. */
export async function resume(context: RuntimeContext, id: string): Promise<void> {
  using _lock = await lockContainer(context, id);
  const state = loadState(context.root, id);
  const dirs = cgroupDirs(state);
  // The freezer itself is asked, so that a container that was paused before its start can go on too.
  if (isAlive(state) && (await freezerState(dirs, { timeoutMs: 10_000 })) === "frozen") {
    thawCgroups(dirs);
    return;
  }
  checkStatus("resume", id, await statusOf(context.root, state));
}
