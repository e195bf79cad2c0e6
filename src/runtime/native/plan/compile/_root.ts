/** The root file system of a container: propagation, mounts, devices, the change of root, and what is hidden or read-only in it. */
import { errno } from "../../../../kernel/errno.ts";
import { MNT_DETACH, MOUNT_ATTR, MS, O, OPEN_TREE_CLONE, RESOLVE } from "../../../../kernel/linux.ts";
import { sysctlPath } from "../../../../spec/oci/sysctl.ts";
import { slot } from "../operations.ts";
import type { Builder } from "./context.ts";
import { compileDevices, compileTerminal, furnishesDev } from "./devices.ts";
import { cleanDestination } from "./_attach.ts";
import { compileMounts, isReadOnlyLater } from "./mounts.ts";
import { addHook, base, byte, hooksOf, type Create } from "./_create-shared.ts";

const propagationOf: Readonly<Record<string, number>> = {
  private: MS.PRIVATE,
  rprivate: MS.PRIVATE | MS.REC,
  shared: MS.SHARED,
  rshared: MS.SHARED | MS.REC,
  slave: MS.SLAVE,
  rslave: MS.SLAVE | MS.REC,
  unbindable: MS.UNBINDABLE,
  runbindable: MS.UNBINDABLE | MS.REC,
};

/** The root: propagation, the root bound onto itself, mounts, devices, hooks, and the change of root. */
export function rootFileSystem(create: Create): void {
  const { builder, options, namespaces, mounts } = create;
  const list = builder.init;
  const { config } = options;
  const ownMounts = namespaces.fresh.has("mount") || namespaces.joined.has("mount");
  const field = "linux.rootfsPropagation";
  const wanted = propagationOf[config.linux?.rootfsPropagation ?? ""] ?? MS.SLAVE | MS.REC;
  if (ownMounts) {
    builder.add(list, "mount", { target: "/", flags: wanted }, field);
    // pivot_root(2) refuses a root whose parent is shared; the parent is the mount that the path lies on.
    if (wanted & MS.SHARED)
      builder.add(list, "mount", { target: options.rootfsMount, flags: MS.PRIVATE }, field);
  }
  builder.add(
    list,
    "mount",
    { source: options.rootfs, target: options.rootfs, type: "bind", flags: MS.BIND | MS.REC },
    "root.path",
  );
  builder.add(
    list,
    "open",
    { path: options.rootfs, flags: O.PATH | O.DIRECTORY, out: slot.root },
    "root.path",
  );
  compileMounts(mounts);
  compileDevices(mounts);
  const hostHooks = hooksOf(create, "prestart", "createRuntime");
  if (hostHooks.length > 0) {
    builder.add(list, "send", { slot: slot.childEnd, byte: byte.hooks }, base);
    builder.add(list, "receive", { slot: slot.childEnd, byte: byte.resume }, base);
  }
  const covers = nullCovers(create, ownMounts);
  cwdFolder(create);
  compileTerminal(mounts);
  builder.add(list, "fchdir", { slot: slot.root }, "root.path");
  for (const { hook, why } of hooksOf(create, "createContainer"))
    addHook(create, list, { hook, why, status: "creating", self: 1 });
  if (!create.userns || ownMounts) settings(create);
  changeRoot(create, ownMounts);
  if (furnishesDev(options)) builder.add(list, "reopen_null", { dir: slot.root }, "default devices");
  if (ownMounts) finishRoot(create, covers);
}

/** By their place among the masked paths, the slots of a copy of /dev/null each. */
type Covers = readonly number[];

/** Where the configuration binds a /dev of its own there need be no null device in it, and one that is there is a stranger's (CVE-2025-31133): then the host's covers the files. */
function nullCovers({ builder, options, userns }: Create, ownMounts: boolean): Covers {
  if (!ownMounts || furnishesDev(options)) return [];
  // As the sources of binds: a user namespace has no right to copy the host's mounts.
  const list = userns && !options.rootless ? builder.parent : builder.init;
  return (options.config.linux?.maskedPaths ?? []).map((_, index) => {
    const out = builder.slot();
    const args = { path: "/dev/null", flags: OPEN_TREE_CLONE, out };
    builder.add(list, "open_tree", args, `linux.maskedPaths[${index}]`);
    return out;
  });
}

/** runc makes the working directory where it is missing; so do we, below the root. */
function cwdFolder({ builder, options }: Create): void {
  const cwd = cleanDestination(options.config.process?.cwd ?? "/");
  if (cwd === "/") return;
  const made = slot.target;
  builder.add(
    builder.init,
    "mount_point",
    { dir: slot.root, path: cwd, resolve: RESOLVE.IN_ROOT, out: made },
    "process.cwd",
    {
      errnos: [errno.EROFS, errno.ENOTDIR, errno.EACCES],
    },
  );
}

function changeRoot({ builder, options }: Create, ownMounts: boolean): void {
  const list = builder.init;
  const why = "root.path";
  if (!ownMounts) {
    builder.add(list, "chroot", { path: "." }, why);
  } else if (options.noPivot) {
    builder.add(list, "mount", { source: options.rootfs, target: "/", flags: MS.MOVE }, "--no-pivot");
    builder.add(list, "chroot", { path: "." }, "--no-pivot");
  } else {
    builder.add(list, "open", { path: "/", flags: O.RDONLY | O.DIRECTORY, out: slot.oldRoot }, why);
    builder.add(list, "pivot_root", {}, why);
    builder.add(list, "fchdir", { slot: slot.oldRoot }, why);
    builder.add(list, "mount", { target: ".", flags: MS.SLAVE | MS.REC }, why);
    builder.add(list, "umount", { path: ".", flags: MNT_DETACH }, why);
    builder.add(list, "close", { slot: slot.oldRoot }, why);
  }
  builder.add(list, "chdir", { path: "/" }, why);
  builder.add(list, "open", { path: "/", flags: O.PATH | O.DIRECTORY, out: slot.root }, why);
}

/** Host name, domain name and sysctls: written through the host's procfs, which the container cannot have touched. */
function settings({ builder, options }: Create): void {
  const { config } = options;
  const list = builder.init;
  if (config.hostname) builder.add(list, "sethostname", { name: config.hostname }, "hostname");
  if (config.domainname) builder.add(list, "setdomainname", { name: config.domainname }, "domainname");
  for (const [key, value] of Object.entries(config.linux?.sysctl ?? {})) {
    const path = `sys/${sysctlPath(key) ?? key}`;
    builder.add(
      list,
      "write",
      { dir: slot.proc, path, data: value, resolve: RESOLVE.NO_SYMLINKS | RESOLVE.BENEATH },
      `linux.sysctl.${key}`,
    );
  }
}

/** After the change of root: its own propagation, read-only root, read-only paths and masks, below the container's root. */
function finishRoot(create: Create, covers: Covers): void {
  const { builder, options } = create;
  const { config } = options;
  const list = builder.init;
  // "private" and "slave" came with the copy of the host's mounts; what shares or must not be bound is said of the new root.
  const own = propagationOf[config.linux?.rootfsPropagation ?? ""] ?? 0;
  if (own & MS.SHARED) builder.add(list, "mount", { target: "/", flags: own }, "linux.rootfsPropagation");
  readOnlyMounts(create);
  if (config.root.readonly) {
    builder.add(list, "mount_setattr", { slot: slot.root, set: MOUNT_ATTR.RDONLY }, "root.readonly");
  }
  (config.linux?.readonlyPaths ?? []).forEach((path, index) =>
    readOnlyPath(builder, path, `linux.readonlyPaths[${index}]`),
  );
  maskPaths(create, covers);
  // Read-only paths are bound onto themselves, which an unbindable root would not allow any more.
  if (own & MS.UNBINDABLE) builder.add(list, "mount", { target: "/", flags: own }, "linux.rootfsPropagation");
}

function maskPaths({ builder, options }: Create, covers: Covers): void {
  const { linux } = options.config;
  const list = builder.init;
  const masked = linux?.maskedPaths ?? [];
  if (masked.length === 0) return;
  if (covers.length === 0) {
    const open = {
      dir: slot.root,
      path: "/dev/null",
      flags: O.PATH,
      resolve: RESOLVE.IN_ROOT,
      out: slot.null,
    };
    builder.add(list, "open", open, "linux.maskedPaths", { errnos: [errno.ENOENT] });
  }
  masked.forEach((path, index) => {
    builder.add(
      list,
      "mask_path",
      { dir: slot.root, null: covers[index] ?? slot.null, path, options: linux?.mountLabel ?? "" },
      `linux.maskedPaths[${index}]`,
      { errnos: [errno.ENOENT, errno.ENOTDIR] },
    );
  });
}

/** Mounts that had to be written to first: mounts.ts leaves their flag to here. */
function readOnlyMounts({ builder, options }: Create): void {
  const list = builder.init;
  const at = slot.target;
  for (const [index, mount] of (options.config.mounts ?? []).entries()) {
    if (!isReadOnlyLater(mount)) continue;
    const why = `mounts[${index}].options`;
    const path = cleanDestination(mount.destination);
    builder.add(
      list,
      "open",
      { dir: slot.root, path, flags: O.PATH, resolve: RESOLVE.IN_ROOT, out: at },
      why,
    );
    builder.add(list, "mount_setattr", { slot: at, set: MOUNT_ATTR.RDONLY }, why);
  }
}

function readOnlyPath(builder: Builder, path: string, why: string): void {
  const list = builder.init;
  const [at, tree] = [slot.target, slot.tree];
  builder.add(list, "open", { dir: slot.root, path, flags: O.PATH, resolve: RESOLVE.IN_ROOT, out: at }, why, {
    errnos: [errno.ENOENT, errno.ENOTDIR],
    skip: 3,
  });
  builder.add(list, "open_tree", { dir: at, flags: OPEN_TREE_CLONE | 0x8000, out: tree }, why);
  builder.add(list, "mount_setattr", { slot: tree, set: MOUNT_ATTR.RDONLY }, why);
  builder.add(list, "move_mount", { from: tree, to: at }, why);
}
