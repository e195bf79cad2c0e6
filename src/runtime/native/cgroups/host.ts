/**
 * What the host has for control groups: which hierarchies are mounted where, and the caller's own place in each. Pure, but for the two
 * small readers at the end. Sources: proc(5) for /proc/self/mountinfo, cgroups(7) for /proc/self/cgroup.
 */
import { isWritable, readText, readTextIfThere } from "../../../kernel/files.ts";

/** One mounted v1 hierarchy. Controllers that are mounted together share it (`cpu,cpuacct`). */
export interface CgroupMount {
  /** Names as in /proc/self/cgroup: `memory`, or `name=systemd` for a hierarchy without controllers. */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The directory of the hierarchy that is seen at the mount point; "/" unless in a container or a bind mount. */
  readonly root: string;
}

export interface CgroupHost {
  /** hybrid is v1 with a cgroup2 tree without controllers beside it; it is driven as v1. none: nothing is mounted. */
  readonly mode: "v1" | "v2" | "hybrid" | "none";
  /** By controller. */
  readonly v1: Readonly<Record<string, CgroupMount>>;
  readonly unified?: { readonly mountPoint: string; readonly root: string };
  /** The caller's own path, by controller; "" is the unified tree. */
  readonly own: Readonly<Record<string, string>>;
}

export interface CgroupSources {
  readonly mountinfo: string;
  readonly selfCgroup: string;
}

/** What planning has to know of files. `read` gives undefined for a file that is not there or cannot be read. */
export interface CgroupFiles {
  read(path: string): string | undefined;
  writable(path: string): boolean;
}

/** Mount options of a v1 hierarchy that name no controller (cgroups(7) and Documentation/admin-guide/cgroup-v1/cgroups.rst). */
const notControllers = new Set(["rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode"]);

/** The host's control groups from the text of /proc/self/mountinfo and /proc/self/cgroup. The first mount of a hierarchy counts. */
export function readCgroupHost(sources: CgroupSources): CgroupHost {
  const v1: Record<string, CgroupMount> = {};
  const unifieds: ParsedMount[] = [];
  const parents = new Set<string>();
  for (const mount of cgroupMounts(sources.mountinfo)) {
    if (mount.type === "cgroup2") {
      unifieds.push(mount);
      continue;
    }
    parents.add(parentOf(mount.mountPoint));
    for (const controller of mount.controllers) v1[controller] ??= mount;
  }
  const own = ownPaths(sources.selfCgroup);
  if (parents.size === 0) {
    const unified = unifieds[0];
    return unified === undefined ? { mode: "none", v1, own } : { mode: "v2", v1, unified, own };
  }
  // A cgroup2 mount somewhere else (a tool's own) does not make a hybrid host: it has to stand beside the v1 hierarchies.
  const beside = unifieds.find((mount) => parents.has(parentOf(mount.mountPoint)));
  return beside === undefined ? { mode: "v1", v1, own } : { mode: "hybrid", v1, unified: beside, own };
}

/** The caller's host: two files are read. */
export function cgroupHost(): CgroupHost {
  return readCgroupHost({
    mountinfo: readText("/proc/self/mountinfo"),
    selfCgroup: readText("/proc/self/cgroup"),
  });
}

/** The real files. */
export const hostFiles: CgroupFiles = { read: readTextIfThere, writable: isWritable };

interface ParsedMount extends CgroupMount {
  readonly type: "cgroup" | "cgroup2";
}

/**
 * The lines of mountinfo with ` - cgroup`; the others are not looked at, since this runs at the start of every container and a host may
 * have thousands of mounts.
 */
function cgroupMounts(mountinfo: string): ParsedMount[] {
  const mounts: ParsedMount[] = [];
  const mark = " - cgroup";
  for (let at = mountinfo.indexOf(mark); at !== -1; at = mountinfo.indexOf(mark, at + 1)) {
    const end = mountinfo.indexOf("\n", at);
    const line = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, end === -1 ? undefined : end);
    const mount = parseMount(line);
    if (mount !== undefined) mounts.push(mount);
  }
  return mounts;
}

/** `31 23 0:28 ROOT MOUNTPOINT rw,relatime shared:1 - cgroup SOURCE rw,memory`; undefined for another file system. */
function parseMount(line: string): ParsedMount | undefined {
  const dash = line.indexOf(" - ");
  const [type, , options = ""] = line.slice(dash + 3).split(" ");
  if (type !== "cgroup" && type !== "cgroup2") return undefined;
  const [, , , root, mountPoint] = line.slice(0, dash).split(" ");
  if (root === undefined || mountPoint === undefined) return undefined;
  const controllers: string[] = [];
  if (type === "cgroup") {
    for (const option of options.split(",")) if (isController(option)) controllers.push(option);
  }
  return { type, controllers, mountPoint: unescape(mountPoint), root: unescape(root) };
}

function isController(option: string): boolean {
  return !notControllers.has(option) && !option.startsWith("release_agent=");
}

/** `4:memory:/a` and `0::/b` as `{memory: "/a", "": "/b"}`. */
function ownPaths(text: string): Record<string, string> {
  const own: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    if (first === -1 || second === -1) continue;
    const path = line.slice(second + 1);
    const names = line.slice(first + 1, second);
    if (names.includes(",")) for (const name of names.split(",")) own[name] = path;
    else own[names] = path;
  }
  return own;
}

/** proc(5): space, tab, newline and backslash are written as three octal digits. */
function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
