/** The monitors that live on this host, whoever made them: found by the name that they give themselves and the folder that they hold open. */
import { readdirSync, readlinkSync } from "node:fs";
import { readTextIfThere } from "../../kernel/files.ts";

export interface MonitorProcess {
  readonly pid: number;
  /** As the kernel tells it: with ` (deleted)` behind, when it is gone. */
  readonly folder: string;
}

/** Those of a folder and of the folders below it. Looks at each process of the host. */
export function monitorsOf(folder: string): MonitorProcess[] {
  return readdirSync("/proc")
    .filter(
      (name) => /^\d+$/.test(name) && readTextIfThere(`/proc/${name}/comm`)?.trim() === "sampan-monitor",
    )
    .flatMap((name) => {
      const held = openFiles(name).find(
        (path) => (path === folder || path.startsWith(`${folder}/`)) && !path.endsWith(".sock"),
      );
      return held === undefined ? [] : [{ pid: Number(name), folder: held }];
    });
}

/** What is closed meanwhile is passed over, and so is one that has ended. */
function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}
