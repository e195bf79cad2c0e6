/** Monitors that hang: they answer nobody, and would be there for ever. They are found by the name that they give themselves and the folder that they hold open. */
import { readdirSync, readlinkSync } from "node:fs";
import { readTextIfThere } from "../../kernel/files.ts";
import { killProcess } from "../../kernel/libc.ts";

const SIGKILL = 9;

/** Those of a container's folder, of its execs too. Looks at each process of the host: for what is rare. */
export function killMonitors(folder: string): void {
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name) && isMonitor(name) && holds(name, folder)) killProcess(Number(name), SIGKILL);
}

function isMonitor(pid: string): boolean {
  return readTextIfThere(`/proc/${pid}/comm`)?.trim() === "sampan-monitor";
}

function holds(pid: string, folder: string): boolean {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return links.some((path) => path === folder || path.startsWith(`${folder}/`));
  } catch {
    // It has ended meanwhile.
    return false;
  }
}
