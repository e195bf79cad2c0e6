/** ps: the processes of a container, as numbers or as the host's ps(1) tells of them. */
import { SampanError } from "../../base/errors.ts";
import { cgroupPids } from "./cgroups/procs.ts";
import type { RuntimeContext } from "./create.ts";
import { cgroupDirs, loadState } from "./state.ts";

/** Process ids as the caller's pid namespace numbers them. None for a stopped container. */
export function containerPids(context: RuntimeContext, id: string): number[] {
  return cgroupPids(cgroupDirs(loadState(context.root, id)));
}

/** What `ps` with these options says of the container's processes, the headline first. Errors: ps(1)'s own text. */
export function ps(context: RuntimeContext, id: string, options: readonly string[]): string {
  const pids = containerPids(context, id);
  const program = Bun.which("ps");
  if (program === null)
    throw new SampanError("not_found", 'cannot run "ps": executable file not found in $PATH');
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, ...(options.length > 0 ? options : ["-ef"])]);
  if (exitCode !== 0)
    throw new SampanError(
      "unknown",
      `cannot run "ps": exit status ${exitCode}: ${String(stdout)}${String(stderr)}`.trimEnd(),
    );
  return linesOf(String(stdout), new Set(pids));
}

/** The headline, and the lines whose PID is one of these. Errors: `invalid_argument` where the headline has no PID. */
export function linesOf(output: string, pids: ReadonlySet<number>): string {
  const [headline = "", ...lines] = output.split("\n");
  const column = headline.trim().split(/\s+/).indexOf("PID");
  if (column < 0) throw new SampanError("invalid_argument", "couldn't find PID field in ps output");
  const chosen = lines.filter((line) => line !== "" && pids.has(pidIn(line, column)));
  return [headline, ...chosen, ""].join("\n");
}

function pidIn(line: string, column: number): number {
  const text = line.trim().split(/\s+/)[column] ?? "";
  if (/^\d+$/.test(text)) return Number(text);
  throw new SampanError("invalid_argument", `unable to parse pid: "${text}" in ps output is no number`);
}
