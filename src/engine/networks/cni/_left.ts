/** Plug-ins of an engine that was killed while they worked: they go on without it, and must not make what a DEL beside them takes away. */
import { readdirSync, readFileSync } from "node:fs";
import { SampanError } from "../../../base/errors.ts";

/** Milliseconds that they are let to end by themselves: one that is killed in the middle of a DEL forgets the rest for ever. Then as many until the kernel has ended them. */
const patience = 5000;
const poll = 5;

/** Each is the leader of a session of its own (_plugin.ts), and has the sandbox's id in its environment. Errors: `unavailable` when the kernel does not end one. */
export async function endLeft(sandbox: string): Promise<void> {
  const left = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOf(name, sandbox));
  if (await haveEnded(left, sandbox)) return;
  for (const pid of left) if (isOf(pid, sandbox)) killGroup(Number(pid));
  if (await haveEnded(left, sandbox)) return;
  throw new SampanError("unavailable", `cannot end plug-ins of sandbox ${sandbox}: ${left.join(", ")}`);
}

async function haveEnded(pids: readonly string[], sandbox: string): Promise<boolean> {
  const end = performance.now() + patience;
  while (pids.some((pid) => isOf(pid, sandbox))) {
    if (performance.now() > end) return false;
    await Bun.sleep(poll);
  }
  return true;
}

/** A process that has ended and that nobody waits for has no environment. */
function isOf(pid: string, sandbox: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    if (!environment.includes(`CNI_CONTAINERID=${sandbox}`)) return false;
    // After the name in brackets, which may hold anything: state, parent, group.
    const [, , group] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return group === pid;
  } catch {
    return false;
  }
}

/** The group of a process; one that has gone is no error. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
