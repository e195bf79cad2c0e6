/**
 * A plan that a monitor carries: the monitor's own stage, which makes the standard streams, and the parent's, which takes them before anything else.
 * Pure. Everything that the caller's process would lend a plan of the command line (folder, mask, descriptors) is set here instead.
 */
import { O, PR } from "../../../../kernel/linux.ts";
import type { MonitorRequest } from "../../../runtime.ts";
import { op, slot, type Operation, type Plan } from "../operations.ts";
import { stage } from "./context.ts";
import { heldFiles, openFiles } from "./files.ts";

export interface Carrying {
  readonly monitor: MonitorRequest;
  /** Descriptor of the monitor's socket, listening. */
  readonly socketFd: number;
  /** Descriptor of the socket on which another program sends the terminal; without it a pair of the plan's own is made. */
  readonly consoleFd?: number;
  /** Where hooks and programs begin. */
  readonly folder: string;
  /** How long a client may take no byte, and how long output that is held waits for one, in milliseconds. */
  readonly patience: number;
  /** The parent's stage runs a program that only itself can take back what it has done: it is not ended in the middle. */
  readonly finish?: boolean;
}

/** Of the client for whom output is held, in milliseconds: it is his alone, and to let him go would be to lose it. Whoever serves him ends what does not move. */
const ownersPatience = 4 * 60 * 60 * 1000;

const why = "monitor";
const any = { errnos: "any" } as const;

/** PR_SET_CHILD_SUBREAPER of prctl(2). */
const subreaper = 36;

export function carried(plan: Plan, carrying: Carrying): Plan {
  const { monitor, socketFd, folder, patience, finish } = carrying;
  const { log } = monitor;
  const list: Operation[] = [
    op("setsid", {}, why),
    op("umask", { mask: 0o022 }, why),
    op("prctl", { option: PR.SET_DUMPABLE, a: 0 }, why),
    op("prctl", { option: subreaper, a: 1 }, why),
    op("adopt", { fd: socketFd, out: slot.monitorSocket }, why),
    op("open", { path: monitor.folder, flags: O.PATH | O.DIRECTORY, out: slot.monitorFolder }, why),
  ];
  if (log)
    list.push(
      op("carry_log", { path: log.path, maxSize: log.maxSize, maxFiles: log.maxFiles }, "monitor.log"),
    );
  list.push(...openStreams(carrying), op("chdir", { path: folder }, "bundle"));
  list.push(op("clone", { stage: stage.parent }, why), op("chdir", { path: "/" }, why));
  // After the clone: nobody shall inherit it.
  list.push(op("write", { path: "/proc/self/oom_score_adj", data: "-999" }, why, any));
  const hold = monitor.stdio.hold ? patience : 0;
  list.push(
    carriedStreams(monitor),
    ...(monitor.stdio.files ? [heldFiles(monitor.stdio)] : []),
    op(
      "carry",
      {
        socket: slot.monitorSocket,
        folder: slot.monitorFolder,
        patience: monitor.stdio.hold ? ownersPatience : patience,
        hold,
        ...(finish && { finish: 1 }),
      },
      why,
    ),
  );
  return { ...plan, parent: [...takeStreams(monitor), ...plan.parent], monitor: list };
}

function openStreams({ monitor: { stdio }, consoleFd }: Carrying): Operation[] {
  const from = "stdio";
  if (stdio.terminal && consoleFd !== undefined)
    return [op("adopt", { fd: consoleFd, out: slot.console }, from), ...openFiles(stdio)];
  if (stdio.terminal)
    return [op("socketpair", { a: slot.console, b: slot.consoleSocket }, from), ...openFiles(stdio)];
  if (stdio.files) return openFiles(stdio);
  const list = [
    op("pipe", { a: slot.output, b: slot.theirOutput }, from),
    op("pipe", { a: slot.errors, b: slot.theirErrors }, from),
  ];
  if (stdio.stdin !== "none") list.push(op("pipe", { a: slot.theirInput, b: slot.input }, from));
  return list;
}

function carriedStreams({ stdio }: MonitorRequest): Operation {
  const once = stdio.stdin === "once" ? 1 : 0;
  const { rows = 0, columns = 0 } = stdio.size ?? {};
  if (stdio.terminal)
    return op("carry_stdio", { console: slot.console, once, size: rows * 65536 + columns }, "stdio");
  const input = stdio.stdin === "none" ? {} : { input: slot.input };
  if (stdio.files) return op("carry_stdio", { ...(stdio.files.stdin?.fifo && input), once }, "stdio");
  return op("carry_stdio", { ...input, output: slot.output, errors: slot.errors, once }, "stdio");
}

/** The parent ends with its monitor, and what it clones and runs has the streams. Without one its standard input is /dev/null already. */
function takeStreams({ stdio }: MonitorRequest): Operation[] {
  const list: Operation[] = [op("prctl", { option: PR.SET_PDEATHSIG, a: 9 }, why)];
  if (stdio.terminal) return list;
  if (stdio.stdin !== "none") list.push(op("dup", { slot: slot.theirInput, fd: 0 }, "stdio"));
  list.push(
    op("dup", { slot: slot.theirOutput, fd: 1 }, "stdio"),
    op("dup", { slot: slot.theirErrors, fd: 2 }, "stdio"),
  );
  return list;
}
