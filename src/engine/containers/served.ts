/** Which places of the host another process or machine serves: it may be that it never answers, and then neither does the call. */
import { readFileSync, readlinkSync } from "node:fs";

/** Types of file systems, as proc_pid_mountinfo(5) has them. */
const types =
  /^(?:fuse|fuseblk|fuse\..*|virtiofs|nfs|nfs4|cifs|smb3|9p|ceph|afs|coda|lustre|orangefs|gfs2|ocfs2|autofs)$/;

/** path_resolution(7). */
const mostLinks = 40;

export interface HostView {
  /** The text of /proc/self/mountinfo. */
  readonly mounts: () => string;
  /** Undefined where there is no link. */
  readonly link: (path: string) => string | undefined;
}

const ownView: HostView = {
  mounts: () => readFileSync("/proc/self/mountinfo", "utf8"),
  link: (path) => {
    try {
      return readlinkSync(path);
    } catch {
      return undefined;
    }
  },
};

/**
 * Whether an absolute path leads onto such a place. Walks as the kernel does, name by name, and asks nothing of the place itself. The root of the host is none:
 * with that, all stands still anyway.
 */
export function isServed(path: string, view: HostView = ownView): boolean {
  const places = servedPlaces(view.mounts());
  if (places.size === 0) return false;
  const waiting = path.split("/").toReversed();
  let at = "";
  for (let links = 0; waiting.length > 0;) {
    const name = waiting.pop() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
      continue;
    }
    const next = `${at}/${name}`;
    if (places.has(next)) return true;
    const target = view.link(next);
    if (target === undefined) at = next;
    else {
      if (++links > mostLinks) return false;
      waiting.push(...target.split("/").toReversed());
      if (target.startsWith("/")) at = "";
    }
  }
  return false;
}

/** Field 5 is the place, with \040 for a space; the type stands behind the lone hyphen. */
function servedPlaces(mounts: string): Set<string> {
  const places = new Set<string>();
  for (const line of mounts.split("\n")) {
    const [before = "", behind = ""] = line.split(" - ");
    if (!types.test(behind.split(" ")[0] ?? "")) continue;
    const place = (before.split(" ")[4] ?? "/").replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    if (place !== "/") places.add(place);
  }
  return places;
}
