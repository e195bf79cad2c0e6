/**
 * Hands a plan to the launcher and waits for its report. The launcher runs from a sealed memory file, so that nothing that runs in a
 * container can reach the host's copy of it (CVE-2019-5736); the plan is a memory file too. Both are inherited by number.
 */
import launcherPath from "#launcher" with { type: "file" };
import { SampanError } from "../../base/errors.ts";
import { systemError } from "../../kernel/errno.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import {
  become,
  blockSignals,
  closeFd,
  killProcess,
  memfd,
  readInto,
  readLink,
  seal,
  setCloseOnExec,
  socketPair,
  spawnProcess,
  waitFor,
  waitReadable,
  writeAll,
} from "../../kernel/libc.ts";
import { failureOf } from "./failure.ts";
import { encodePlan } from "./plan/encode.ts";
import { stages, type Plan } from "./plan/operations.ts";

export interface Launched {
  /** Process id of the container's init, as the caller's pid namespace numbers it. It is the caller's child, or its monitor's. */
  readonly pid: number;
  /** With a monitor: lets it go on without the caller. */
  readonly keep?: () => void;
  /** With a monitor: takes everything back; resolves when it is gone. */
  readonly abandon?: () => Promise<void>;
}

export const reportSize = 256;
const ready = 1;

/** How long a plan may take as a whole when it says nothing of its own: hooks bring their own time. */
export const planDeadlineMs = 10 * 60_000;

function memoryFile(name: string, bytes: Uint8Array): number {
  const fd = memfd(name, false);
  writeAll(fd, bytes);
  return fd;
}

let launcherFd: number | undefined;

/** A sealed copy of the launcher, inheritable; one serves all plans of this process. */
async function launcherFile(): Promise<number> {
  if (launcherFd !== undefined) return launcherFd;
  launcherFd = memoryFile("sampan-launcher", await Bun.file(launcherPath).bytes());
  seal(launcherFd);
  return launcherFd;
}

/** Memory file for what hooks say; inheritable unless the caller lives on. */
export function outputFile(closeOnExec = false): number {
  return memfd("sampan-hooks", closeOnExec);
}

export function readOutput(fd: number | undefined): string {
  if (fd === undefined) return "";
  return readTextIfThere(`/proc/self/fd/${fd}`)?.slice(0, 4096) ?? "";
}

export interface LaunchOptions {
  /** Memory file of `outputFile`, for the text of a failed hook. */
  readonly hookOutput?: number;
  /** How many of the caller's descriptors from 3 up the plan hands on. */
  readonly preserveFds?: number;
  /** Called with the bytes that the launcher is about to execute. */
  readonly keep?: (bytes: Uint8Array) => void;
  /** Called with the launcher's process id; awaited before the report is. The launcher is killed when it throws. */
  readonly onSpawn?: (pid: number) => Promise<void>;
}

/**
 * Bun marks what it was started with from descriptor 4 up close-on-exec; what shall be handed on must lose that mark again. A number that the
 * caller left free has become one of Bun's or of ours, and the container must not get that.
 */
function inherit(count: number): void {
  // Bun puts /dev/null where one of these was closed, but would not hand it on: the container would get what the launcher opens next.
  for (const fd of [0, 1, 2]) setCloseOnExec(fd, false);
  for (let fd = 3; fd < 3 + count; fd++) {
    const target = readLink(`/proc/self/fd/${fd}`);
    if (target === undefined || /^(anon_inode:\[eventpoll\]|\/memfd:sampan-)/.test(target))
      throw new SampanError(
        "invalid_argument",
        `cannot use --preserve-fds ${count}: descriptor ${fd} is not open`,
      );
    setCloseOnExec(fd, false);
  }
}

/** Executes a plan up to the launcher's end. Errors: the failed operation's, with its field. The processes of a failed plan are gone. */
export async function launch(plan: Plan, options: LaunchOptions = {}): Promise<Launched> {
  const bytes = encodePlan(plan);
  options.keep?.(bytes);
  inherit(options.preserveFds ?? 0);
  const launcher = await launcherFile();
  const planFd = memoryFile("sampan-plan", bytes);
  const [mine, theirs] = socketPair(5);
  setCloseOnExec(theirs, false);
  let pid: number;
  try {
    pid = spawnProcess(`/proc/self/fd/${launcher}`, ["sampan-launcher", String(planFd), String(theirs)], []);
  } finally {
    for (const fd of [planFd, theirs]) closeFd(fd);
  }
  try {
    if (options.onSpawn) await spawned(pid, options.onSpawn);
    return readReport(plan, mine, options);
  } finally {
    closeFd(mine);
    waitFor(pid);
  }
}

async function spawned(pid: number, onSpawn: (pid: number) => Promise<void>): Promise<void> {
  try {
    await onSpawn(pid);
  } catch (error) {
    killProcess(pid, 9);
    throw error;
  }
}

function readReport(plan: Plan, fd: number, options: LaunchOptions): Launched {
  if (!waitReadable(fd, planDeadlineMs)) {
    throw new SampanError(
      "deadline_exceeded",
      `cannot run the plan: the launcher has not answered for ${planDeadlineMs / 60_000} minutes`,
    );
  }
  const bytes = new Uint8Array(reportSize);
  const size = readInto(fd, bytes);
  if (size < 0) throw systemError("read the launcher's report", -size);
  const ended = (): string => {
    const view = new DataView(bytes.buffer);
    for (const child of [view.getInt32(16, true), view.getInt32(20, true)]) if (child > 0) endChild(child);
    return readOutput(options.hookOutput);
  };
  return { pid: pidOfReport(plan, bytes.subarray(0, size), ended) };
}

/** The process id of a report that says `ready`; `output` gives what the programs printed when it does not. Errors: the failed operation's. */
export function pidOfReport(plan: Plan, bytes: Uint8Array, output: () => string): number {
  if (bytes.length < reportSize)
    throw new SampanError("internal", "cannot run the plan: the launcher ended without a report");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) === ready) return view.getInt32(16, true);
  const printed = output();
  const detail = new TextDecoder().decode(bytes.subarray(24, bytes.indexOf(0, 24)));
  const [stage = "parent", index, errno] = [
    stages[view.getUint32(4, true)],
    view.getUint32(8, true),
    view.getInt32(12, true),
  ];
  throw failureOf(plan, { stage, index, errno, detail }, printed);
}

/** The processes of a failed plan end by themselves; they are this process's children (CLONE_PARENT), so they are reaped here. */
function endChild(pid: number): void {
  try {
    waitFor(pid);
  } catch {
    // The middle process may have been reaped with the launcher's own end.
  }
}

/** This process becomes the launcher and executes the plan: what `run` and `exec` in the foreground end as. */
export async function becomeLauncher(plan: Plan): Promise<never> {
  const launcher = await launcherFile();
  const planFd = memoryFile("sampan-plan", encodePlan(plan));
  inherit(0);
  blockSignals();
  become(`/proc/self/fd/${launcher}`, ["sampan-launcher", String(planFd), "-1"], []);
}
