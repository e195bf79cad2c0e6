/** The plan that a foreground `run` or `exec` turns into: wait, forward, relay; for `run` then remove what the container had. */
import { errno } from "../../../../kernel/errno.ts";
import { AT_REMOVEDIR, O } from "../../../../kernel/linux.ts";
import type { OciConfig, OciHook } from "../../../../spec/oci/config.ts";
import type { Deletion } from "../../deletion.ts";
import { op, slot, type Operation, type Plan } from "../operations.ts";

export interface ForegroundOptions {
  readonly pid: number;
  /** Descriptor of the socket on which the terminal's master waits. */
  readonly consoleFd?: number;
  /** exec.fifo of a container that is still to be let go. */
  readonly fifo?: string;
  /** The same for a process of exec: this end of the socket that it waits at. */
  readonly gateFd?: number;
  readonly cleanUp?: CleanUp;
  /** Instead of cleanUp: the program that deletes the container. */
  readonly deletion?: Deletion;
}

export interface CleanUp {
  readonly config: OciConfig;
  /** State for the poststop hooks. */
  readonly state: string;
  readonly cgroups: readonly string[];
  /** A container that shares its pid namespace may leave processes behind. */
  readonly killCgroup?: string;
  readonly stateDir: string;
  /** Names of the files in stateDir, and of its folders with a "/" behind, in the order of their removal. */
  readonly files: readonly string[];
}

export function compileForeground(options: ForegroundOptions): Plan {
  const parent: Operation[] = [];
  if (options.consoleFd !== undefined) {
    parent.push(op("adopt", { fd: options.consoleFd, out: slot.consoleSocket }, "process.terminal"));
    parent.push(op("receive_fd", { socket: slot.consoleSocket, out: slot.master }, "process.terminal"));
  }
  if (options.fifo !== undefined) parent.push(...release(options.fifo));
  if (options.gateFd !== undefined) {
    parent.push(op("adopt", { fd: options.gateFd, out: slot.fifo }, "launcher"));
    parent.push(op("send", { slot: slot.fifo, byte: 1 }, "launcher", any));
  }
  parent.push(
    op(
      "supervise",
      { pid: options.pid, ...(options.consoleFd !== undefined && { master: slot.master }) },
      "process",
    ),
  );
  if (options.cleanUp) parent.push(...cleanUp(options.cleanUp));
  if (options.deletion) parent.push(deletion(options.deletion));
  return { parent, middle: [], init: [] };
}

const any = { errnos: "any" } as const;

function deletion({ path, argv, env, why }: Deletion): Operation {
  return op("run", { path, argv, env, timeout: 0 }, why, any);
}

/** As `start` does it (start.ts). An init that has ended meanwhile has nobody at the pipe: its status tells. */
function release(path: string): Operation[] {
  const flags = O.WRONLY | O.NONBLOCK;
  return [
    op("open", { path, flags, out: slot.fifo }, "launcher", { errnos: [errno.ENXIO, errno.ENOENT], skip: 2 }),
    op("unlink", { path }, "launcher"),
    op("send", { slot: slot.fifo, byte: 1 }, "launcher", any),
  ];
}

/** In the order of `delete`: processes, control groups, poststop hooks, then the state, so that what fails before can be deleted again. */
function cleanUp({ config, state, cgroups, killCgroup, stateDir, files }: CleanUp): Operation[] {
  const list: Operation[] = [];
  if (killCgroup !== undefined)
    list.push(op("kill_cgroup", { path: killCgroup }, "linux.namespaces (pid)", any));
  for (const path of cgroups) list.push(op("remove_cgroup", { path }, "linux.cgroupsPath", any));
  (config.hooks?.poststop ?? []).forEach((hook, index) => list.push(poststop(hook, index, state)));
  for (const file of files) {
    const flags = file.endsWith("/") ? AT_REMOVEDIR : 0;
    list.push(op("unlink", { path: `${stateDir}/${file}`, flags }, "launcher", any));
  }
  list.push(op("unlink", { path: stateDir, flags: AT_REMOVEDIR }, "launcher", any));
  return list;
}

/** runtime.md, "Lifecycle" 13: a failing poststop hook is a warning, and the rest goes on. */
function poststop(hook: OciHook, index: number, state: string): Operation {
  const args = {
    path: hook.path,
    argv: hook.args?.length ? hook.args : [hook.path],
    env: hook.env ?? [],
    state,
  };
  return op("hook", { ...args, timeout: (hook.timeout ?? 0) * 1000 }, `hooks.poststop[${index}]`, any);
}
