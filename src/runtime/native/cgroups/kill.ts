/** A signal to every process of a container. */
import { errno, systemError } from "../../../kernel/errno.ts";
import { killProcess } from "../../../kernel/libc.ts";
import { op } from "../plan/operations.ts";
import { type Patience, until } from "./wait.ts";
import { applySteps } from "./apply.ts";
import { freezeCgroups, freezerState, thawCgroups } from "./freeze.ts";
import { hostFiles } from "./host.ts";
import { cgroupPids, type CgroupDirs, cgroupsEmpty } from "./procs.ts";

const SIGKILL = 9;

/**
 * Sends the signal to all processes, also to those that are born meanwhile: cgroup.kill (v2, Linux 5.14, SIGKILL only), else the
 * container is frozen as long as it takes. One that was frozen stays so, but for SIGKILL, which a v1 freezer holds back.
 * Errors: the kernel's, when a process may not be signalled. Freezing that fails is passed over, as with runc.
 */
export async function signalCgroups(paths: CgroupDirs, signal: number, patience: Patience): Promise<void> {
  if (signal === SIGKILL && killAtOnce(paths)) return;
  const wasFrozen = (await freezerState(paths, patience).catch(() => undefined)) === "frozen";
  const froze =
    wasFrozen ||
    (await freezeCgroups(paths, patience).then(
      () => true,
      () => false,
    ));
  try {
    for (const pid of cgroupPids(paths)) send(pid, signal);
  } finally {
    if (froze && (!wasFrozen || signal === SIGKILL)) thawCgroups(paths);
  }
}

/** Kills all of them, and returns when none is left. Errors: `deadline_exceeded`, the kernel's. */
export async function killCgroups(paths: CgroupDirs, patience: Patience): Promise<void> {
  // Nobody is left who could make another: the usual case after an end.
  if (cgroupsEmpty(paths)) return;
  await signalCgroups(paths, SIGKILL, patience);
  await until("kill all processes of the container", patience, () => {
    if (cgroupsEmpty(paths)) return true;
    // Where nothing could be frozen, new ones may have come.
    for (const pid of cgroupPids(paths)) send(pid, SIGKILL);
    return undefined;
  });
}

function killAtOnce(paths: CgroupDirs): boolean {
  const file = `${paths.dirs[""]}/cgroup.kill`;
  if (paths.version !== 2 || !hostFiles.writable(file)) return false;
  applySteps([op("write", { path: file, data: "1" }, "kill")]);
  return true;
}

function send(pid: number, signal: number): void {
  const result = killProcess(pid, signal);
  if (result === 0 || result === -errno.ESRCH) return;
  throw systemError(`send signal ${signal} to process ${pid}`, -result);
}
