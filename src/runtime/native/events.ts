/** events: a container's counters, once or again and again, and what the kernel tells of its memory meanwhile. */
import { SampanError } from "../../base/errors.ts";
import { oomEvents, pressureEvents, type PressureLevel } from "./cgroups/events.ts";
import type { CgroupDirs } from "./cgroups/procs.ts";
import { containerStats, statsEvent } from "./cgroups/stats.ts";
import type { RuntimeContext } from "./create.ts";
import { cgroupDirs, isAlive, loadState, statusOf, type ContainerState } from "./state.ts";

/** Where each line of JSON goes, without its newline. */
export type Emit = (line: string) => void;

/** The counters now. Errors: `failed_precondition` for a stopped container. */
export async function statsNow(context: RuntimeContext, id: string): Promise<string> {
  const state = await running(context, id);
  return statsEvent(id, containerStats(cgroupDirs(state)));
}

export interface EventsOptions {
  readonly intervalMs: number;
  readonly emit: Emit;
}

/** How often it is looked whether the container is still there. */
const lookMs = 100;

/**
 * Emits the counters at each interval, `{"type":"oom"}` when a process was killed for want of memory, and `{"type":"pressure"}` with the
 * level that was reached. Returns when the container has ended. Errors: `failed_precondition` for a stopped container.
 */
export async function events(context: RuntimeContext, id: string, options: EventsOptions): Promise<void> {
  const state = await running(context, id);
  const dirs = cgroupDirs(state);
  const end = new AbortController();
  const notices = memoryNotices(context, dirs, end.signal).map((notice) => emitAll(id, notice, options.emit));
  try {
    await untilEnd(state, options.intervalMs, () => options.emit(statsEvent(id, containerStats(dirs))));
  } finally {
    end.abort();
    await Promise.all(notices);
  }
}

async function running(context: RuntimeContext, id: string): Promise<ContainerState> {
  const state = loadState(context.root, id);
  if ((await statusOf(context.root, state)) !== "stopped") return state;
  throw new SampanError(
    "failed_precondition",
    `cannot watch container "${id}": container with id ${id} is not running`,
  );
}

/** Calls `tick` at each interval until the container's init has ended. */
function untilEnd(state: ContainerState, intervalMs: number, tick: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const ticks = setInterval(() => {
    try {
      if (isAlive(state)) tick();
    } catch (error) {
      reject(error);
    }
  }, intervalMs);
  const looks = setInterval(() => isAlive(state) || resolve(), lookMs);
  return promise.finally(() => {
    clearInterval(ticks);
    clearInterval(looks);
  });
}

interface Notice {
  /** The event without its id. */
  readonly event: { readonly type: string; readonly data?: object };
  readonly times: AsyncIterable<void>;
}

/** `low` is no news: the kernel tells it at every reclaim of the page cache. */
const levels: readonly PressureLevel[] = ["medium", "critical"];

function memoryNotices(context: RuntimeContext, dirs: CgroupDirs, signal: AbortSignal): Notice[] {
  const notices: Notice[] = [];
  const watch = (event: Notice["event"], times: () => AsyncIterable<void>): void => {
    try {
      notices.push({ event, times: times() });
    } catch (error) {
      // A container without a memory cgroup, or whose user may not register there, has counters all the same.
      context.warn(SampanError.from(error).message);
    }
  };
  watch({ type: "oom" }, () => oomEvents(dirs, signal));
  for (const level of levels)
    watch({ type: "pressure", data: { level } }, () => pressureEvents(dirs, level, signal));
  return notices;
}

async function emitAll(id: string, { event, times }: Notice, emit: Emit): Promise<void> {
  const { type, ...rest } = event;
  for await (const _ of times) emit(JSON.stringify({ type, id, ...rest }));
}
