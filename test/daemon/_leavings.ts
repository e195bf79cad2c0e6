/** What a test's containers leave on the host when the test ends in the middle: processes whose files, cgroups and sockets name the test's folder. */
import { readdirSync, readFileSync } from "node:fs";

/** Ends every process that has the folder in its command line, and what it is the parent of. */
export async function endContainers(folder: string): Promise<void> {
  const own = pids().filter((pid) => pid !== process.pid && textOf(pid, "cmdline").includes(folder));
  for (const pid of own) {
    for (const child of childrenOf(pid)) kill(child);
    kill(pid);
  }
  while (own.some((pid) => isAlive(pid))) await Bun.sleep(5);
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function textOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function childrenOf(pid: number): number[] {
  return textOf(pid, `task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  const stat = textOf(pid, "stat");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
