/** Whether a pod's cgroup is there: then it is whose who made it. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = "/sys/fs/cgroup";

/** In the one tree of cgroup v2, or in one of v1's. */
export function isCgroup(path: string, top: string = root): boolean {
  const trees = existsSync(join(top, "cgroup.controllers")) ? [""] : ["", ...readdirSync(top)];
  return trees.some((tree) => existsSync(join(top, tree, path, "cgroup.procs")));
}
