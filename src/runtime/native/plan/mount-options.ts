/**
 * Mount options of config.json (mount(8)'s words, runtime specification config.md "Linux mount options") as flags.
 * A table: option → what it sets or clears. What is not here goes to the file system as data.
 */
import { MOUNT_ATTR, MS } from "../../../kernel/linux.ts";

/** +flag sets, -flag clears; 0 is known and changes nothing. */
const flagOptions: Readonly<Record<string, number>> = {
  acl: MS.POSIXACL,
  async: -MS.SYNCHRONOUS,
  atime: -MS.NOATIME,
  bind: MS.BIND,
  defaults: 0,
  dev: -MS.NODEV,
  diratime: -MS.NODIRATIME,
  dirsync: MS.DIRSYNC,
  exec: -MS.NOEXEC,
  iversion: MS.I_VERSION,
  lazytime: MS.LAZYTIME,
  loud: -MS.SILENT,
  mand: MS.MANDLOCK,
  noacl: -MS.POSIXACL,
  noatime: MS.NOATIME,
  nodev: MS.NODEV,
  nodiratime: MS.NODIRATIME,
  noexec: MS.NOEXEC,
  noiversion: -MS.I_VERSION,
  nolazytime: -MS.LAZYTIME,
  nomand: -MS.MANDLOCK,
  norelatime: -MS.RELATIME,
  nostrictatime: -MS.STRICTATIME,
  nosuid: MS.NOSUID,
  nosymfollow: MS.NOSYMFOLLOW,
  rbind: MS.BIND | MS.REC,
  relatime: MS.RELATIME,
  remount: MS.REMOUNT,
  ro: MS.RDONLY,
  rw: -MS.RDONLY,
  silent: MS.SILENT,
  strictatime: MS.STRICTATIME,
  suid: -MS.NOSUID,
  symfollow: -MS.NOSYMFOLLOW,
  sync: MS.SYNCHRONOUS,
};

const propagationOptions: Readonly<Record<string, { flag: number; recursive: boolean }>> = {
  private: { flag: MS.PRIVATE, recursive: false },
  shared: { flag: MS.SHARED, recursive: false },
  slave: { flag: MS.SLAVE, recursive: false },
  unbindable: { flag: MS.UNBINDABLE, recursive: false },
  rprivate: { flag: MS.PRIVATE, recursive: true },
  rshared: { flag: MS.SHARED, recursive: true },
  rslave: { flag: MS.SLAVE, recursive: true },
  runbindable: { flag: MS.UNBINDABLE, recursive: true },
};

/** For the whole tree, by mount_setattr(2), Linux 5.12: [set, clear]. */
const recursiveOptions: Readonly<Record<string, readonly [number, number]>> = {
  rro: [MOUNT_ATTR.RDONLY, 0],
  rrw: [0, MOUNT_ATTR.RDONLY],
  rnosuid: [MOUNT_ATTR.NOSUID, 0],
  rsuid: [0, MOUNT_ATTR.NOSUID],
  rnodev: [MOUNT_ATTR.NODEV, 0],
  rdev: [0, MOUNT_ATTR.NODEV],
  rnoexec: [MOUNT_ATTR.NOEXEC, 0],
  rexec: [0, MOUNT_ATTR.NOEXEC],
  rnodiratime: [MOUNT_ATTR.NODIRATIME, 0],
  rdiratime: [0, MOUNT_ATTR.NODIRATIME],
  rrelatime: [MOUNT_ATTR.RELATIME, MOUNT_ATTR.ATIME],
  rnorelatime: [0, MOUNT_ATTR.ATIME],
  rnoatime: [MOUNT_ATTR.NOATIME, MOUNT_ATTR.ATIME],
  ratime: [0, MOUNT_ATTR.ATIME],
  rstrictatime: [MOUNT_ATTR.STRICTATIME, MOUNT_ATTR.ATIME],
  rnostrictatime: [0, MOUNT_ATTR.ATIME],
  rnosymfollow: [MOUNT_ATTR.NOSYMFOLLOW, 0],
  rsymfollow: [0, MOUNT_ATTR.NOSYMFOLLOW],
};

/** All words that the options of a mount may be besides a file system's own; for `features`. */
export function knownMountOptions(): string[] {
  return [
    ...Object.keys(flagOptions),
    ...Object.keys(propagationOptions),
    ...Object.keys(recursiveOptions),
    "idmap",
    "ridmap",
    "tmpcopyup",
  ].sort();
}

export interface MountOptions {
  /** MS_* to set. */
  readonly flags: number;
  /** MS_* that were named only to be cleared (`rw`, `suid` …). */
  readonly cleared: number;
  readonly propagation: readonly { readonly flag: number; readonly recursive: boolean }[];
  readonly recursive?: { readonly set: number; readonly clear: number };
  readonly idmap?: "top" | "tree";
  readonly tmpcopyup: boolean;
  /** What belongs to the file system, as given. */
  readonly data: readonly string[];
}

/** The options of one mount, later ones winning over earlier ones. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let flags = 0;
  let cleared = 0;
  let recursive: { set: number; clear: number } | undefined;
  let idmap: "top" | "tree" | undefined;
  let tmpcopyup = false;
  const propagation: { flag: number; recursive: boolean }[] = [];
  const data: string[] = [];
  for (const option of options) {
    const flag = flagOptions[option];
    const tree = recursiveOptions[option];
    const propagate = propagationOptions[option];
    if (flag !== undefined) {
      const bits = Math.abs(flag);
      if (flag >= 0) [flags, cleared] = [flags | bits, cleared & ~bits];
      else [flags, cleared] = [flags & ~bits, cleared | bits];
    } else if (tree) {
      recursive ??= { set: 0, clear: 0 };
      recursive.set = (recursive.set & ~tree[1]) | tree[0];
      recursive.clear = (recursive.clear & ~tree[0]) | tree[1];
    } else if (propagate) propagation.push(propagate);
    else if (option === "idmap" || option === "ridmap") idmap = option === "idmap" ? "top" : "tree";
    else if (option === "tmpcopyup") tmpcopyup = true;
    else data.push(option);
  }
  return {
    flags,
    cleared,
    propagation,
    tmpcopyup,
    data,
    ...(recursive && { recursive }),
    ...(idmap && { idmap }),
  };
}

const attributeOf: readonly (readonly [number, number])[] = [
  [MS.RDONLY, MOUNT_ATTR.RDONLY],
  [MS.NOSUID, MOUNT_ATTR.NOSUID],
  [MS.NODEV, MOUNT_ATTR.NODEV],
  [MS.NOEXEC, MOUNT_ATTR.NOEXEC],
  [MS.NOSYMFOLLOW, MOUNT_ATTR.NOSYMFOLLOW],
  [MS.NODIRATIME, MOUNT_ATTR.NODIRATIME],
];

const atimeFlags = MS.NOATIME | MS.NODIRATIME | MS.RELATIME | MS.STRICTATIME;

/** MS_* as MOUNT_ATTR_* of one mount. */
export function attributesOf(flags: number): number {
  let attributes = 0;
  for (const [flag, attribute] of attributeOf) if (flags & flag) attributes |= attribute;
  // Of the two, mount(2) follows the stricter.
  if (flags & MS.STRICTATIME) attributes |= MOUNT_ATTR.STRICTATIME;
  else if (flags & MS.NOATIME) attributes |= MOUNT_ATTR.NOATIME;
  return attributes;
}

/**
 * What mount(2) with MS_REMOUNT|MS_BIND does, for mount_setattr(2): the flags become exactly those given, but the access times' mode stays
 * when none is named.
 */
export function remountOf(flags: number): { set: number; clear: number } {
  const set = attributesOf(flags);
  let all =
    MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC | MOUNT_ATTR.NOSYMFOLLOW;
  if (flags & atimeFlags) all |= MOUNT_ATTR.NODIRATIME;
  return { set, clear: (all & ~set) | (flags & atimeFlags ? MOUNT_ATTR.ATIME : 0) };
}
