/**
 * How the ended pods of a job are counted, each once, though pods may be deleted at any time and this process may stop at any time: an ended pod keeps a finalizer until its uid is in the
 * job's status; only then the finalizer goes, and only after that the uid becomes a count.
 * Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-tracking-with-finalizers
 */
import type { Job, JobStatus, Pod, PodFailureRule } from "../kinds.ts";
import { isDeleting, isFinished } from "../references.ts";
import { formatIndexes, parseIndexes } from "./indexes.ts";

export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const indexAnnotation = "batch.kubernetes.io/job-completion-index";

/** As many uids as the status may hold at a time. */
const mostUncounted = 500;

export function isIndexed(job: Job): boolean {
  return job.spec.completionMode === "Indexed";
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) ?? false;
}

/** The completion index of a pod; undefined where it has none or one that the job does not have. */
export function indexOf(job: Job, pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexAnnotation] ?? "";
  if (!/^\d+$/.test(text)) return undefined;
  return Number(text) < (job.spec.completions ?? 0) ? Number(text) : undefined;
}

/** A pod that is deleted before its end has failed, where it is replaced at once; with `Failed` only one that says so. */
export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  if (job.spec.podReplacementPolicy === "Failed") return false;
  return isDeleting(pod) && pod.status?.phase !== "Succeeded";
}

export interface Tracked {
  /** With counts, completed indexes and uids to be counted as they are to be written. */
  readonly status: Pick<JobStatus, "succeeded" | "failed" | "completedIndexes" | "uncountedTerminatedPods">;
  /** Pods whose finalizer may go once this status is written. */
  readonly release: readonly Pod[];
  /** Counted and not yet counted together. */
  readonly succeeded: number;
  readonly failed: number;
  readonly completed: ReadonlySet<number>;
  /** Why the job fails, by its pod failure policy. */
  readonly failure: string | undefined;
}

/** `isOver`: the job ends or is suspended, and what is deleted for that is no failure. */
export function track(job: Job, pods: readonly Pod[], isOver: boolean): Tracked {
  const { uncountedTerminatedPods: uncounted = {}, ...counts } = job.status ?? {};
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? "", pod]));
  const isHeld = (uid: string): boolean => {
    const pod = byUid.get(uid);
    return pod !== undefined && isTracked(pod);
  };
  const succeeded = (uncounted.succeeded ?? []).filter(isHeld);
  const failed = (uncounted.failed ?? []).filter(isHeld);
  let succeededCount = (counts.succeeded ?? 0) + (uncounted.succeeded ?? []).length - succeeded.length;
  const failedCount = (counts.failed ?? 0) + (uncounted.failed ?? []).length - failed.length;
  const completed = new Set(parseIndexes(counts.completedIndexes, job.spec.completions ?? 0));
  const release: Pod[] = [...succeeded, ...failed].flatMap((uid) => byUid.get(uid) ?? []);
  const known = new Set([...succeeded, ...failed]);
  let failure: string | undefined;
  for (const pod of pods) {
    const uid = pod.metadata.uid ?? "";
    if (!isTracked(pod) || known.has(uid)) continue;
    if (!isFinished(pod) && !isDeleting(pod)) continue;
    if (release.length >= mostUncounted) break;
    if (pod.status?.phase === "Succeeded") {
      if (isIndexed(job)) {
        const index = indexOf(job, pod);
        if (index !== undefined) completed.add(index);
      } else succeeded.push(uid);
    } else if (hasFailed(job, pod)) {
      const isLaidOff = isOver && pod.status?.phase !== "Failed";
      const rule = isLaidOff ? undefined : ruleFor(job, pod);
      if (rule?.action === "FailJob") failure ??= failureText(pod, rule);
      if (!isLaidOff && rule?.action !== "Ignore") failed.push(uid);
    } else continue;
    release.push(pod);
  }
  if (isIndexed(job)) succeededCount = completed.size;
  return {
    status: {
      succeeded: succeededCount,
      failed: failedCount,
      ...(isIndexed(job) ? { completedIndexes: formatIndexes(completed) } : {}),
      uncountedTerminatedPods: {
        ...(succeeded.length > 0 ? { succeeded } : {}),
        ...(failed.length > 0 ? { failed } : {}),
      },
    },
    release,
    succeeded: succeededCount + succeeded.length,
    failed: failedCount + failed.length,
    completed,
    failure,
  };
}

/** The first rule that a failed pod meets. Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy */
function ruleFor(job: Job, pod: Pod): PodFailureRule | undefined {
  if (pod.status?.phase !== "Failed") return undefined;
  return job.spec.podFailurePolicy?.rules.find((rule) => meetsRule(pod, rule));
}

function meetsRule({ status }: Pod, { onExitCodes, onPodConditions }: PodFailureRule): boolean {
  if (onExitCodes) {
    const { containerName, operator, values } = onExitCodes;
    const ended = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
    return ended.some(({ name, state }) => {
      const code = state?.terminated?.exitCode ?? 0;
      if (code === 0 || (containerName !== undefined && containerName !== name)) return false;
      return operator === "In" ? values.includes(code) : !values.includes(code);
    });
  }
  return (onPodConditions ?? []).some(({ type, status: wanted = "True" }) =>
    (status?.conditions ?? []).some((one) => one.type === type && one.status === wanted),
  );
}

function failureText(pod: Pod, { onExitCodes }: PodFailureRule): string {
  const { namespace = "", name = "" } = pod.metadata;
  if (!onExitCodes) return `Pod ${namespace}/${name} has a condition that fails the job`;
  const ended = pod.status?.containerStatuses?.find(({ state }) => (state?.terminated?.exitCode ?? 0) !== 0);
  const code = ended?.state?.terminated?.exitCode ?? 0;
  return `Container ${ended?.name ?? ""} for pod ${namespace}/${name} failed with exit code ${code} matching FailJob rule`;
}
