/**
 * How a process enters its control groups. On v1 the parent opens each hierarchy's `tasks` as the caller it is, and the process writes "0" to
 * the descriptor: "this very thread". For that the kernel need not stop all forks of the host (cgroup_threadgroup_rwsem, some milliseconds for
 * an RCU grace period), as it does for a number in cgroup.procs; rights were checked at open. The unified tree, alone or beside v1, is entered
 * at birth: clone3(2) with CLONE_INTO_CGROUP, Linux 5.7. That wants a descriptor of the folder, which the newborn process has too for a moment, so
 * where a process of the container could take it from there (`watched`) the unified tree is entered by its file as well, at the price of the stop.
 */
import { O } from "../../../../kernel/linux.ts";
import { slot } from "../operations.ts";
import type { Builder, Host } from "./context.ts";

const why = "linux.cgroupsPath";

/** `files` are cgroup.procs of all hierarchies. Adds the opening to the parent and the joining to init; gives the arguments with which init is cloned. */
export function joinCgroups(
  builder: Builder,
  files: readonly string[],
  host: Host,
  watched = false,
): { cgroup?: number } {
  const { mode, unified } = host.cgroups;
  let born: string | undefined;
  for (const file of files) {
    const dir = file.slice(0, file.lastIndexOf("/"));
    const inUnified =
      mode === "v2" || (unified !== undefined && `${dir}/`.startsWith(`${unified.mountPoint}/`));
    if (inUnified && mode === "hybrid" && !watched) {
      born = dir;
      continue;
    }
    const path = inUnified ? file : `${dir}/tasks`;
    const out = builder.slot();
    builder.add(builder.parent, "open", { path, flags: O.WRONLY, out }, why);
    builder.add(builder.init, "write", { dir: out, data: "0" }, why);
  }
  if (born === undefined) return {};
  builder.add(builder.parent, "open", { path: born, flags: O.RDONLY | O.DIRECTORY, out: slot.cgroup }, why);
  return { cgroup: slot.cgroup };
}
