/** Folders of volumes that are not whole yet, or no more: `.new-<process>-<its start>-…` and `.gone-…`. */
import { processStart } from "../../kernel/process.ts";

/** Who makes it: its process id and start. Once that process is gone, nobody does. */
export function halfMadePrefix(): string {
  return `.new-${own()}`;
}

/** Who takes it away. */
export function halfGonePrefix(): string {
  return `.gone-${own()}`;
}

function own(): string {
  return `${process.pid}-${processStart(process.pid)}-`;
}

export function isAbandoned(name: string): boolean {
  const [, pid, start] = /^\.(?:new|gone)-(\d+)-(\d+)-/.exec(name) ?? [];
  return pid !== undefined && processStart(Number(pid)) !== start;
}
