/** kill: a signal to the container's init, or to all of its processes. */
import { systemError } from "../../kernel/errno.ts";
import { closeFd, openPidFd, signalPidFd } from "../../kernel/libc.ts";
import { checkStatus } from "../runtime.ts";
import type { RuntimeContext } from "./create.ts";
import { cgroupDirs, isAlive, loadState } from "./state.ts";

/**
 * Errors: `failed_precondition` with runc's words "container not running" for a stopped one. With `all`, and for KILL in a container that
 * shares its pid namespace, every process of its control group gets the signal.
 */
export async function kill(
  context: RuntimeContext,
  id: string,
  { signal, all }: { signal: number; all: boolean },
): Promise<void> {
  const state = loadState(context.root, id);
  const shared = !(state.spec.linux?.namespaces ?? []).some(({ type }) => type === "pid");
  if (all || (signal === 9 && shared)) {
    const { signalCgroups } = await import("./cgroups/kill.ts");
    await signalCgroups(cgroupDirs(state), signal, { timeoutMs: 10_000 });
    if (all || !isAlive(state)) return;
  }
  // The descriptor first, then the look whether it is the right process: after that it cannot become another.
  const pidfd = openPidFd(state.init_process_pid);
  try {
    if (pidfd < 0 || !isAlive(state)) checkStatus("kill", id, "stopped");
    const result = signalPidFd(pidfd, signal);
    if (result < 0) throw systemError(`kill container "${id}"`, -result);
  } finally {
    if (pidfd >= 0) closeFd(pidfd);
  }
  if (signal === 9) await wake(state);
}

/** A frozen v1 cgroup holds SIGKILL back. */
async function wake(state: ReturnType<typeof loadState>): Promise<void> {
  const { freezerState, thawCgroups } = await import("./cgroups/freeze.ts");
  const dirs = cgroupDirs(state);
  const frozen = await freezerState(dirs, { timeoutMs: 1000 }).catch(() => undefined);
  if (frozen === "frozen") thawCgroups(dirs);
}
