/** A bind that is to pass mounts on can do so only from a mount of the host that is shared, or follows one. */
import { readFileSync, realpathSync } from "node:fs";
import { invalid } from "../../base/errors.ts";

/** Errors: `invalid_argument`. */
export function checkPropagation(source: string, propagation: string): void {
  const wanted = propagation.replace(/^r/, "");
  if (wanted !== "shared" && wanted !== "slave") return;
  const found = mountOf(realpathSync(source), readFileSync("/proc/self/mountinfo", "utf8"));
  if (!found || found.shared || (wanted === "slave" && found.follows)) return;
  throw invalid(
    `cannot mount "${source}" ${propagation}: path ${source} is mounted on ${found.point} but it is not a ${wanted === "slave" ? "shared or slave" : "shared"} mount`,
  );
}

interface FoundMount {
  readonly point: string;
  readonly shared: boolean;
  readonly follows: boolean;
}

/** proc_pid_mountinfo(5): of several at one place the last is on top. */
export function mountOf(path: string, mountinfo: string): FoundMount | undefined {
  let best: FoundMount | undefined;
  for (const line of mountinfo.split("\n")) {
    const [before = ""] = line.split(" - ");
    const [, , , , escaped, , ...optional] = before.split(" ");
    if (escaped === undefined) continue;
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(parseInt(octal, 8)),
    );
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    if (!holds || point.length < (best?.point.length ?? 0)) continue;
    const has = (word: string) => optional.some((field) => field.startsWith(word));
    best = { point, shared: has("shared:"), follows: has("master:") };
  }
  return best;
}
