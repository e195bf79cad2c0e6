/**
 * The plan of `exec`: a process that joins a running container. The middle process enters all of the container's namespaces at once through
 * a descriptor of its init (setns(2) with a pidfd, Linux 5.8), so that no path in the container is looked at; its child becomes the process.
 */
import { errno } from "../../../../kernel/errno.ts";
import { CLONE, O, PR, PROC_SUPER_MAGIC } from "../../../../kernel/linux.ts";
import type { OciConfig, OciProcess } from "../../../../spec/oci/config.ts";
import type { CompiledSeccomp } from "../../seccomp/compile.ts";
import { slot, type Plan } from "../operations.ts";
import { writeOomScore } from "./_oom-score.ts";
import { joinCgroups } from "./_cgroup-join.ts";
import { Builder, stage, type Console, type Host } from "./context.ts";
import { makeTerminal, openSockets, sendMaster, useTerminal } from "./devices.ts";
import {
  compileCredentials,
  compileFilter,
  compileCwd,
  compileLabels,
  compileLimits,
  compileProgram,
  compileScheduling,
  listMask,
  type ProcessContext,
} from "./process.ts";

export interface ExecOptions {
  readonly id: string;
  /** The container's own configuration; `process` is what runs. */
  readonly config: OciConfig;
  readonly process: OciProcess;
  readonly host: Host;
  /** As for create. */
  readonly oomScoreAdjClamp?: boolean;
  /** linux.seccomp, compiled. */
  readonly filter?: CompiledSeccomp;
  readonly initPid: number;
  /** Open descriptor of the container's init. */
  readonly pidfd: number;
  /** CLONE_NEW* of the namespaces in which the container's init differs from the runtime. */
  readonly namespaces: number;
  /** Files that the process id is written to (v1), or the folder of the cgroup (v2). */
  readonly cgroup: { readonly join: readonly string[]; readonly unified?: string };
  /** The container's groups in resctrl: the class of service, then the monitoring group in it. */
  readonly rdt?: readonly string[];
  readonly rootless: boolean;
  /** A process of the container can look into others: it may have CAP_SYS_PTRACE over the user namespace that the launcher was started in. */
  readonly watched: boolean;
  readonly setgroupsDenied: boolean;
  readonly console?: Console;
  readonly noNewKeyring: boolean;
  readonly preserveFds: number;
  readonly environment: readonly string[];
  /** Descriptor that the process waits at before it becomes the program, for a foreground that is not yet ready to pass signals on. */
  readonly gateFd?: number;
  /** State of the container for the seccomp listener, with 0x01 for the process id. */
  readonly listenerState?: string;
}

const byte = { go: 0x67, kin: 0x6b, limits: 0x6c, limited: 0x4c, ready: 0x72 } as const;
const base = "launcher";

export function compileExec(options: ExecOptions): Plan {
  const builder = new Builder();
  const userns = (options.namespaces & CLONE.NEWUSER) !== 0;
  const { filter } = options;
  const birth = before(options, builder);
  // In a user namespace the middle process may not put its child into a cgroup of the host's any more: it is born there itself.
  middle(options, builder, { userns, birth: userns ? {} : birth });
  const limits = init(options, builder, userns, filter);
  after(options, builder, limits, { filter, birth: userns ? birth : {} });
  return { parent: builder.parent, middle: builder.middle, init: builder.init };
}

function before(options: ExecOptions, builder: Builder): { cgroup?: number } {
  const list = builder.parent;
  builder.add(list, "prctl", { option: PR.SET_DUMPABLE, a: 0 }, base);
  for (let fd = 3; fd < 3 + options.preserveFds; fd++)
    builder.add(list, "check_fd", { fd }, "--preserve-fds");
  builder.add(list, "adopt", { fd: options.pidfd, out: slot.child }, "linux.namespaces");
  if (options.gateFd !== undefined) builder.add(list, "adopt", { fd: options.gateFd, out: slot.fifo }, base);
  builder.add(list, "open", { path: "/proc", flags: O.PATH | O.DIRECTORY, out: slot.proc }, base);
  builder.add(list, "check_fs", { slot: slot.proc, magic: PROC_SUPER_MAGIC }, base);
  const root = {
    dir: slot.proc,
    path: `${options.initPid}/root`,
    flags: O.PATH | O.DIRECTORY,
    out: slot.root,
  };
  builder.add(list, "open", root, "root.path");
  openSockets(builder, options);
  affinity(builder, options.process.execCPUAffinity?.initial, "initial");
  const { join, unified } = options.cgroup;
  const born = unified !== undefined && !options.watched;
  if (born)
    builder.add(list, "open", { path: unified, flags: O.RDONLY | O.DIRECTORY, out: slot.cgroup }, "--cgroup");
  const files = unified !== undefined && !born ? [`${unified}/cgroup.procs`] : join;
  const entered = joinCgroups(builder, files, options.host, options.watched);
  builder.add(list, "socketpair", { a: slot.parentEnd, b: slot.childEnd }, base);
  return born ? { cgroup: slot.cgroup } : entered;
}

/** execCPUAffinity: `initial` holds from before the process enters the container's cgroup, `final` from after. */
function affinity(builder: Builder, list: string | undefined, which: "initial" | "final"): void {
  if (!list) return;
  const why = `process.execCPUAffinity.${which}`;
  builder.add(
    which === "initial" ? builder.parent : builder.init,
    "sched_setaffinity",
    { mask: listMask(list, why) },
    why,
  );
}

function middle(
  options: ExecOptions,
  builder: Builder,
  { userns, birth }: { userns: boolean; birth: { cgroup?: number } },
): void {
  const list = builder.middle;
  builder.add(list, "close", { slot: slot.parentEnd }, base);
  // What is born next can be seen in the container, and a folder of the host is a way to its root (CVE-2016-9962). Labels are written by it.
  const { apparmorProfile, selinuxLabel } = options.process;
  if (!apparmorProfile && !selinuxLabel) builder.add(list, "close", { slot: slot.proc }, base);
  // A cgroup namespace is entered by the process itself: cgroup2 with nsdelegate lets nobody into a cgroup from outside the caller's view.
  const shared = options.namespaces & ~CLONE.NEWCGROUP;
  if (shared !== 0) builder.add(list, "setns", { slot: slot.child, type: shared }, "linux.namespaces");
  if (userns) {
    builder.add(list, "setgid", { id: 0 }, "linux.gidMappings");
    builder.add(list, "setuid", { id: 0 }, "linux.uidMappings");
  }
  // The root of a mount namespace is not always its container's: a container made in a chroot, or without pivot_root, has its own.
  builder.add(list, "fchdir", { slot: slot.root }, "root.path");
  builder.add(list, "chroot", { path: "." }, "root.path");
  builder.add(list, "clone", { flags: CLONE.PARENT, stage: stage.init, ...birth }, "process");
  builder.add(list, "send", { slot: slot.childEnd, byte: byte.kin }, base);
}

function init(
  options: ExecOptions,
  builder: Builder,
  userns: boolean,
  filter: CompiledSeccomp | undefined,
): ReturnType<typeof builder.parent.splice> {
  const { process, config, host } = options;
  const list = builder.init;
  const context: ProcessContext = {
    builder,
    process,
    config,
    host,
    userns,
    setgroupsDenied: options.setgroupsDenied,
    preserveFds: options.preserveFds,
    environment: options.environment,
  };
  builder.add(list, "prctl", { option: PR.SET_PDEATHSIG, a: 9 }, base);
  builder.add(list, "reset_signals", {}, base);
  builder.add(list, "setsid", {}, base, { errnos: [errno.EPERM] });
  builder.add(list, "receive", { slot: slot.childEnd, byte: byte.go }, base);
  if (options.namespaces & CLONE.NEWCGROUP) {
    builder.add(list, "setns", { slot: slot.child, type: CLONE.NEWCGROUP }, "linux.namespaces (cgroup)");
  }
  affinity(builder, process.execCPUAffinity?.final, "final");
  if (!options.noNewKeyring) {
    builder.add(list, "keyring", { name: `_ses.${options.id}` }, "--no-new-keyring", {
      errnos: [errno.ENOSYS],
    });
  }
  builder.add(list, "open", { path: "/", flags: O.PATH | O.DIRECTORY, out: slot.root }, "root.path");
  if (process.terminal) terminal(builder, process);
  builder.add(
    list,
    "umask",
    { mask: process.user?.umask ?? config.process.user?.umask ?? 0o022 },
    "process.user.umask",
  );
  compileScheduling({
    ...context,
    config: { ...config, linux: { ...config.linux, memoryPolicy: undefined } as never },
  });
  const parentCount = builder.parent.length;
  compileLimits(context);
  const limits = builder.parent.splice(parentCount);
  if (limits.length > 0) {
    builder.add(list, "send", { slot: slot.childEnd, byte: byte.limits }, base);
    builder.add(list, "receive", { slot: slot.childEnd, byte: byte.limited }, base);
  }
  compileLabels(context);
  if (process.noNewPrivileges)
    builder.add(list, "prctl", { option: PR.SET_NO_NEW_PRIVS, a: 1 }, "process.noNewPrivileges");
  builder.add(list, "prctl", { option: PR.SET_PDEATHSIG, a: 0 }, base);
  const privileged = filter !== undefined && !process.noNewPrivileges;
  // Before any path of the container's choice is walked: the working directory and the program.
  const kept = { keep: slot.childEnd, ...(options.gateFd !== undefined && { keep2: slot.fifo }) };
  builder.add(list, "close_range", { first: 3 + options.preserveFds, ...kept }, "--preserve-fds");
  compileCwd(builder, process.cwd, false);
  const granted = compileCredentials(context, privileged);
  compileCwd(builder, process.cwd, true);
  const program = compileProgram(context);
  builder.add(list, "send", { slot: slot.childEnd, byte: byte.ready }, base);
  if (filter) compileFilter(builder, filter, privileged ? granted : undefined);
  if (options.gateFd !== undefined) builder.add(list, "wait_start", { slot: slot.fifo }, base);
  builder.add(list, "exec", program, "process.args");
  return limits;
}

function terminal(builder: Builder, process: OciProcess): void {
  makeTerminal(builder, process);
  sendMaster(builder, "process.terminal");
  useTerminal(builder, "process.terminal");
}

function after(
  options: ExecOptions,
  builder: Builder,
  limits: ReturnType<typeof builder.parent.splice>,
  { filter, birth }: { filter: CompiledSeccomp | undefined; birth: { cgroup?: number } },
): void {
  const list = builder.parent;
  builder.add(list, "clone", { flags: CLONE.PARENT, stage: stage.middle, ...birth }, "process");
  builder.add(list, "close", { slot: slot.childEnd }, base);
  builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.kin }, base);
  builder.add(list, "child_proc", { proc: slot.proc, out: slot.childProc }, base);
  const score = options.process.oomScoreAdj;
  if (score !== undefined) writeOomScore(builder, score, options.oomScoreAdjClamp);
  for (const dir of options.rdt ?? [])
    builder.add(list, "write_pid", { path: `${dir}/tasks` }, "linux.intelRdt", { errnos: [errno.ENOENT] });
  builder.add(list, "send", { slot: slot.parentEnd, byte: byte.go }, base);
  if (limits.length > 0) {
    builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.limits }, base);
    list.push(...limits);
    builder.add(list, "send", { slot: slot.parentEnd, byte: byte.limited }, base);
  }
  builder.add(list, "receive", { slot: slot.parentEnd, byte: byte.ready }, base);
  if (!filter) return;
  builder.add(
    list,
    "wait_filter",
    { end: slot.parentEnd, ...(filter.usesNotify && { out: slot.notify }) },
    "linux.seccomp",
  );
  if (!filter.usesNotify || options.listenerState === undefined) return;
  builder.add(
    list,
    "send_fd",
    { socket: slot.listener, slot: slot.notify, data: options.listenerState },
    "linux.seccomp.listenerPath",
  );
}
