/**
 * Where a container's control groups are. Same rules as runc 1.3 (libcontainer's fs and fs2 managers, systemd's v1 and v2 ones):
 * an absolute cgroupsPath is below the mount point; a relative one, or the container's id in its absence, is below the caller's own
 * cgroup on v1, and beside it on v2 (a cgroup with processes in it cannot have children with controllers). Pure.
 */
import { invalid, SampanError } from "../../../base/errors.ts";
import type { CgroupHost, CgroupMount } from "./host.ts";
import { parseSystemdPath, scopePath } from "./systemd/unit.ts";

/** The v1 hierarchies that a container joins, in the order in which runc does. */
export const v1Controllers = [
  "cpuset",
  "devices",
  "memory",
  "cpu",
  "cpuacct",
  "pids",
  "blkio",
  "hugetlb",
  "net_cls",
  "net_prio",
  "perf_event",
  "freezer",
  "rdma",
  "name=systemd",
  "misc",
] as const;

export interface CgroupPaths {
  readonly version: 1 | 2;
  /** By controller, absolute; "" is the unified tree (all there is on v2, beside the others on a hybrid host). What runc's state calls cgroup_paths. */
  readonly dirs: Readonly<Record<string, string>>;
  /** For each of `dirs` the directory above it that is known to exist: what is between has to be made. */
  readonly bases: Readonly<Record<string, string>>;
  /** v2: where the tree is mounted. */
  readonly mount?: string;
  /** Whether cgroupsPath was given: only without it is a rootless caller's lack of rights passed over. */
  readonly explicit: boolean;
}

export interface CgroupPathOptions {
  readonly cgroupsPath?: string | undefined;
  readonly id: string;
  readonly host: CgroupHost;
  readonly driver: "cgroupfs" | "systemd";
  readonly rootless?: boolean;
  /** For a rootless caller with the systemd driver: the cgroup of the user's systemd (its property ControlGroup). */
  readonly userManager?: string | undefined;
}

/**
 * Errors: `failed_precondition` when no hierarchy is mounted, or on v1 not the devices one (a container without device rules could
 * reach all of the host's devices); `invalid_argument` for a systemd path of another form than `slice:prefix:name`.
 */
export function cgroupPaths(options: CgroupPathOptions): CgroupPaths {
  const { host } = options;
  const explicit = (options.cgroupsPath ?? "") !== "";
  if (options.driver === "systemd") return systemdPaths(options, explicit);
  const inner = innerPath(options.cgroupsPath ?? "", options.id);
  if (host.mode === "v2") return v2Paths(host, inner, explicit);
  return v1Paths({ host, inner, explicit, rootless: options.rootless === true });
}

function v2Paths(host: CgroupHost, inner: string, explicit: boolean): CgroupPaths {
  const mount = host.unified?.mountPoint ?? "/sys/fs/cgroup";
  if (inner.startsWith("/")) {
    return { version: 2, dirs: { "": joined(mount, inner) }, bases: { "": mount }, mount, explicit };
  }
  const own = below(host.unified?.root ?? "/", host.own[""] ?? "/");
  const base = joined(mount, own.slice(0, own.lastIndexOf("/")));
  return { version: 2, dirs: { "": joined(base, inner) }, bases: { "": base }, mount, explicit };
}

interface V1Options {
  readonly host: CgroupHost;
  readonly inner: string;
  readonly explicit: boolean;
  readonly rootless: boolean;
}

function v1Paths({ host, inner, explicit, rootless }: V1Options): CgroupPaths {
  const dirs: Record<string, string> = {};
  const bases: Record<string, string> = {};
  const add = (name: string, mount: Pick<CgroupMount, "mountPoint" | "root">): void => {
    const own = host.own[name];
    if (inner.startsWith("/")) bases[name] = mount.mountPoint;
    else if (own !== undefined) bases[name] = joined(mount.mountPoint, below(mount.root, own));
    else return;
    dirs[name] = joined(bases[name], inner);
  };
  for (const name of v1Controllers) {
    const mount = host.v1[name];
    if (mount !== undefined) add(name, mount);
  }
  if (host.unified !== undefined) add("", host.unified);
  if (dirs["devices"] === undefined && !rootless) {
    throw new SampanError(
      "failed_precondition",
      `cannot place container "${inner}" in control groups: the devices hierarchy is not mounted, /proc/self/mountinfo was read`,
    );
  }
  return { version: 1, dirs, bases, explicit };
}

function systemdPaths(options: CgroupPathOptions, explicit: boolean): CgroupPaths {
  const { host } = options;
  const rootless = options.rootless === true;
  if (rootless && host.mode !== "v2") {
    throw new SampanError(
      "failed_precondition",
      `cannot place container "${options.id}" in control groups: the systemd driver needs cgroup v2 for an ordinary user, ${host.mode} is mounted`,
    );
  }
  const unit = parseSystemdPath(options.cgroupsPath, options.id, rootless ? "user.slice" : "system.slice");
  const inner = `${options.userManager ?? ""}${scopePath(unit)}`;
  if (host.mode === "v2") return v2Paths(host, inner, explicit);
  return v1Paths({ host, inner, explicit, rootless: false });
}

/** The path asked for, or the id; cleaned so that ".." cannot leave the hierarchy. Absolute stays absolute. */
function innerPath(cgroupsPath: string, id: string): string {
  if (cgroupsPath.includes("\0")) {
    throw invalid(`cannot use linux.cgroupsPath "${cgroupsPath}": it has a NUL byte, a path was wanted`);
  }
  return cleanPath(cgroupsPath) || cleanPath(id);
}

/** Lexically: no empty, "." or ".." element is left; ".." at the top is dropped, so nothing above the start is reached. */
export function cleanPath(path: string): string {
  if (path === "") return "";
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  const text = parts.join("/");
  if (path.startsWith("/")) return `/${text}`;
  return text === "" ? "." : text;
}

/** Paths in /proc/self/cgroup are the hierarchy's; what is mounted may be only the part at `root` (in a container). */
function below(root: string, path: string): string {
  if (path === "/") return "/";
  if (root === "/" || root.startsWith("/..")) return cleanPath(path);
  if (path === root) return "/";
  return path.startsWith(`${root}/`) ? path.slice(root.length) : cleanPath(path);
}

function joined(base: string, inner: string): string {
  const path = `${base}/${inner}`;
  // Most are clean, and there are two for each hierarchy.
  return path.includes("//") || path.includes("/.") || path.endsWith("/") ? cleanPath(path) : path;
}
