/** What a test's containers leave on the host when the test ends in the middle: monitors, their processes, resolvers, and cgroups. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Process ids of monitors that hold a folder below this one open. */
export function monitorsBelow(folder: string): number[] {
  return pids().filter(
    (pid) =>
      textOf(pid, "comm").trim() === "sampan-monitor" &&
      list(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`).startsWith(folder)),
  );
}

/** Ends every monitor below the folder with its container, and every process that has the folder in its command line. */
export async function endContainers(folder: string): Promise<void> {
  const monitors = monitorsBelow(folder);
  const cgroups = monitors.flatMap((pid) => childrenOf(pid).flatMap(cgroupsOf));
  const named = pids().filter((pid) => pid !== process.pid && textOf(pid, "cmdline").includes(`${folder}/`));
  const inside = new Set(cgroups).values().flatMap(processesIn);
  const all = [...monitors, ...named, ...inside];
  for (const pid of all) kill(pid);
  while (all.some(isAlive)) await Bun.sleep(5);
  for (const path of new Set([...cgroups, ...recordedCgroups(folder)])) {
    await removeCgroup(path);
    removePodCgroup(dirname(path));
  }
  for (const path of podCgroups(folder)) removePodCgroup(path);
}

/** Of containers that had ended before their engine did, which would have taken them away: as the runtime wrote them down. */
function recordedCgroups(folder: string): string[] {
  return found(folder, "*/runtime/*/*/state.json").flatMap((name) => {
    const text = readOr(join(folder, name));
    if (text === "") return [];
    return Object.values((JSON.parse(text) as { cgroup_paths: Record<string, string> }).cgroup_paths);
  });
}

/** Of the pods that an edge knows, whether or not a container is left of them. */
function podCgroups(folder: string): string[] {
  const uids = found(folder, "*/edged/pods/*").map((name) => basename(name));
  return cgroupMounts().flatMap((mount) =>
    uids.flatMap((uid) =>
      ["", "burstable", "besteffort"].map((level) => join(mount, "sampan", level, `pod${uid}`)),
    ),
  );
}

function found(folder: string, pattern: string): string[] {
  if (!existsSync(folder)) return [];
  return [...new Bun.Glob(pattern).scanSync({ cwd: folder, onlyFiles: false })];
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** The folders of a container's own cgroups. */
function cgroupsOf(pid: number): string[] {
  const paths = textOf(pid, "cgroup")
    .split("\n")
    .flatMap((line) => /:(\/.*sampan-(?:pod-)?[0-9a-f]{64})/.exec(line)?.[1] ?? []);
  return cgroupMounts().flatMap((mount) => [...new Set(paths)].map((path) => join(mount, path)));
}

function cgroupMounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => (/ - cgroup2? /.test(line) ? (line.split(" ")[4] ?? "") : []));
}

function processesIn(cgroup: string): number[] {
  try {
    return readFileSync(join(cgroup, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** What held those of a pod's containers, and is empty now. */
function removePodCgroup(path: string): void {
  for (let at = path; /\/sampan(?:\/|$)/.test(at); at = dirname(at)) removeEmpty(at);
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Others are in it.
  }
}

/** A process that has ended is in it until its parent has heard of that. */
async function removeCgroup(path: string): Promise<void> {
  for (let tries = 0; tries < 200 && existsSync(path); tries++) {
    try {
      rmdirSync(path);
    } catch {
      await Bun.sleep(10);
    }
  }
}

function pids(): number[] {
  return list("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function textOf(pid: number, name: string): string {
  return readOr(`/proc/${pid}/${name}`);
}

function childrenOf(pid: number): number[] {
  return textOf(pid, `task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

export function isAlive(pid: number): boolean {
  const stat = textOf(pid, "stat");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
