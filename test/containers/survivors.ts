/** For tests in which a container outlives whoever ran it: waiting with a deadline, what it has on the machine, and an end for certain. */
import { existsSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf } from "../../src/engine/containers/cgroup-name.ts";

/** Rejects instead of hanging. */
export async function within<T>(promise: Promise<T>, what: string, milliseconds = 20_000): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${what}: not within ${milliseconds} ms`)),
    milliseconds,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; !condition(); await Bun.sleep(5))
    if (Date.now() > deadline) throw new Error(`${what}: not within 20 s`);
}

/** Of a container's first process: the runtime. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

export function isGone(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

/** Folders of the container's cgroups, of each hierarchy. */
export function cgroups(id: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => join(line.split(" ")[4] ?? "", cgroupOf(id)))
    .filter((path) => existsSync(path));
}

/** Kills what still runs of the containers below a data root, and takes their cgroups away. */
export function killLeft(root: string): void {
  const folder = join(root, "containers");
  for (const id of existsSync(folder) ? readdirSync(folder) : []) {
    const left = cgroups(id);
    for (const cgroup of left) for (const pid of processesIn(cgroup)) killIfThere(pid);
    for (const cgroup of left) removeOnceEmpty(cgroup);
  }
}

function processesIn(cgroup: string): number[] {
  return (readFileSync(join(cgroup, "cgroup.procs"), "utf8").match(/\d+/g) ?? []).map(Number);
}

/** A killed process leaves its cgroups a moment later. Its monitor may have been quicker to remove them. */
function removeOnceEmpty(cgroup: string): void {
  for (const deadline = Date.now() + 20_000; existsSync(cgroup); Bun.sleepSync(5)) {
    try {
      rmdirSync(cgroup);
    } catch (error) {
      const { code = "" } = error as NodeJS.ErrnoException;
      if (!["EBUSY", "ENOENT"].includes(code) || Date.now() > deadline) throw error;
    }
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
