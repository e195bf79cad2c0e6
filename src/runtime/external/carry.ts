/** `create` and `exec` of another program under a monitor: it gets the process's streams, and the monitor the process that it leaves behind. */
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere, remove } from "../../kernel/files.ts";
import { monitorSocket } from "../monitor/socket.ts";
import { consoleName } from "../monitor/protocol.ts";
import { launchBeside } from "../native/beside.ts";
import { carried } from "../native/plan/compile/monitor.ts";
import { op, type Plan } from "../native/plan/operations.ts";
import type { MonitorRequest } from "../runtime.ts";
import { errorOf, type Program } from "./command.ts";

export interface Carry {
  readonly program: Program;
  /** The verb and its options. */
  readonly words: readonly string[];
  readonly id: string;
  /** Where the program begins. */
  readonly folder: string;
  readonly monitor: MonitorRequest;
  readonly patience: number;
  readonly signal?: AbortSignal | undefined;
}

const programDeadlineMs = 120_000;

/** Errors: what the program wrote into its log. */
export async function carryCommand(carry: Carry): Promise<{ readonly pid: number }> {
  const { program, id, monitor, folder, patience, signal } = carry;
  const log = `${monitor.folder}/runtime.log`;
  const pidFile = `${monitor.folder}/pid`;
  for (const path of [log, pidFile]) remove(path);
  using socket = monitorSocket(monitor.folder);
  const consoleFd = monitor.stdio.terminal ? socket.console() : undefined;
  // An address has room for 107 bytes: the program finds the folder by this process's descriptor.
  const console = `/proc/${process.pid}/fd/${socket.folderFd}/${consoleName}`;
  const plan = planOf(carry, { log, pidFile, ...(consoleFd !== undefined && { console }) });
  const carrying = {
    monitor,
    socketFd: socket.fd,
    folder,
    patience,
    finish: true,
    ...(consoleFd !== undefined && { consoleFd }),
  };
  try {
    const { pid, keep } = await launchBeside(carried(plan, carrying), {
      fds: [socket.fd, ...(consoleFd === undefined ? [] : [consoleFd])],
      ...(signal && { signal }),
    });
    keep?.();
    socket.keep();
    return { pid };
  } catch (error) {
    const said = readTextIfThere(log) ?? "";
    if (said === "" || SampanError.from(error).code === "cancelled") throw error;
    throw errorOf(`${carry.words[0]} container "${id}" by runtime "${program.name}"`, said);
  }
}

interface Files {
  readonly log: string;
  readonly pidFile: string;
  readonly console?: string;
}

function planOf(
  { program: { path, args, root, name }, words, id }: Carry,
  { log, pidFile, console }: Files,
): Plan {
  const why = `runtime "${name}"`;
  const terminal = console === undefined ? [] : ["--console-socket", console];
  const head = [path, ...args, "--root", root, "--log", log, "--log-format", "json"];
  const argv = [...head, ...words, "--pid-file", pidFile, ...terminal, id];
  const env = Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ""}`);
  return {
    parent: [
      op("run", { path, argv, env, timeout: programDeadlineMs }, why),
      op("read_pid", { path: pidFile }, why),
    ],
    middle: [],
    init: [],
  };
}
