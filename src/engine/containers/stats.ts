/**
 * What a container uses: the counters of its cgroup and of its network devices, with those of the host that they are held against. Docker's per cents are made of two samples
 * by who shows them.
 */
import { SampanError } from "../../base/errors.ts";
import { readText } from "../../kernel/files.ts";
import type { RuntimeStats } from "../../runtime/runtime.ts";
import type { LiveEngine } from "../engine.ts";
import type { Traffic } from "../networks/networks.ts";
import type { ContainerInfo } from "./containers.ts";
import { hostCpu, hostMemory } from "./stats-figures.ts";

export type StatsParts = Pick<LiveEngine, "containers" | "runtimes" | "networks">;

export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  readonly time: Date;
  /** Undefined while it does not run. */
  readonly used: RuntimeStats | undefined;
  /** By the device's name inside. */
  readonly networks: Readonly<Record<string, Traffic>>;
  readonly host: {
    /** Nanoseconds that have passed on all processors together. */
    readonly cpu: number;
    readonly processors: number;
    /** Bytes. */
    readonly memory: number;
  };
}

/** How often a stream has a sample. */
const every = 1000;

/** Now. Errors: `not_found`. */
export async function statsOf(engine: StatsParts, reference: string): Promise<ContainerStats> {
  const container = engine.containers.get(reference);
  const used = isAlive(container) ? await usedBy(engine, container) : undefined;
  const { system, processors } = hostCpu(readText("/proc/stat"));
  return {
    id: container.id,
    name: container.name,
    time: new Date(),
    used,
    networks: used ? await trafficOf(engine, container.id) : {},
    host: { cpu: system, processors, memory: hostMemory(readText("/proc/meminfo")) },
  };
}

/** One sample now and one each second, until the signal or the container's removal; also while it does not run. A slow reader gets fewer. */
export async function* followStats(
  engine: StatsParts,
  reference: string,
  signal: AbortSignal,
): AsyncGenerator<ContainerStats, void, undefined> {
  const { id } = engine.containers.get(reference);
  for (let next = performance.now(); !signal.aborted;) {
    const stats = await orGone(statsOf(engine, id));
    if (!stats) return;
    yield stats;
    next = Math.max(next + every, performance.now());
    await until(next, signal);
  }
}

const isAlive = ({ state }: ContainerInfo): boolean => state === "running" || state === "paused";

/** Undefined too for one that ended at this moment. */
async function usedBy(
  { runtimes }: StatsParts,
  { id, body }: ContainerInfo,
): Promise<RuntimeStats | undefined> {
  const runtime = runtimes.get(body.HostConfig?.Runtime || undefined);
  try {
    return await runtime.stats(id);
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code === "not_found" || code === "failed_precondition") return undefined;
    throw error;
  }
}

async function trafficOf({ networks }: StatsParts, id: string): Promise<Readonly<Record<string, Traffic>>> {
  try {
    return await networks.traffic(id);
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return {};
    throw error;
  }
}

async function orGone<Result>(promise: Promise<Result>): Promise<Result | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
}

/** Resolves at that time of performance.now(), or with the signal. */
async function until(time: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = () => resolve();
  const timer = setTimeout(wake, time - performance.now());
  signal.addEventListener("abort", wake, { once: true });
  if (signal.aborted) resolve();
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
  }
}
