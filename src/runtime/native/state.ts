/**
 * A container's folder below the runtime's root: `state.json` (written once init waits, replaced by rename), `plan` (the bytes that the launcher
 * executed), `exec.fifo` (there until `start`), `lock` (flock(2): verbs that change a container exclude each other). A folder without state.json
 * is a create that was interrupted; `delete --force` takes it away.
 */
import { SampanError } from "../../base/errors.ts";
import {
  exists,
  listDir,
  makeDir,
  makeDirs,
  readTextIfThere,
  removeAll,
  rename,
  writeFile,
} from "../../kernel/files.ts";
import { closeFd, lockFile, openFile } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { formatDocument, parseDocument } from "../../spec/oci/parse.ts";
import type { Status } from "../runtime.ts";
import type { CgroupDirs } from "./cgroups/procs.ts";

/** What is kept of a container; the names that runc's state.json has too mean the same, for those who read it (cAdvisor). */
export interface ContainerState {
  readonly id: string;
  readonly init_process_pid: number;
  /** Field 22 of /proc/PID/stat: tells this process from a later one with the same number. */
  readonly init_process_start: number;
  /** RFC 3339. */
  readonly created: string;
  readonly rootless: boolean;
  /** By controller; "" is the unified hierarchy. */
  readonly cgroup_paths: Readonly<Record<string, string>>;
  readonly cgroup_version: 1 | 2;
  readonly systemd_scope?: string;
  readonly intel_rdt_path?: string;
  /** Folders of resctrl that go with the container, in the order of their removal. */
  readonly intel_rdt_made?: readonly string[];
  readonly no_new_keyring: boolean;
  readonly bundle: string;
  readonly rootfs: string;
  /** The configuration as it was at create, with the resources of later updates. */
  readonly spec: OciConfig;
}

const idPattern = /^[\w+.@-]{1,1024}$/;

/** Refuses an id that could not be a folder's name: runc's alphabet. */
export function checkId(id: string): void {
  if (idPattern.test(id) && id !== "." && id !== "..") return;
  throw new SampanError(
    "invalid_argument",
    `cannot use container id "${id}": wanted letters, digits and _ + - . @`,
  );
}

export function containerDir(root: string, id: string): string {
  checkId(id);
  return `${root}/${id}`;
}

/** Claims the id: the folder is made, or somebody has it. */
export function claimContainer(root: string, id: string): string {
  const dir = containerDir(root, id);
  makeDirs(root, 0o700);
  if (makeDir(dir, 0o711)) return dir;
  throw new SampanError(
    "already_exists",
    `cannot create container "${id}": container with given ID already exists`,
  );
}

export function stateFile(dir: string): string {
  return `${dir}/state.json`;
}

/** Errors: `not_found` when there is no such container, `data_loss` for a state that cannot be read. */
export function loadState(root: string, id: string): ContainerState {
  const dir = containerDir(root, id);
  const text = readTextIfThere(stateFile(dir));
  if (text === undefined)
    throw new SampanError("not_found", `cannot find container "${id}": container does not exist`);
  try {
    return parseDocument(text, "state.json") as ContainerState;
  } catch (error) {
    throw new SampanError(
      "data_loss",
      `cannot read the state of container "${id}": ${SampanError.from(error).message}`,
      { cause: error },
    );
  }
}

/** Replaces state.json in one step. `specText` saves formatting a configuration that was only read. */
export function saveState(dir: string, state: Omit<ContainerState, "spec">, spec: OciConfig | string): void {
  const head = JSON.stringify(state).slice(0, -1);
  const text = `${head},"spec":${typeof spec === "string" ? spec : formatDocument(spec)}}\n`;
  writeFile(`${dir}/state.json.new`, text, 0o600);
  rename(`${dir}/state.json.new`, stateFile(dir));
}

/** Names of all containers, interrupted creates included. */
export function listIds(root: string): string[] {
  return listDir(root)
    .filter(({ name, directory }) => directory && idPattern.test(name))
    .map(({ name }) => name)
    .toSorted();
}

/** Forgets the container: the last step of delete. */
export function removeContainerDir(dir: string): void {
  removeAll(dir);
}

/**
 * Holds the container's lock until disposed. A process that lives on and has other things to do asks again and again instead of waiting in the kernel.
 * Errors: `not_found` when the folder is gone, also when it went while this waited; `deadline_exceeded`.
 */
export async function lockContainer(
  { root, shared }: { readonly root: string; readonly shared?: boolean },
  id: string,
): Promise<Disposable> {
  const dir = containerDir(root, id);
  const fd = openFile(`${dir}/lock`, O.RDWR | O.CREAT, 0o600);
  if (fd < 0) throw new SampanError("not_found", `cannot find container "${id}": container does not exist`);
  if (shared) await lockPatiently(fd, id);
  else lockFile(fd, true);
  if (!exists(`${dir}/lock`)) {
    closeFd(fd);
    throw new SampanError("not_found", `cannot find container "${id}": container does not exist`);
  }
  return { [Symbol.dispose]: () => closeFd(fd) };
}

async function lockPatiently(fd: number, id: string): Promise<void> {
  if (lockFile(fd, false)) return;
  const { until } = await import("./cgroups/wait.ts");
  try {
    await until(`lock container "${id}"`, { timeoutMs: 60_000 }, () => lockFile(fd, false) || undefined);
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** State letter and start time of a process (proc(5), /proc/PID/stat fields 3 and 22); undefined when it is gone. */
export function processStat(pid: number): { state: string; start: number } | undefined {
  const text = readTextIfThere(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", start: Number(fields[19]) };
}

/** Whether the container's init is there and is no zombie. */
export function isAlive(state: Pick<ContainerState, "init_process_pid" | "init_process_start">): boolean {
  if (state.init_process_pid <= 0) return false;
  const stat = processStat(state.init_process_pid);
  return (
    stat !== undefined && stat.start === state.init_process_start && stat.state !== "Z" && stat.state !== "X"
  );
}

export function cgroupDirs(state: ContainerState): CgroupDirs {
  return { version: state.cgroup_version, dirs: state.cgroup_paths };
}

/** `created` until `start` took exec.fifo away; `paused` by the freezer, which is asked last. */
export async function statusOf(root: string, state: ContainerState): Promise<Status> {
  if (!isAlive(state)) return "stopped";
  const { freezerState } = await import("./cgroups/freeze.ts");
  const frozen = await freezerState(cgroupDirs(state), { timeoutMs: 2000 });
  if (frozen === "frozen") return "paused";
  return exists(`${containerDir(root, state.id)}/exec.fifo`) ? "created" : "running";
}
