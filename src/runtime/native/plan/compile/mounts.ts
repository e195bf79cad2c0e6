/**
 * The mounts of config.json. Each is made detached (open_tree for binds, fsopen for file systems whose options fit it), gets its flags, and is
 * then attached to a descriptor of its destination, which the kernel resolved inside the root. File systems that take their options as one text
 * (overlay with long layers, network file systems) are mounted by mount(2) onto that descriptor.
 */
import { SampanError } from "../../../../base/errors.ts";
import { errno } from "../../../../kernel/errno.ts";
import { AT_RECURSIVE, MS, O, OPEN_TREE_CLONE, PROC_SUPER_MAGIC, RESOLVE } from "../../../../kernel/linux.ts";
import type { OciIdMapping, OciMount } from "../../../../spec/oci/config.ts";
import { parseMountOptions, remountOf, type MountOptions } from "../mount-options.ts";
import { slot } from "../operations.ts";
import { mountCgroup } from "./_cgroup-mounts.ts";
import {
  attach,
  cleanDestination,
  isBind,
  mountDetached,
  propagate,
  recursive,
  type MountContext,
} from "./_attach.ts";

/** File systems whose parameters are known to be words and word=text of less than 256 bytes (fsconfig(2)). */
const detachable = new Set([
  "proc",
  "sysfs",
  "tmpfs",
  "devpts",
  "mqueue",
  "ramfs",
  "cgroup",
  "cgroup2",
  "securityfs",
  "debugfs",
  "tracefs",
  "bpf",
]);

/** What may be mounted over below /proc, as runc allows: files that some runtimes give each container its own of (LXCFS). */
const procAllowed = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid sys/crypto/fips_enabled".split(
    " ",
  ),
);

/** Mounts that are made read-only when all is in them: the devices in /dev, in a tmpfs the mount points of those that follow. */
export function isReadOnlyLater(mount: OciMount): boolean {
  if (!mount.options?.includes("ro") || isBind(mount)) return false;
  if (mount.type !== "tmpfs" && cleanDestination(mount.destination) !== "/dev") return false;
  return (parseMountOptions(mount.options ?? []).flags & MS.RDONLY) !== 0;
}

/** All mounts, in the order of the list. */
export function compileMounts(context: MountContext): void {
  const { config } = context.options;
  (config.mounts ?? []).forEach((mount, index) => {
    const why = `mounts[${index}]`;
    const destination = cleanDestination(mount.destination);
    const given = parseMountOptions(mount.options ?? []);
    const parsed = isReadOnlyLater(mount) ? { ...given, flags: given.flags & ~MS.RDONLY } : given;
    if (isBind(mount)) {
      compileBind(context, { mount, destination, options: parsed, why });
      return;
    }
    if (destination === "/proc" && mount.type !== "proc") {
      throw new SampanError(
        "invalid_argument",
        `cannot use ${why}.type "${mount.type}": only a file system of type proc may be mounted at /proc`,
      );
    }
    if (mount.type === "cgroup") mountCgroup(context, { destination, options: parsed, why });
    else compileFileSystem(context, { mount, destination, options: parsed, why });
  });
}

export interface OneMount {
  readonly mount: OciMount;
  readonly destination: string;
  readonly options: MountOptions;
  readonly why: string;
}

function procRules(destination: string, why: string): number {
  if (destination === "/proc" || !destination.startsWith("/proc/")) return PROC_SUPER_MAGIC;
  if (procAllowed.has(destination.slice(6))) return 0;
  throw new SampanError(
    "invalid_argument",
    `cannot use ${why}.destination "${destination}": nothing may be mounted inside /proc`,
  );
}

function compileBind(context: MountContext, one: OneMount): void {
  const { builder, options: create, userns } = context;
  const { mount, destination, options, why } = one;
  // Relative to the bundle; left out, it is the bundle itself, as with runc.
  const source = mount.source ?? "";
  const early = userns && !create.rootless;
  const list = early ? builder.parent : builder.init;
  const tree = early ? builder.slot() : slot.tree;
  const path = source.startsWith("/") ? source : `${create.bundle}/${source}`;
  const whole = (options.flags & MS.REC) !== 0;
  builder.add(
    list,
    "open_tree",
    { path, flags: OPEN_TREE_CLONE | (whole ? AT_RECURSIVE : 0), out: tree },
    `${why}.source`,
  );
  // A clone that the parent made is a peer of the host's mount: in the container it may receive but not send.
  if (list === builder.parent) {
    const alone = create.config.linux?.rootfsPropagation === "rprivate";
    const propagation = alone ? MS.PRIVATE : MS.SLAVE;
    builder.add(list, "mount_setattr", { slot: tree, propagation, recursive: 1 }, `${why}.source`);
  }
  if (destination === "/proc")
    builder.add(builder.init, "check_fs", { slot: tree, magic: PROC_SUPER_MAGIC }, `${why}.source`);
  idMap(context, one, tree);
  setFlags(context, one, tree);
  attach(context, tree, destination, why, {
    source: true,
    denied: destination === "/proc" ? 0 : procRules(destination, why),
  });
  propagate(builder, options, tree, `${why}.options`);
}

/** The flags of a bind mount; without any word for them the source's stay. */
function setFlags({ builder }: MountContext, { options, why }: OneMount, tree: number): void {
  const field = `${why}.options`;
  const own = options.flags & ~(MS.BIND | MS.REC | MS.REMOUNT);
  if (own !== 0 || options.cleared !== 0) {
    const { set, clear } = remountOf(own);
    // In a user namespace the source's flags are locked (EPERM): then they stay, and what was asked for is added.
    builder.add(builder.init, "mount_setattr", { slot: tree, set, clear }, field, { errnos: [errno.EPERM] });
    builder.add(builder.init, "mount_setattr", { slot: tree, set, clear: atimeOnly(clear) }, field);
  }
  recursive(builder, options, tree, field);
}

function atimeOnly(clear: number): number {
  return clear & 0x70;
}

function mapText(mappings: readonly OciIdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

/** An id-mapped mount (mount_setattr(2), Linux 5.12): the mapping is given by a user namespace that the parent makes for it. */
function idMap(context: MountContext, { mount, options, why }: OneMount, tree: number): void {
  const { builder, options: create } = context;
  const own = mount.uidMappings !== undefined || mount.gidMappings !== undefined;
  if (!own && options.idmap === undefined) return;
  const uids = mount.uidMappings ?? create.config.linux?.uidMappings ?? [];
  const gids = mount.gidMappings ?? create.config.linux?.gidMappings ?? [];
  const field = own ? `${why}.uidMappings` : `${why}.options`;
  if (uids.length === 0 || gids.length === 0) {
    throw new SampanError(
      "invalid_argument",
      `cannot use ${field}: an id-mapped mount wants uidMappings and gidMappings, its own or the container's`,
    );
  }
  if (create.rootless) {
    throw new SampanError(
      "permission_denied",
      `cannot use ${field}: an id-mapped mount wants the rights of root`,
    );
  }
  const userns = builder.slot();
  builder.add(
    builder.parent,
    "userns",
    { proc: slot.proc, out: userns, uidMap: mapText(uids), gidMap: mapText(gids) },
    field,
  );
  const list = context.userns ? builder.parent : builder.init;
  builder.add(
    list,
    "mount_setattr",
    { slot: tree, set: 0x100000, userns, recursive: options.idmap === "tree" ? 1 : 0 },
    field,
  );
}

function compileFileSystem(context: MountContext, one: OneMount): void {
  const { builder, options: create } = context;
  const { mount, destination, options, why } = one;
  const type = mount.type ?? "";
  if (type === "")
    throw new SampanError(
      "invalid_argument",
      `cannot use ${why}.type "": a mount that is not a bind wants a file system`,
    );
  if (mount.uidMappings !== undefined || mount.gidMappings !== undefined || options.idmap !== undefined) {
    throw new SampanError("invalid_argument", `cannot use ${why}: only bind mounts can be id-mapped`);
  }
  const strict = type === "proc" || type === "sysfs";
  const denied = destination === "/proc" ? 0 : procRules(destination, why);
  const data = withLabel(options.data, create.config.linux?.mountLabel, type);
  const fits =
    detachable.has(type) && (options.flags & MS.REMOUNT) === 0 && data.every((word) => word.length < 250);
  const how = { resolve: strict ? RESOLVE.NO_SYMLINKS : 0, denied };
  if (fits) {
    const tree = mountDetached(context, { type, source: mount.source ?? type, options, data, why });
    if (options.tmpcopyup) copyUp(context, one, tree);
    recursive(builder, options, tree, `${why}.options`);
    const copyMode = type === "tmpfs" && !options.tmpcopyup && !data.some((word) => word.startsWith("mode="));
    attach(context, tree, destination, why, { ...how, copyMode });
    propagate(builder, options, tree, `${why}.options`);
    return;
  }
  mountWhole(context, one, type, data.join(","), how);
}

/** SELinux labels a new file system by its option `context`; proc and sysfs take none. */
function withLabel(data: readonly string[], label: string | undefined, type: string): readonly string[] {
  if (!label || type === "proc" || type === "sysfs" || type === "mqueue") return data;
  return [...data, `context=${label.includes(",") ? `"${label}"` : label}`];
}

/** tmpcopyup: the new tmpfs starts with what the root file system has there. */
function copyUp({ builder }: MountContext, { destination, options, why }: OneMount, tree: number): void {
  const asked = (...names: string[]): 0 | 1 =>
    options.data.some((word) => names.some((name) => word.startsWith(`${name}=`))) ? 1 : 0;
  const from = slot.base;
  const field = `${why}.options`;
  builder.add(
    builder.init,
    "mount_point",
    { dir: slot.root, path: destination, resolve: RESOLVE.IN_ROOT, out: from },
    field,
  );
  // What its own options say of its root is not taken from there.
  const how = { mode: 1 - asked("mode"), owner: 1 - asked("uid", "gid") };
  builder.add(builder.init, "copy_up", { from, to: tree, ...how }, field);
}

/** mount(2) with the options as one text, then a look at what came to lie there for the flags that need a descriptor. */
function mountWhole(
  { builder }: MountContext,
  { mount, destination, options, why }: OneMount,
  type: string,
  data: string,
  how: { resolve: number; denied: number },
): void {
  const to = slot.target;
  const list = builder.init;
  builder.add(
    list,
    "mount_point",
    {
      dir: slot.root,
      path: destination,
      resolve: RESOLVE.IN_ROOT | how.resolve,
      out: to,
      denied: how.denied,
    },
    `${why}.destination`,
  );
  builder.add(
    list,
    "mount",
    { to, source: mount.source ?? type, type, flags: options.flags & ~MS.REC, data },
    why,
  );
  if (!options.recursive && options.propagation.length === 0) return;
  builder.add(
    list,
    "open",
    { dir: slot.root, path: destination, flags: O.PATH, resolve: RESOLVE.IN_ROOT, out: to },
    why,
  );
  recursive(builder, options, to, `${why}.options`);
  propagate(builder, options, to, `${why}.options`);
}
