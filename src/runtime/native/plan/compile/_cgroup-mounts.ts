/**
 * Mounts of type cgroup. On v2 one cgroup2; on v1 a tmpfs with a folder for each hierarchy, which is mounted anew in a cgroup namespace of its
 * own and else bound to the container's own folder, and a link for each controller that shares its hierarchy (cpu → cpu,cpuacct).
 */
import {
  AT_RECURSIVE,
  MOUNT_ATTR,
  MS,
  O,
  OPEN_TREE_CLONE,
  PROC_SUPER_MAGIC,
  RESOLVE,
} from "../../../../kernel/linux.ts";
import { slot } from "../operations.ts";
import { parseMountOptions, remountOf, type MountOptions } from "../mount-options.ts";
import { attach, mountDetached, propagate, type MountContext } from "./_attach.ts";

interface CgroupMountRequest {
  readonly destination: string;
  readonly options: MountOptions;
  readonly why: string;
}

const hierarchyFlags = MS.NOSUID | MS.NODEV | MS.NOEXEC;

export function mountCgroup(context: MountContext, request: CgroupMountRequest): void {
  const { mode } = context.options.host.cgroups;
  if (mode === "v2") mountV2(context, request);
  else mountV1(context, request);
}

function mountV2(context: MountContext, { destination, options, why }: CgroupMountRequest): void {
  const { builder, options: create } = context;
  const unified = create.cgroup.unified;
  // A user namespace that did not get a cgroup namespace of its own may not mount cgroup2: its own folder is bound then.
  const bound = context.userns && !context.cgroupns && unified !== undefined;
  let tree: number;
  if (bound) {
    tree = slot.tree;
    builder.add(
      builder.init,
      "open_tree",
      { path: unified, flags: OPEN_TREE_CLONE | AT_RECURSIVE, out: tree },
      why,
    );
    builder.add(
      builder.init,
      "mount_setattr",
      { slot: tree, set: attributesForBind(options) },
      `${why}.options`,
    );
  } else {
    tree = mountDetached(context, { type: "cgroup2", source: "cgroup", options, data: options.data, why });
  }
  for (const { flag, recursive } of options.propagation) {
    builder.add(
      builder.init,
      "mount_setattr",
      { slot: tree, propagation: flag, recursive: recursive ? 1 : 0 },
      `${why}.options`,
    );
  }
  attach(context, tree, destination, why, { denied: PROC_SUPER_MAGIC });
}

function attributesForBind(options: MountOptions): number {
  return (
    (options.flags & MS.RDONLY ? MOUNT_ATTR.RDONLY : 0) |
    MOUNT_ATTR.NOSUID |
    MOUNT_ATTR.NODEV |
    MOUNT_ATTR.NOEXEC
  );
}

/** The hierarchies of the host, each once: its name (the last part of its mount point), controllers, and the container's folder in it. */
function hierarchies(context: MountContext): { name: string; controllers: readonly string[]; dir: string }[] {
  const { host, cgroup } = context.options;
  const seen = new Map<string, { name: string; controllers: readonly string[]; dir: string }>();
  for (const [controller, mount] of Object.entries(host.cgroups.v1)) {
    const name = mount.mountPoint.slice(mount.mountPoint.lastIndexOf("/") + 1);
    if (seen.has(name)) continue;
    const own = host.cgroups.own[controller] ?? "/";
    const dir = mount.controllers.map((each) => cgroup.dirs[each]).find((each) => each !== undefined);
    seen.set(name, {
      name,
      controllers: mount.controllers,
      dir: dir ?? `${mount.mountPoint}${own === "/" ? "" : own}`,
    });
  }
  return [...seen.values()];
}

function mountV1(context: MountContext, { destination, options, why }: CgroupMountRequest): void {
  const { builder } = context;
  const readOnly = (options.flags & MS.RDONLY) !== 0;
  const base = mountDetached(context, {
    type: "tmpfs",
    source: "tmpfs",
    options: { ...parseMountOptions(["nosuid", "nodev", "noexec"]) },
    data: ["mode=755"],
    why,
  });
  attach(context, base, destination, why, { denied: PROC_SUPER_MAGIC });
  // The flags of the folder follow when the hierarchies are in it, and these use the same slot.
  builder.add(
    builder.init,
    "open",
    { dir: slot.root, path: destination, flags: O.PATH, resolve: RESOLVE.IN_ROOT, out: slot.base },
    why,
  );
  for (const { name, controllers, dir } of hierarchies(context)) {
    const place = `${destination}/${name}`;
    const tree = context.cgroupns
      ? mountHierarchy(context, controllers, readOnly, why)
      : bindHierarchy(context, dir, options, why);
    attach(context, tree, place, why);
    if (!context.cgroupns) propagate(builder, options, tree, `${why}.options`);
    for (const controller of controllers) {
      if (controller === name || controllers.length < 2) continue;
      builder.add(
        builder.init,
        "symlink",
        { dir: slot.root, target: name, path: `${destination}/${controller}` },
        why,
        { errnos: [17] },
      );
    }
  }
  if (readOnly)
    builder.add(builder.init, "mount_setattr", { slot: slot.base, set: MOUNT_ATTR.RDONLY }, `${why}.options`);
  for (const { flag, recursive } of options.propagation) {
    builder.add(
      builder.init,
      "mount_setattr",
      { slot: slot.base, propagation: flag, recursive: recursive ? 1 : 0 },
      `${why}.options`,
    );
  }
}

function mountHierarchy(
  context: MountContext,
  controllers: readonly string[],
  readOnly: boolean,
  why: string,
): number {
  const named = controllers.find((controller) => controller.startsWith("name="));
  const options = { ...parseMountOptions([]), flags: hierarchyFlags | (readOnly ? MS.RDONLY : 0) };
  const data = named === undefined ? controllers : ["none", named];
  return mountDetached(context, { type: "cgroup", source: named?.slice(5) ?? "cgroup", options, data, why });
}

/** The container's own folder of a hierarchy with the flags that the mount asks for, besides those of the host's mount. */
function bindHierarchy({ builder }: MountContext, dir: string, options: MountOptions, why: string): number {
  const { tree } = slot;
  builder.add(
    builder.init,
    "open_tree",
    { path: dir, flags: OPEN_TREE_CLONE | AT_RECURSIVE, out: tree },
    why,
  );
  const { set, clear } = remountOf(options.flags);
  if (set !== 0)
    builder.add(
      builder.init,
      "mount_setattr",
      { slot: tree, set, clear: clear & MOUNT_ATTR.ATIME },
      `${why}.options`,
    );
  return tree;
}
