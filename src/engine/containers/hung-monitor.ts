/** Monitors that hang: they answer nobody, and would be there for ever. */
import { killProcess } from "../../kernel/libc.ts";
import { monitorsOf } from "./monitor-processes.ts";

const SIGKILL = 9;

/** Those of a container's folder, of its execs too. Looks at each process of the host: for what is rare. */
export function killMonitors(folder: string): void {
  for (const { pid } of monitorsOf(folder)) killProcess(pid, SIGKILL);
}
