/** delete: everything that a container had on the host, in an order in which a failure can be tried again. */
import { SampanError } from "../../base/errors.ts";
import { exists } from "../../kernel/files.ts";
import { closeFd, openPidFd, signalPidFd } from "../../kernel/libc.ts";
import { checkStatus } from "../runtime.ts";
import { removeCgroups } from "./cgroups/remove.ts";
import type { RuntimeContext } from "./create.ts";
import { ociState } from "./start.ts";
import {
  cgroupDirs,
  containerDir,
  isAlive,
  loadState,
  lockContainer,
  removeContainerDir,
  stateFile,
  statusOf,
  type ContainerState,
} from "./state.ts";

const killDeadline = { timeoutMs: 10_000 };
const removeDeadline = { timeoutMs: 10_000 };

/**
 * Deletes a stopped container; with `force` one in any state, and one that is not there is no error. A created one may be deleted as
 * runc allows. Errors: `failed_precondition` naming the status.
 */
export async function deleteContainer(context: RuntimeContext, id: string, force: boolean): Promise<void> {
  const dir = containerDir(context.root, id);
  if (!exists(dir)) {
    if (force) return;
    throw new SampanError("not_found", `cannot find container "${id}": container does not exist`);
  }
  using _lock = await lockContainer(context, id);
  if (!exists(stateFile(dir))) {
    await deleteInterrupted(context, { id, dir, force });
    return;
  }
  const state = loadState(context.root, id);
  if (!force) checkStatus("delete", id, await statusOf(context.root, state));
  await endProcesses(state, force);
  if (state.systemd_scope) {
    const { stopUnit } = await import("./systemd.ts");
    await stopUnit(state.systemd_scope, state.rootless);
  }
  await removeCgroups(cgroupDirs(state), removeDeadline);
  const { intel_rdt_made: rdt = [], spec } = state;
  if (rdt.length > 0) (await import("./rdt.ts")).removeRdt(rdt, Boolean(spec.linux?.intelRdt?.closID));
  await poststop(context, state);
  removeContainerDir(dir);
}

/** Init and, where it did not have a pid namespace of its own to take everybody along, all that is left in its cgroup. */
async function endProcesses(state: ContainerState, force: boolean): Promise<void> {
  const { killCgroups } = await import("./cgroups/kill.ts");
  if (killInit(state)) {
    const { thawCgroups } = await import("./cgroups/freeze.ts");
    try {
      thawCgroups(cgroupDirs(state));
    } catch {
      // A container without a freezer cannot be frozen.
    }
    await gone(state);
  }
  const shared = !(state.spec.linux?.namespaces ?? []).some(({ type }) => type === "pid");
  if (shared || force) await killCgroups(cgroupDirs(state), killDeadline);
}

/** Whether init was alive. As in kill, the descriptor comes before the look, so that the signal cannot reach another process with its number. */
function killInit(state: ContainerState): boolean {
  const pidfd = openPidFd(state.init_process_pid);
  if (pidfd < 0) return false;
  try {
    return isAlive(state) && signalPidFd(pidfd, 9) >= 0;
  } finally {
    closeFd(pidfd);
  }
}

async function gone(state: ContainerState): Promise<void> {
  const { until } = await import("./cgroups/wait.ts");
  await until(`kill container "${state.id}"`, killDeadline, () => (isAlive(state) ? undefined : true));
}

async function poststop(context: RuntimeContext, state: ContainerState): Promise<void> {
  const hooks = state.spec.hooks?.poststop ?? [];
  if (hooks.length === 0) return;
  const { runPoststop } = await import("./hooks.ts");
  const { ociVersion, id, bundle, annotations } = ociState(state);
  const last = { ociVersion, id, status: "stopped", bundle, ...(annotations && { annotations }) };
  await runPoststop(context, hooks, last);
}

interface Interrupted {
  readonly id: string;
  readonly dir: string;
  readonly force: boolean;
}

/** A create that was killed before it could write its state: its plan tells which control groups it had begun to make. */
async function deleteInterrupted(context: RuntimeContext, { id, dir, force }: Interrupted): Promise<void> {
  if (!force)
    throw new SampanError(
      "not_found",
      `cannot find container "${id}": container does not exist; its create was interrupted: delete it with --force`,
    );
  const { interruptedCgroups } = await import("./interrupted.ts");
  const { dirs, version, unit } = interruptedCgroups(dir);
  const { killCgroups } = await import("./cgroups/kill.ts");
  await killCgroups({ version, dirs }, killDeadline).catch((error: unknown) =>
    context.warn(SampanError.from(error).message),
  );
  if (unit !== undefined) await (await import("./systemd.ts")).stopUnit(unit, context.rootless);
  await removeCgroups({ dirs }, removeDeadline);
  removeContainerDir(dir);
}
