/** Whether this machine has room for what a job brings. KubeEdge's items: cpu, mem, disk. */
import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, loadavg, totalmem } from "node:os";
import { SampanError } from "../../../base/errors.ts";

export interface Machine {
  /** Share of the file system of images that is free, from 0 to 1. */
  freeDisk(): number;
  freeMemory(): number;
  /** Load of the last minute by processor. */
  load(): number;
}

const least = { disk: 0.1, memory: 0.05, load: 2 } as const;

export function thisMachine(root: string): Machine {
  return {
    freeDisk() {
      const { bavail, blocks } = statfsSync(root);
      return blocks === 0 ? 0 : bavail / blocks;
    },
    freeMemory() {
      const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
      return (Number(available ?? 0) * 1024) / totalmem();
    },
    load: () => (loadavg()[0] ?? 0) / availableParallelism(),
  };
}

const percent = (share: number) => `${Math.floor(share * 100)} %`;

/** @throws SampanError failed_precondition for what is short, invalid_argument for an item that is none. */
export function checkMachine(items: readonly string[], machine: Machine): void {
  for (const item of items) {
    if (item === "disk") atLeast("free disk", machine.freeDisk(), least.disk);
    else if (item === "mem") atLeast("free memory", machine.freeMemory(), least.memory);
    else if (item === "cpu") requireIdle(machine.load());
    else
      throw new SampanError(
        "invalid_argument",
        `cannot check ${JSON.stringify(item.slice(0, 40))}: wanted cpu, mem or disk`,
      );
  }
}

function atLeast(what: string, share: number, wanted: number): void {
  if (share < wanted)
    throw new SampanError(
      "failed_precondition",
      `${what} is ${percent(share)}, wanted at least ${percent(wanted)}`,
    );
}

function requireIdle(load: number): void {
  if (load > least.load)
    throw new SampanError(
      "failed_precondition",
      `each processor has a load of ${load.toFixed(1)}, wanted at most ${least.load}`,
    );
}
