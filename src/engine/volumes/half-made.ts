/** Folders of volumes that are not whole yet: `.new-<process>-<its start>-…`. */
import { processStart } from "../../kernel/process.ts";

/** Who makes it: its process id and start. Once that process is gone, nobody does. */
export function halfMadePrefix(): string {
  return `.new-${process.pid}-${processStart(process.pid)}-`;
}

export function isAbandoned(name: string): boolean {
  const [, pid, start] = /^\.new-(\d+)-(\d+)-/.exec(name) ?? [];
  return pid !== undefined && processStart(Number(pid)) !== start;
}
