/**
 * Pause and resume. v1: freezer.state (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst); v2: cgroup.freeze, and
 * cgroup.events for when it is done (Linux 5.2).
 */
import { SampanError } from "../../../base/errors.ts";
import { op } from "../plan/operations.ts";
import { type Patience, until } from "./wait.ts";
import { applySteps } from "./apply.ts";
import { hostFiles } from "./host.ts";
import type { CgroupDirs } from "./procs.ts";

/** undefined: the container has no freezer. */
export type FreezerState = "frozen" | "thawed" | undefined;

/**
 * Stops all processes of the container, and returns when they are. Not done in time, they run again.
 * Errors: `failed_precondition` without a freezer, `deadline_exceeded`, the kernel's.
 */
export async function freezeCgroups(paths: CgroupDirs, patience: Patience): Promise<void> {
  const { file, frozen, thawed } = freezerOf(paths, "pause");
  let rounds = 0;
  try {
    write(file, frozen);
    await until("freeze the container", patience, () => {
      if (readState(paths) === "frozen") return true;
      // A v1 freezer can get stuck when processes keep coming: it has to be told again, and at times to let go first.
      if (paths.version === 1 && ++rounds % 5 === 0) write(file, thawed);
      if (paths.version === 1) write(file, frozen);
      return undefined;
    });
  } catch (error) {
    // Half frozen is the worst of all states.
    resumeQuietly(file, thawed);
    throw error;
  }
}

/** Lets them run again; a group that is gone has nobody who could. Errors: `failed_precondition` without a freezer, the kernel's. */
export function thawCgroups(paths: CgroupDirs): void {
  const { file, thawed } = freezerOf(paths, "resume");
  try {
    write(file, thawed);
  } catch (error) {
    if (hostFiles.read(file) !== undefined) throw error;
  }
}

/** Frozen only when the container itself was; one whose ancestor is frozen counts as thawed, since to resume it would do nothing. */
export async function freezerState(paths: CgroupDirs, patience: Patience): Promise<FreezerState> {
  const settled = await until("tell whether the container is frozen", patience, () => {
    const state = readState(paths);
    return state === "freezing" ? undefined : { state };
  });
  return settled.state;
}

function readState(paths: CgroupDirs): FreezerState | "freezing" {
  const dir = paths.dirs[paths.version === 2 ? "" : "freezer"];
  if (dir === undefined) return undefined;
  return paths.version === 2 ? readV2(dir) : readV1(dir);
}

function readV1(dir: string): FreezerState | "freezing" {
  const state = hostFiles.read(`${dir}/freezer.state`)?.trim();
  if (state === undefined) return undefined;
  if (state === "FREEZING") return "freezing";
  if (state === "THAWED") return "thawed";
  return hostFiles.read(`${dir}/freezer.self_freezing`)?.trim() === "0" ? "thawed" : "frozen";
}

function readV2(dir: string): FreezerState | "freezing" {
  const state = hostFiles.read(`${dir}/cgroup.freeze`)?.trim();
  if (state === undefined) return undefined;
  if (state === "0") return "thawed";
  return /^frozen 1$/m.test(hostFiles.read(`${dir}/cgroup.events`) ?? "") ? "frozen" : "freezing";
}

function freezerOf(paths: CgroupDirs, doing: string): { file: string; frozen: string; thawed: string } {
  const dir = paths.dirs[paths.version === 2 ? "" : "freezer"];
  if (dir === undefined) {
    throw new SampanError("failed_precondition", `cannot ${doing} the container: it has no freezer cgroup`);
  }
  return paths.version === 2
    ? { file: `${dir}/cgroup.freeze`, frozen: "1", thawed: "0" }
    : { file: `${dir}/freezer.state`, frozen: "FROZEN", thawed: "THAWED" };
}

function write(path: string, data: string): void {
  applySteps([op("write", { path, data }, "freezer")]);
}

function resumeQuietly(file: string, thawed: string): void {
  try {
    write(file, thawed);
  } catch {
    // The error that brought us here says more.
  }
}
