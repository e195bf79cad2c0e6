/** pause: all processes of the container stop where they are. */
import { SampanError } from "../../base/errors.ts";
import { freezeCgroups, freezerState } from "./cgroups/freeze.ts";
import type { RuntimeContext } from "./create.ts";
import { cgroupDirs, isAlive, loadState, lockContainer } from "./state.ts";

const deadline = { timeoutMs: 10_000 };

/** As runc: a running or a created container. Errors: `failed_precondition` naming the status. */
export async function pause(context: RuntimeContext, id: string): Promise<void> {
  using _lock = lockContainer(context.root, id);
  const state = loadState(context.root, id);
  if (!isAlive(state)) throw refusal(id, "stopped");
  const dirs = cgroupDirs(state);
  if ((await freezerState(dirs, deadline)) === "frozen") throw refusal(id, "paused");
  await freezeCgroups(dirs, deadline);
}

function refusal(id: string, status: string): SampanError {
  return new SampanError(
    "failed_precondition",
    `cannot pause container "${id}": container not running or created: ${status}`,
  );
}
