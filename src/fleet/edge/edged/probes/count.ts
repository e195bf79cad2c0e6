/** When a probe is due, and what its looks add up to. Pure. https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/ */
import type { Probe } from "../../../../spec/kubernetes/pod.ts";
import type { ProbeKind } from "../translate.ts";
import type { ActionResult } from "./result.ts";

/** Milliseconds and counts, as the API fills them in. */
export interface Pace {
  readonly delay: number;
  readonly period: number;
  readonly timeout: number;
  readonly successes: number;
  readonly failures: number;
}

const day = 86_400;

function within(
  value: number | undefined,
  { least, otherwise }: { least: number; otherwise: number },
): number {
  const found = value !== undefined && Number.isFinite(value) ? value : otherwise;
  return Math.min(Math.max(found, least), day);
}

/** Nothing is looked at more often than once a second. */
export function paceOf(probe: Probe): Pace {
  return {
    delay: 1000 * within(probe.initialDelaySeconds, { least: 0, otherwise: 0 }),
    period: 1000 * within(probe.periodSeconds || undefined, { least: 1, otherwise: 10 }),
    timeout: 1000 * within(probe.timeoutSeconds || undefined, { least: 1, otherwise: 1 }),
    successes: within(probe.successThreshold || undefined, { least: 1, otherwise: 1 }),
    failures: within(probe.failureThreshold || undefined, { least: 1, otherwise: 3 }),
  };
}

export interface Count {
  readonly last: "success" | "failure" | undefined;
  /** How often in a row. */
  readonly run: number;
  readonly verdict: boolean | undefined;
}

export const noCount: Count = { last: undefined, run: 0, verdict: undefined };

/** A look that has learned nothing changes nothing. */
export function counted(
  count: Count,
  outcome: ActionResult["outcome"],
  { successes, failures }: Pace,
): Count {
  if (outcome === "unknown") return count;
  const run = outcome === count.last ? count.run + 1 : 1;
  const enough = run >= (outcome === "success" ? successes : failures);
  return { last: outcome, run, verdict: enough ? outcome === "success" : count.verdict };
}

/** The container will not be the same after it: it is to be killed, or it has started for good. */
export function isOver(kind: ProbeKind, { verdict }: Count): boolean {
  return kind === "startup" ? verdict !== undefined : kind === "liveness" && verdict === false;
}

/** Looks of many containers do not stay in step: up to a twentieth of the period later. */
export function nextLook(now: number, { period }: Pace, random: number): number {
  return now + period + Math.floor((period / 20) * random);
}
