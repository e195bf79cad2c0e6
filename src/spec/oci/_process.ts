import type {
  OciCapabilities,
  OciConsoleSize,
  OciCpuAffinity,
  OciIoPriority,
  OciProcess,
  OciRlimit,
  OciScheduler,
  OciUser,
} from "./config.ts";
import type { Fault, ListShape, ShapeOf, TextShape } from "./_shape.ts";
import { absolutePath, flag, int32, show, text, textList, uint32, uint53, uint64 } from "./_shape.ts";
import { parseNumberList } from "./number-list.ts";
import { ioPriorityClasses, rlimitTypes, schedulerFlags, schedulerPolicies } from "./values.ts";

/** An entry without "=" cannot be read back by any program, and runc refuses it. */
const variable: TextShape = { is: "text", like: /^[^=]+=/, wanted: 'a variable as "NAME=value"' };
export const environment: ListShape = { is: "list", of: variable };

const consoleSize: ShapeOf<OciConsoleSize> = {
  is: "object",
  fields: { height: uint32, width: uint32 },
  needs: ["height", "width"],
};

const rlimit: ShapeOf<OciRlimit> = {
  is: "object",
  fields: { type: { is: "name", of: rlimitTypes }, soft: uint64, hard: uint64 },
  needs: ["type", "soft", "hard"],
};

const capabilities: ShapeOf<OciCapabilities> = {
  is: "object",
  fields: {
    bounding: textList,
    effective: textList,
    inheritable: textList,
    permitted: textList,
    ambient: textList,
  },
  needs: [],
};

const scheduler: ShapeOf<OciScheduler> = {
  is: "object",
  fields: {
    policy: { is: "name", of: schedulerPolicies },
    nice: int32,
    priority: int32,
    flags: { is: "list", of: { is: "name", of: schedulerFlags } },
    runtime: uint53,
    deadline: uint53,
    period: uint53,
  },
  needs: ["policy"],
};

const ioPriority: ShapeOf<OciIoPriority> = {
  is: "object",
  fields: { class: { is: "name", of: ioPriorityClasses }, priority: { is: "integer", from: 0, to: 7 } },
  needs: ["class"],
};

const cpuAffinity: ShapeOf<OciCpuAffinity> = {
  is: "object",
  fields: { initial: text, final: text },
  needs: [],
};

const user: ShapeOf<OciUser> = {
  is: "object",
  fields: { uid: uint32, gid: uint32, umask: uint32, additionalGids: { is: "list", of: uint32 } },
  needs: [],
};

/** config.md, "Process". */
export const processShape: ShapeOf<OciProcess> = {
  is: "object",
  fields: {
    terminal: flag,
    consoleSize,
    cwd: absolutePath,
    env: environment,
    args: { is: "list", of: text, least: 1 },
    rlimits: { is: "list", of: rlimit },
    apparmorProfile: text,
    capabilities,
    noNewPrivileges: flag,
    oomScoreAdj: { is: "integer", from: -1000, to: 1000 },
    scheduler,
    selinuxLabel: text,
    ioPriority,
    execCPUAffinity: cpuAffinity,
    user,
  },
  needs: ["cwd", "args"],
};

/** The rules between the fields of a process, for `create` and for `exec`. Paths are relative to the process. */
export function findProcessFault(process: OciProcess): Fault | undefined {
  return (
    findConsoleFault(process) ??
    findRlimitFault(process.rlimits ?? []) ??
    findSchedulerFault(process.scheduler) ??
    findCpuListFault(process.execCPUAffinity)
  );
}

/** struct winsize has 16 bits for each; without a terminal the size must be ignored. */
function findConsoleFault({ terminal, consoleSize: size }: OciProcess): Fault | undefined {
  if (terminal !== true || size === undefined) return undefined;
  for (const side of ["height", "width"] as const) {
    if (size[side] > 65_535) return { at: `.consoleSize.${side}`, is: `${size[side]} is above 65535` };
  }
  return undefined;
}

function findRlimitFault(rlimits: OciRlimit[]): Fault | undefined {
  const seen = new Set<string>();
  for (const [index, { type, soft, hard }] of rlimits.entries()) {
    if (seen.has(type)) return { at: `.rlimits[${index}].type`, is: `${show(type)} is there twice` };
    if (soft > hard) return { at: `.rlimits[${index}].soft`, is: `${soft} is above the hard limit ${hard}` };
    seen.add(type);
  }
  return undefined;
}

/** sched_setattr(2): which attributes belong to which policy. */
function findSchedulerFault(attributes: OciScheduler | undefined): Fault | undefined {
  if (attributes === undefined) return undefined;
  const { policy, nice = 0, priority = 0 } = attributes;
  const is = (...policies: string[]) => policies.includes(policy);
  if (is("SCHED_OTHER", "SCHED_BATCH") && (nice < -20 || nice > 19)) {
    return { at: ".scheduler.nice", is: `${nice} is out of range, wanted -20 to 19` };
  }
  if (priority !== 0 && !is("SCHED_FIFO", "SCHED_RR")) {
    return { at: ".scheduler.priority", is: `${priority} is set, but only SCHED_FIFO and SCHED_RR have one` };
  }
  if (is("SCHED_DEADLINE")) return undefined;
  for (const name of ["runtime", "deadline", "period"] as const) {
    const value = attributes[name] ?? 0;
    if (value !== 0)
      return { at: `.scheduler.${name}`, is: `${value} is set, but only SCHED_DEADLINE has one` };
  }
  return undefined;
}

function findCpuListFault(affinity: OciCpuAffinity | undefined): Fault | undefined {
  for (const stage of ["initial", "final"] as const) {
    const list = affinity?.[stage];
    if (list === undefined || parseNumberList(list) !== undefined) continue;
    return { at: `.execCPUAffinity.${stage}`, is: `${show(list)} does not fit, wanted a list like "0-3,7"` };
  }
  return undefined;
}
