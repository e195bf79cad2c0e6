/** A container's control groups as the host sees them: every file that says what was asked for. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Files that tell what has happened and not what was set. */
const accounts =
  /stat|usage|failcnt|numa|pressure|events|io_service|io_wait|io_queued|io_merged|sectors|current|peak|force_empty|reclaim|event_control|procs|tasks|threads|state$|self_freezing|parent_freezing|throttle\.io_|\.time|time_recursive/;

interface Hierarchy {
  readonly controllers: string;
  readonly place: string;
}

function hierarchies(): Hierarchy[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const place = before.split(" ")[4] ?? "";
      return {
        place,
        controllers: after.startsWith("cgroup2") ? "" : place.slice(place.lastIndexOf("/") + 1),
      };
    });
}

/** For each hierarchy where the process is, and what the files there say; a field for each hierarchy. */
export function cgroupFiles(pid: number): Record<string, string[]> {
  const seen: Record<string, string[]> = {};
  for (const line of readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n")) {
    const [, names = "", path = ""] = line.split(":");
    const name = names.replace("name=", "");
    const hierarchy = hierarchies().find(({ controllers }) => controllers === name);
    if (!hierarchy) continue;
    seen[`cgroup ${name}`] = [path, ...filesOf(join(hierarchy.place, path), path)];
  }
  return seen;
}

/** A process that was left in a cgroup which is not its own says nothing of the container. */
function filesOf(folder: string, path: string): string[] {
  if (!/sd\d+-/.test(path)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted()
    .flatMap((name) => (accounts.test(name) ? [name] : [`${name}: ${content(join(folder, name))}`]));
}

function content(path: string): string {
  try {
    return readFileSync(path, "utf8").trim().replaceAll("\n", "; ");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "cannot be read";
  }
}

/** Folders named after a container, in any hierarchy, at any of the places where cgroupsPath can put it. */
export function cgroupsNamed(id: string, group: string): string[] {
  const own = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .map((line) => line.split(":")[2] ?? "/");
  const tops = new Set(["/", ...own]);
  return hierarchies().flatMap(({ place }) =>
    [...tops]
      .flatMap((top) =>
        ["", group, `${group}/some/where`, `${group}/some`, `${group}/deep/er`].map((part) =>
          join(place, top, part, id),
        ),
      )
      .filter(existsSync),
  );
}
