/** What is said of something that could not be done for a pod, when it is tried again, and in which words events tell of it. Pure. */
import type { StopReason } from "./plan.ts";
import type { PodError, PodReason } from "./pod-error.ts";
import type { Failure } from "./view.ts";
import type { Step } from "./plan.ts";

/** Milliseconds: the first, the longest. */
const pullDelays = [10_000, 300_000] as const;
const delays = [1000, 60_000] as const;

/** After another one of the same. */
export function nextFailure(
  before: Failure | undefined,
  { reason, message }: PodError,
  now: number,
): Failure {
  const count = (before?.count ?? 0) + 1;
  const isPull = reason === "ErrImagePull";
  const [first, longest] = isPull ? pullDelays : delays;
  return {
    reason: isPull && count > 1 ? "ImagePullBackOff" : reason,
    message,
    since: now,
    until: now + Math.min(first * 2 ** (count - 1), longest),
    count,
  };
}

export function isOfPull({ reason }: Failure): boolean {
  return reason === "ErrImagePull" || reason === "ImagePullBackOff";
}

/** Of what has no reason of its own. */
export const defaultReasons = {
  prepare: "FailedCreatePodSandBox",
  start: "CreateContainerError",
  stop: "CreateContainerError",
  remove: "CreateContainerError",
  rest: "FailedCreatePodSandBox",
  clear: "FailedCreatePodSandBox",
  finished: "FailedCreatePodSandBox",
} as const satisfies Readonly<Record<Step["do"], PodReason>>;

/** As kubelet words its events. */
export function eventReason({ reason }: PodError): string {
  return reason === "FailedMount" || reason === "FailedCreatePodSandBox" ? reason : "Failed";
}

export const killing = {
  ending: (name: string) => `Stopping container ${name}`,
  unwanted: (name: string) => `Stopping container ${name}`,
  changed: (name: string) => `Container ${name} definition changed, will be restarted`,
  liveness: (name: string) => `Container ${name} failed liveness probe, will be restarted`,
  startup: (name: string) => `Container ${name} failed startup probe, will be restarted`,
} as const satisfies Readonly<Record<StopReason, (name: string) => string>>;
