/**
 * What plug-ins leave running: those that are too slow have started others, and those of an engine that was killed go on without it. All of them have the environment that the first of them got. A process
 * group of their own would need a session of their own (there is no other way to one), and the kernel schedules sessions against each other: a plug-in would take twice as long on a busy machine.
 */
import { readdirSync, readFileSync } from "node:fs";
import { SampanError } from "../../../base/errors.ts";

/** Milliseconds that those of a killed engine are let to end by themselves: one that is killed in the middle of a DEL forgets the rest for ever. And as many until the kernel has ended who was killed. */
const patience = 5000;
const poll = 5;

interface Process {
  readonly pid: number;
  readonly session: number;
}

/** Processes with this variable: `CNI_CONTAINERID=…`. One that has ended and that nobody waits for has none. */
function having(variable: string): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, "utf8").split("\0").includes(variable)) return [];
      // After the name in brackets, which may hold anything: state, parent, group, session.
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      return [{ pid: Number(name), session: Number(fields[3]) }];
    } catch {
      return [];
    }
  });
}

/** Errors: `unavailable` when the kernel does not end one. */
export async function killThose(variable: string): Promise<void> {
  const end = performance.now() + patience;
  for (let left = having(variable); left.length > 0; left = having(variable)) {
    for (const { pid } of left) kill(pid);
    if (performance.now() > end)
      throw new SampanError("unavailable", `cannot end plug-ins: ${left.map(({ pid }) => pid).join(", ")}`);
    await Bun.sleep(poll);
  }
}

/** Before a DEL of what another engine has attached under this id. A process that has made itself the leader of a session was left for a longer time on purpose; DEL is what ends it. Errors: `unavailable`. */
export async function endLeft(id: string): Promise<void> {
  const variable = `CNI_CONTAINERID=${id}`;
  const end = performance.now() + patience;
  while (having(variable).some(({ pid, session }) => pid !== session)) {
    if (performance.now() > end) return await killThose(variable);
    await Bun.sleep(poll);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
