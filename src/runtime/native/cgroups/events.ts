/**
 * What the kernel has to tell of a container's memory: that it ran out, and that it grows short. v1: an eventfd that is registered
 * in cgroup.event_control (Documentation/admin-guide/cgroup-v1/memory.rst, 9 to 11); v2: inotify on memory.events (cgroup-v2.rst).
 */
import { existsSync, type FSWatcher, openSync, closeSync, watch } from "node:fs";
import { SampanError } from "../../../base/errors.ts";
import { errnoOf } from "../../../kernel/errno.ts";
import { eventFd } from "../../../kernel/eventfd.ts";
import { op } from "../plan/operations.ts";
import { applySteps } from "./apply.ts";
import { hostFiles } from "./host.ts";
import type { CgroupDirs } from "./procs.ts";

export type PressureLevel = "low" | "medium" | "critical";

/** The counter of memory.events that comes nearest to a level of v1. */
const v2Counters = { low: "low", medium: "high", critical: "max" } as const;

/**
 * Gives a value for each time that a process of the container was killed for want of memory, or where that is off, had to wait.
 * What happens from this call on is told; it ends when the signal is aborted or the cgroup is gone, on v2 also when its last process is.
 * What it holds is given back at that end, so it has to be iterated.
 * Errors: `failed_precondition` without a memory cgroup, the kernel's.
 */
export function oomEvents(paths: CgroupDirs, signal: AbortSignal): AsyncIterable<void> {
  const dir = memoryDir(paths);
  return paths.version === 2
    ? v2Events(dir, "oom_kill", signal)
    : v1Events({ dir, file: "memory.oom_control", argument: "" }, signal);
}

/** How often a cgroup of v1 is looked at: an eventfd there would hold a thread of the pool for each container. */
const lookMs = 1000;

/**
 * The kernel's count of kills for want of memory, each time that it is above `since` and has grown: on v2 at once, on v1 within a second. For whoever watches many
 * containers. Ends when the signal is aborted or the cgroup is gone. Errors: `failed_precondition` without a memory cgroup.
 */
export async function* oomKillsAbove(
  paths: CgroupDirs,
  since: number,
  signal: AbortSignal,
): AsyncGenerator<number> {
  const dir = memoryDir(paths);
  using stack = new DisposableStack();
  const changes = new Changes();
  watchOrLook(paths.version === 2 ? `${dir}/memory.events` : undefined, changes, stack);
  onAbort(signal, () => changes.note(), stack);
  const file = paths.version === 2 ? "memory.events" : "memory.oom_control";
  for (let seen = since; !signal.aborted; await changes.next()) {
    const now = counterIn(`${dir}/${file}`, "oom_kill");
    if (now === undefined) return;
    if (now > seen) yield (seen = now);
  }
}

/** Where the kernel has no more watches to give, looking has to do. */
function watchOrLook(file: string | undefined, changes: Changes, stack: DisposableStack): void {
  try {
    if (file !== undefined) return void stack.use(watched(file, changes));
  } catch {
    // It is looked at then.
  }
  const timer = setInterval(() => changes.note(), lookMs);
  timer.unref();
  stack.defer(() => clearInterval(timer));
}

/** As oomEvents, for pressure of a level and above. On v2 that is reclaim below memory.low, above memory.high, and at memory.max. */
export function pressureEvents(
  paths: CgroupDirs,
  level: PressureLevel,
  signal: AbortSignal,
): AsyncIterable<void> {
  const dir = memoryDir(paths);
  return paths.version === 2
    ? v2Events(dir, v2Counters[level], signal)
    : v1Events({ dir, file: "memory.pressure_level", argument: level }, signal);
}

function memoryDir({ version, dirs }: CgroupDirs): string {
  const dir = dirs[version === 2 ? "" : "memory"];
  if (dir !== undefined) return dir;
  throw new SampanError(
    "failed_precondition",
    "cannot watch the container's memory: it has no memory cgroup",
  );
}

interface V1Event {
  readonly dir: string;
  readonly file: string;
  readonly argument: string;
}

/** Registers now, and gives the events from then on. */
function v1Events({ dir, file, argument }: V1Event, signal: AbortSignal): AsyncGenerator<void> {
  using stack = new DisposableStack();
  const counter = stack.use(eventFd());
  const target = stack.use(openFile(`${dir}/${file}`));
  const control = `${dir}/cgroup.event_control`;
  const data = `${counter.fd} ${target.fd} ${argument}`.trimEnd();
  applySteps([op("write", { path: control, data }, file)]);
  onAbort(signal, () => counter.signal(), stack);
  const resources = stack.move();
  return (async function* () {
    using _resources = resources;
    while (!signal.aborted) {
      await counter.wait();
      // The end of the cgroup is told like an event.
      if (signal.aborted || !existsSync(control)) return;
      yield;
    }
  })();
}

function openFile(path: string): Disposable & { fd: number } {
  const fd = openSync(path, "r");
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function onAbort(signal: AbortSignal, listener: () => void, stack: DisposableStack): void {
  signal.addEventListener("abort", listener);
  stack.defer(() => signal.removeEventListener("abort", listener));
}

/** Each growth of one counter from now on. */
function v2Events(dir: string, counter: string, signal: AbortSignal): AsyncGenerator<void> {
  using stack = new DisposableStack();
  const changes = new Changes();
  stack.use(watched(`${dir}/memory.events`, changes));
  stack.use(watched(`${dir}/cgroup.events`, changes));
  onAbort(signal, () => changes.note(), stack);
  const resources = stack.move();
  const file = `${dir}/memory.events`;
  let seen = counterIn(file, counter) ?? 0;
  return (async function* () {
    using _resources = resources;
    while (!signal.aborted) {
      const now = counterIn(file, counter);
      if (now === undefined) return;
      for (; seen < now; seen++) yield;
      if (/^populated 0$/m.test(hostFiles.read(`${dir}/cgroup.events`) ?? "populated 0")) return;
      await changes.next();
    }
  })();
}

function counterIn(file: string, counter: string): number | undefined {
  const text = hostFiles.read(file);
  const match = text === undefined ? null : new RegExp(`^${counter} (\\d+)$`, "m").exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** Remembers that something changed until it is asked for. */
class Changes {
  #noted = false;
  #wake: (() => void) | undefined;

  note(): void {
    this.#noted = true;
    this.#wake?.();
  }

  async next(): Promise<void> {
    if (!this.#noted) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#noted = false;
    this.#wake = undefined;
  }
}

function watched(file: string, changes: Changes): Disposable {
  let watcher: FSWatcher;
  try {
    watcher = watch(file, () => changes.note());
  } catch (error) {
    const code = errnoOf(error) === 0 ? "unknown" : "failed_precondition";
    throw new SampanError(code, `cannot watch "${file}": ${SampanError.from(error).message}`, {
      cause: error,
    });
  }
  watcher.on("error", () => changes.note());
  return { [Symbol.dispose]: () => watcher.close() };
}
