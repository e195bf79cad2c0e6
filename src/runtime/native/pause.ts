/** pause: all processes of the container stop where they are. */
import { checkStatus } from "../runtime.ts";
import { freezeCgroups, freezerState } from "./cgroups/freeze.ts";
import type { RuntimeContext } from "./create.ts";
import { cgroupDirs, isAlive, loadState, lockContainer } from "./state.ts";

const deadline = { timeoutMs: 10_000 };

/** As runc: a running or a created container. Errors: `failed_precondition` naming the status. */
export async function pause(context: RuntimeContext, id: string): Promise<void> {
  using _lock = await lockContainer(context, id);
  const state = loadState(context.root, id);
  if (!isAlive(state)) checkStatus("pause", id, "stopped");
  const dirs = cgroupDirs(state);
  if ((await freezerState(dirs, deadline)) === "frozen") checkStatus("pause", id, "paused");
  await freezeCgroups(dirs, deadline);
}
