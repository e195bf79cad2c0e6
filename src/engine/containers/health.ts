/** When a container's health is looked at, and what becomes of it: Docker's rules. Pure. */
import type { CreateBody, HealthConfig } from "../../spec/docker/create.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import type { Health } from "./life.ts";

/** Milliseconds, but for the last. */
export interface HealthCheck {
  /** The words of the program. */
  readonly command: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

const defaults = { interval: 30_000, timeout: 30_000, startInterval: 5000, retries: 3 } as const;
/** Bytes of a probe's output that are kept, and how many probes. */
export const mostOutput = 4096;
const mostProbes = 5;

/** Undefined: none, or switched off. What the caller left out comes from the image. */
export function healthCheckOf(body: CreateBody, image: ImageConfigRun): HealthCheck | undefined {
  const own = body.Healthcheck ?? {};
  const base = (image.Healthcheck ?? {}) as HealthConfig;
  const test = own.Test?.length ? own.Test : (base.Test ?? []);
  const command = commandOf(test, body.Shell ?? image.Shell);
  if (command === undefined) return undefined;
  const time = (name: "Interval" | "Timeout" | "StartPeriod" | "StartInterval", otherwise: number) =>
    ((own[name] || base[name]) ?? 0) / 1e6 || otherwise;
  return {
    command,
    interval: time("Interval", defaults.interval),
    timeout: time("Timeout", defaults.timeout),
    startPeriod: time("StartPeriod", 0),
    startInterval: time("StartInterval", defaults.startInterval),
    retries: ((own.Retries || base.Retries) ?? 0) ? own.Retries || base.Retries || 0 : defaults.retries,
  };
}

function commandOf([kind, ...words]: readonly string[], shell: readonly string[] | null | undefined) {
  if (kind === "CMD" && words.length > 0) return words;
  if (kind === "CMD-SHELL" && words[0] !== undefined)
    return [...(shell?.length ? shell : ["/bin/sh", "-c"]), words[0]];
  return undefined;
}

export const unknownHealth: Health = { status: "starting", failingStreak: 0, log: [] };

export interface Probe {
  readonly start: Date;
  readonly end: Date;
  readonly exitCode: number;
  readonly output: string;
}

/** Milliseconds from the end of the last probe to the next. Until it was healthy once, and within the start period, probes come quicker. */
export function probeDelay(check: HealthCheck, health: Health, sinceStart: number): number {
  const isStarting = health.status === "starting" && sinceStart < check.startPeriod;
  return isStarting ? Math.min(check.startInterval, check.interval) : check.interval;
}

/** A failure within the start period does not count until it was healthy once. */
export function healthAfter(health: Health, probe: Probe, check: HealthCheck, started: Date): Health {
  const log = [...health.log, probe].slice(-mostProbes);
  if (probe.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  const isStarting =
    health.status === "starting" && probe.start.getTime() - started.getTime() < check.startPeriod;
  if (isStarting) return { ...health, log };
  const failingStreak = health.failingStreak + 1;
  return { status: failingStreak >= check.retries ? "unhealthy" : health.status, failingStreak, log };
}
