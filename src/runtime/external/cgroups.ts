/** The control groups of a process by /proc/PID/cgroup: where a runtime of another maker has put its container. */
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import { cgroupHost, readCgroupHost } from "../native/cgroups/host.ts";
import type { CgroupDirs } from "../native/cgroups/procs.ts";

/** Errors: `failed_precondition` for a process that has ended. */
export function cgroupsOf(pid: number): CgroupDirs {
  const text = pid > 0 ? readTextIfThere(`/proc/${pid}/cgroup`) : undefined;
  if (text === undefined)
    throw new SampanError("failed_precondition", "cannot read its control groups: container not running");
  const host = cgroupHost();
  const { own } = readCgroupHost({ mountinfo: "", selfCgroup: text });
  const below = (root: string, path: string): string =>
    root !== "/" && path.startsWith(root) ? path.slice(root.length) : path;
  if (host.mode === "v2" && host.unified) {
    const { mountPoint, root } = host.unified;
    return { version: 2, dirs: { "": `${mountPoint}${below(root, own[""] ?? "/")}` } };
  }
  const dirs = Object.entries(host.v1).flatMap(([controller, { mountPoint, root }]) => {
    const path = own[controller];
    return path === undefined || path === "/"
      ? []
      : [[controller, `${mountPoint}${below(root, path)}`] as const];
  });
  return { version: 1, dirs: Object.fromEntries(dirs) };
}
