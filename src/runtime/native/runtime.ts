/** The runtime's contract by plans and the launcher, in the caller's own process. */
import { SampanError } from "../../base/errors.ts";
import type { CreateTask, ExecTask, MonitorRequest, Runtime } from "../runtime.ts";
import { monitorSocket } from "../monitor/socket.ts";
import { oomKillsAbove } from "./cgroups/events.ts";
import { oomKills } from "./cgroups/stats.ts";
import { create, readBundle, type RuntimeContext } from "./create.ts";
import { deleteContainer } from "./delete.ts";
import { exec } from "./exec.ts";
import { kill } from "./kill.ts";
import { pause } from "./pause.ts";
import { containerPids } from "./ps.ts";
import { resume } from "./resume.ts";
import { start } from "./start.ts";
import { cgroupDirs, loadState, statusOf } from "./state.ts";
import { runtimeStats } from "./stats.ts";
import { update } from "./update.ts";

export interface NativeOptions {
  /** Absolute: where the containers' folders are. */
  readonly root: string;
  /** A sentence for the log that is no error. */
  readonly warn: (text: string) => void;
  /** How long a client that is attached may take no byte, in milliseconds. */
  readonly patience?: number;
}

export function nativeRuntime({ root, warn, patience = 10_000 }: NativeOptions): Runtime {
  const context: RuntimeContext = { root, warn, rootless: false, systemdCgroup: false, shared: true };
  const parts = { context, patience };
  return {
    name: "native",
    cannot: new Set(),
    create: (request, signal) => createTask(parts, request, signal),
    start: (id) => start(context, id),
    exec: (request, signal) => execTask(parts, request, signal),
    kill: (id, signal, { all = false } = {}) => kill(context, id, { signal, all }),
    pause: (id) => pause(context, id),
    resume: (id) => resume(context, id),
    update: (id, resources) => update(context, id, { resources }),
    processes: async (id) => await Promise.resolve(containerPids(context, id)),
    stats: async (id) => await Promise.try(() => runtimeStats(cgroupDirs(loadState(root, id)))),
    oomKills: async (id) => await Promise.try(() => oomKills(cgroupDirs(loadState(root, id)))),
    oomKillsAbove: (id, since, signal) => oomKillsAbove(cgroupDirs(loadState(root, id)), since, signal),
    state: (id) => stateOf(root, id),
    delete: (id, { force }) => deleteContainer(context, id, force),
  };
}

interface Parts {
  readonly context: RuntimeContext;
  readonly patience: number;
}

async function createTask(
  { context, patience }: Parts,
  { id, bundle, monitor }: CreateTask,
  signal?: AbortSignal,
): Promise<{ pid: number }> {
  const read = readBundle(bundle);
  const { process } = read.config;
  checkTerminal(monitor, process.terminal === true);
  read.config.process = { ...process, ...sizeOf(monitor) };
  using socket = monitorSocket(monitor.folder);
  const { state } = await create(context, {
    id,
    bundle,
    read,
    preserveFds: 0,
    carrying: { monitor, socketFd: socket.fd, patience },
    ...(monitor.stdio.terminal && { console: { carried: true } as const }),
    ...(signal && { signal }),
  });
  socket.keep();
  return { pid: state.init_process_pid };
}

async function execTask(
  { context, patience }: Parts,
  { id, process, monitor }: ExecTask,
  signal?: AbortSignal,
): Promise<{ pid: number }> {
  checkTerminal(monitor, process.terminal === true);
  using socket = monitorSocket(monitor.folder);
  const pid = await exec(context, {
    id,
    process: { ...process, ...sizeOf(monitor) },
    detach: true,
    ignorePaused: false,
    preserveFds: 0,
    noSubreaper: true,
    carrying: { monitor, socketFd: socket.fd, patience },
    ...(monitor.stdio.terminal && { console: { carried: true } as const }),
    ...(signal && { signal }),
  });
  socket.keep();
  return { pid };
}

function checkTerminal({ stdio }: MonitorRequest, terminal: boolean): void {
  if (stdio.terminal === terminal) return;
  throw new SampanError(
    "invalid_argument",
    `cannot use process.terminal ${terminal}: its monitor was asked for ${stdio.terminal ? "a" : "no"} terminal`,
  );
}

function sizeOf({ stdio: { size } }: MonitorRequest) {
  return size && { consoleSize: { height: size.rows, width: size.columns } };
}

async function stateOf(root: string, id: string): ReturnType<Runtime["state"]> {
  try {
    const state = loadState(root, id);
    const status = await statusOf(root, state);
    return { status, pid: status === "stopped" ? 0 : state.init_process_pid };
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
}
