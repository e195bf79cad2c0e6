/** exec: a further process in a running container. */
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere, exists } from "../../kernel/files.ts";
import { closeFd, openPidFd, readLink, setCloseOnExec, setSubreaper, socketPair } from "../../kernel/libc.ts";
import { CLONE } from "../../kernel/linux.ts";
import type { OciProcess } from "../../spec/oci/config.ts";
import { checkStatus } from "../runtime.ts";
import { cgroupHost } from "./cgroups/host.ts";
import type { RuntimeContext } from "./create.ts";
import { writePidFile } from "./create.ts";
import { filterOf } from "./filter.ts";
import { readHost } from "./host.ts";
import { becomeLauncher, launch } from "./launch.ts";
import type { Console } from "./plan/compile/context.ts";
import { compileExec } from "./plan/compile/exec.ts";
import { compileForeground } from "./plan/compile/foreground.ts";
import type { Carrying } from "./plan/compile/monitor.ts";
import type { Plan } from "./plan/operations.ts";
import { sizedAsOwn } from "./run.ts";
import { readSettings } from "./settings.ts";
import { ociState } from "./start.ts";
import { isAlive, loadState, statusOf, type ContainerState } from "./state.ts";

export interface ExecRequest {
  readonly id: string;
  readonly process: OciProcess;
  readonly detach: boolean;
  readonly ignorePaused: boolean;
  readonly console?: Exclude<Console, { readonly fd: number }>;
  /** The monitor that carries the process; `detach` then. */
  readonly carrying?: Omit<Carrying, "folder">;
  readonly signal?: AbortSignal;
  readonly pidFile?: string;
  readonly pidfdSocket?: string;
  readonly preserveFds: number;
  readonly noSubreaper: boolean;
  readonly environment?: readonly string[];
  /** `--cgroup`: sub-cgroups, by controller or "" for all. */
  readonly cgroup?: Readonly<Record<string, string>>;
}

/** By the name of the link in /proc/PID/ns. */
const namespaceFlags: readonly (readonly [string, number])[] = [
  ["user", CLONE.NEWUSER],
  ["pid", CLONE.NEWPID],
  ["mnt", CLONE.NEWNS],
  ["ipc", CLONE.NEWIPC],
  ["uts", CLONE.NEWUTS],
  ["net", CLONE.NEWNET],
  ["cgroup", CLONE.NEWCGROUP],
  ["time", CLONE.NEWTIME],
];

/** Returns the process's id for a detached one; in the foreground it does not return. Errors: `failed_precondition` naming the status. */
export async function exec(context: RuntimeContext, request: ExecRequest): Promise<number> {
  const state = loadState(context.root, request.id);
  const status = await statusOf(context.root, state);
  if (status !== "paused" || !request.ignorePaused) checkStatus("exec", request.id, status);
  const asked = withDefaults(request.process, state.spec.process);
  const terminal = asked.terminal === true;
  if (terminal && request.detach && !request.console) {
    throw new SampanError(
      "invalid_argument",
      "cannot use process.terminal: cannot allocate tty if runc will detach without setting console socket",
    );
  }
  const ends = terminal && !request.console ? socketPair(1) : undefined;
  if (ends) setCloseOnExec(ends[1], false);
  if (!request.detach && !request.noSubreaper) setSubreaper();
  const console = ends ? { fd: ends[1] } : request.console;
  const own = { ...request, process: ends ? await sizedAsOwn(asked) : asked };
  // Held back until the launcher has all signals blocked: none is lost, and none ends the runtime alone.
  const gate = request.detach ? undefined : socketPair(1);
  if (gate) setCloseOnExec(gate[1], false);
  const target = { state, ...(console && { console }), ...(gate && { gateFd: gate[1] }) };
  const pid = await launchExec(context, own, target);
  if (request.pidFile !== undefined) writePidFile(request.pidFile, pid);
  if (request.pidfdSocket !== undefined)
    await (await import("./pidfd-socket.ts")).sendPidFd(request.pidfdSocket, pid);
  if (!gate) return pid;
  closeFd(gate[1]);
  for (const fd of [gate[0], ...(ends ? [ends[0]] : [])]) setCloseOnExec(fd, false);
  return await becomeLauncher(
    compileForeground({ pid, gateFd: gate[0], ...(ends && { consoleFd: ends[0] }) }),
  );
}

/** What a further process does not say of itself it has from the container, as with runc. */
function withDefaults(process: OciProcess, container: OciProcess): OciProcess {
  const { capabilities, apparmorProfile, selinuxLabel, oomScoreAdj, user } = container;
  const umask = process.user?.umask ?? user?.umask;
  return {
    ...(capabilities && { capabilities }),
    ...(apparmorProfile && { apparmorProfile }),
    ...(selinuxLabel && { selinuxLabel }),
    ...(oomScoreAdj !== undefined && { oomScoreAdj }),
    ...process,
    user: { ...process.user, ...(umask !== undefined && { umask }) },
  };
}

interface Target {
  readonly state: ContainerState;
  readonly console?: Console;
  readonly gateFd?: number;
}

async function launchExec(
  context: RuntimeContext,
  request: ExecRequest,
  { state, console, gateFd }: Target,
): Promise<number> {
  const pidfd = openPidFd(state.init_process_pid);
  if (pidfd < 0)
    throw new SampanError(
      "failed_precondition",
      `cannot exec in container "${request.id}": cannot exec in a stopped container`,
    );
  if (!context.shared) setCloseOnExec(pidfd, false);
  const config = { ...state.spec, process: request.process };
  const namespaces = differingNamespaces(state);
  const seccomp = config.linux?.seccomp;
  const listenerState =
    seccomp?.listenerPath === undefined
      ? undefined
      : `${JSON.stringify({ ociVersion: config.ociVersion, fds: ["seccompFd"] }).slice(0, -1)},"pid":\x01,"metadata":${JSON.stringify(seccomp.listenerMetadata ?? "")},"state":${JSON.stringify({ ...ociState(state), status: "running" })}}`;
  const host = readHost(config);
  const filter = await filterOf(seccomp, host.arch);
  const plan = compileExec({
    id: request.id,
    config,
    process: request.process,
    host,
    ...(filter && { filter }),
    ...(request.process.oomScoreAdj !== undefined && { oomScoreAdjClamp: readSettings().clampOomScoreAdj }),
    initPid: state.init_process_pid,
    pidfd,
    namespaces,
    cgroup: cgroupOf(state, request),
    ...(state.intel_rdt_path && { rdt: rdtGroups(state.intel_rdt_path, state.intel_rdt_made) }),
    rootless: context.rootless,
    watched: (namespaces & CLONE.NEWUSER) === 0 && mayTrace(state),
    setgroupsDenied: setgroupsDenied(state.init_process_pid),
    ...(console && { console }),
    ...(gateFd !== undefined && { gateFd }),
    noNewKeyring: state.no_new_keyring,
    preserveFds: request.preserveFds,
    environment: request.environment ?? [],
    ...(listenerState !== undefined && { listenerState }),
  });
  try {
    if (request.carrying) return await launchCarried(plan, request, [pidfd, request.carrying.socketFd]);
    return (await launch(plan, { preserveFds: request.preserveFds })).pid;
  } finally {
    closeFd(pidfd);
  }
}

async function launchCarried(
  plan: Plan,
  { carrying, signal }: ExecRequest,
  fds: readonly number[],
): Promise<number> {
  if (!carrying) throw new SampanError("internal", "cannot carry the process: it has no monitor");
  const { launchBeside } = await import("./beside.ts");
  const { carried } = await import("./plan/compile/monitor.ts");
  const launched = await launchBeside(carried(plan, { ...carrying, folder: "/" }), {
    fds,
    ...(signal && { signal }),
  });
  launched.keep?.();
  return launched.pid;
}

function rdtGroups(group: string, made: readonly string[] = []): string[] {
  return [group, ...made.filter((dir) => dir.startsWith(`${group}/mon_groups/`))];
}

function mayTrace({ spec }: ContainerState): boolean {
  return (spec.process.capabilities?.bounding ?? []).some((name) => /^(CAP_)?SYS_PTRACE$/i.test(name));
}

/** The namespaces of the container that are not the caller's own. */
function differingNamespaces(state: ContainerState): number {
  let flags = 0;
  for (const [name, flag] of namespaceFlags)
    if (readLink(`/proc/${state.init_process_pid}/ns/${name}`) !== readLink(`/proc/self/ns/${name}`))
      flags |= flag;
  // Alive, with its own start time, after they were read: else they were nobody's, or the host's own by its number, and nothing would be joined.
  if (!isAlive(state)) checkStatus("exec", state.id, "stopped");
  return flags;
}

/** user_namespaces(7): a container of an ordinary user without newgidmap cannot change groups. */
function setgroupsDenied(pid: number): boolean {
  return (readTextIfThere(`/proc/${pid}/setgroups`) ?? "").startsWith("deny");
}

/** A container that has split its cgroup has no process in the folder itself (cgroups(7)): then the one of its init is the place. */
function openV2(state: ContainerState, dir: string): string {
  if ((readTextIfThere(`${dir}/cgroup.subtree_control`) ?? "").trim() === "") return dir;
  const line = (readTextIfThere(`/proc/${state.init_process_pid}/cgroup`) ?? "")
    .split("\n")
    .find((each) => each.startsWith("0::"));
  const { unified } = cgroupHost();
  if (line === undefined || unified === undefined) return dir;
  const path = line.slice(3);
  const root = unified.root === "/" ? "" : unified.root;
  return `${unified.mountPoint}${root !== "" && path.startsWith(root) ? path.slice(root.length) : path}`;
}

function cgroupOf(state: ContainerState, { cgroup = {} }: ExecRequest): { join: string[]; unified?: string } {
  const below = (controller: string): string => {
    const sub = cgroup[controller] ?? cgroup[""] ?? "";
    return sub === "" ? "" : `/${sub.replace(/^\/+/, "")}`;
  };
  if (state.cgroup_version === 2) {
    const dir = state.cgroup_paths[""];
    if (dir === undefined) return { join: [] };
    const chosen = below("") === "" ? openV2(state, dir) : `${dir}${below("")}`;
    if (!exists(chosen)) throw new SampanError("not_found", `cannot use --cgroup: "${chosen}" is not there`);
    return { join: [], unified: chosen };
  }
  const join = new Set(
    Object.entries(state.cgroup_paths).map(([controller, dir]) => `${dir}${below(controller)}/cgroup.procs`),
  );
  return { join: [...join] };
}
