/** Which processes are in a container's cgroups. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { errno, errnoOf } from "../../../kernel/errno.ts";
import type { CgroupPaths } from "./paths.ts";

/** What the functions on a container that exists need; its state has it. */
export type CgroupDirs = Pick<CgroupPaths, "version" | "dirs">;

/** The hierarchies that can tell a container's processes, in the order in which they are asked. runc asks devices. */
const telling = ["devices", "pids", "freezer", "name=systemd", ""];

/** The directory whose processes count as the container's; undefined when it has none. */
export function mainDir({ version, dirs }: CgroupDirs): string | undefined {
  if (version === 2) return dirs[""];
  const name = telling.find((controller) => dirs[controller] !== undefined);
  return name === undefined ? Object.values(dirs)[0] : dirs[name];
}

/** All processes in the container's cgroup and those below it, as the caller's pid namespace numbers them. None when it is gone. */
export function cgroupPids(paths: CgroupDirs): number[] {
  const dir = mainDir(paths);
  return dir === undefined ? [] : pidsBelow(dir);
}

export function cgroupsExist(paths: CgroupDirs): boolean {
  const dir = mainDir(paths);
  return dir !== undefined && existsSync(dir);
}

/** Whether no process is in them; true too when they are gone. */
export function cgroupsEmpty(paths: CgroupDirs): boolean {
  return cgroupPids(paths).length === 0;
}

function pidsBelow(dir: string): number[] {
  const pids = pidsIn(dir);
  for (const child of childDirs(dir)) pids.push(...pidsBelow(child));
  return pids;
}

function pidsIn(dir: string): number[] {
  return readNumbers(`${dir}/cgroup.procs`) ?? readNumbers(`${dir}/cgroup.threads`) ?? [];
}

/** Undefined for a threaded cgroup, whose cgroup.procs cannot be read. Empty when the cgroup goes away meanwhile. */
function readNumbers(file: string): number[] | undefined {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
  } catch (error) {
    const number = errnoOf(error);
    if (number === errno.EOPNOTSUPP) return undefined;
    if (number === errno.ENOENT || number === errno.ENODEV) return [];
    throw error;
  }
}

/** The cgroups in this one. */
export function childDirs(dir: string): string[] {
  try {
    const entries = readdirSync(dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => `${dir}/${entry.name}`);
  } catch (error) {
    const number = errnoOf(error);
    if (number === errno.ENOENT || number === errno.ENODEV) return [];
    throw error;
  }
}
