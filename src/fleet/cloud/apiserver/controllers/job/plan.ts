/** The next steps of a job. Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/ */
import { milliseconds, timestamp } from "../../../../../base/clock.ts";
import type { Condition, Job, JobStatus, Pod } from "../kinds.ts";
import { condition, isActive, isDeleting, isFinished, isReady, same, withCondition } from "../references.ts";
import { indexOf, isIndexed, track, type Tracked } from "./tracking.ts";

export interface JobState {
  readonly job: Job;
  /** All pods that the job controls. */
  readonly pods: readonly Pod[];
  readonly now: number;
}

export type JobStep =
  | { readonly do: "status"; readonly status: JobStatus }
  /** The tracking finalizer goes; only after the status before it is written. */
  | { readonly do: "release"; readonly pods: readonly Pod[] }
  | { readonly do: "delete pods"; readonly pods: readonly Pod[] }
  /** `indexes` of an Indexed job. */
  | { readonly do: "create pods"; readonly count: number; readonly indexes?: readonly number[] }
  | { readonly do: "delete job" }
  | {
      readonly do: "say";
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    }
  | { readonly do: "look again"; readonly after: number };

const mostAtOnce = 500;
const firstBackoff = 10_000;
const longestBackoff = 600_000;

export function planJob(state: JobState): readonly JobStep[] {
  const { job } = state;
  if (isDeleting(job)) return letGo(state);
  const end = endOf(job);
  if (end) return [...letGo(state), ...expiry(state, end)];
  return new Plan(state).steps();
}

/** Nothing is counted any more, so nothing has to hold a pod. */
function letGo({ pods }: JobState): readonly JobStep[] {
  const held = pods.filter((pod) => pod.metadata.finalizers?.includes("batch.kubernetes.io/job-tracking"));
  return held.length > 0 ? [{ do: "release", pods: held }] : [];
}

export function endOf({ status }: Job): Condition | undefined {
  return (status?.conditions ?? []).find(
    ({ type, status: is }) => (type === "Complete" || type === "Failed") && is === "True",
  );
}

function expiry({ job, now }: JobState, end: Condition): readonly JobStep[] {
  const { ttlSecondsAfterFinished } = job.spec;
  if (ttlSecondsAfterFinished === undefined) return [];
  const left = (milliseconds(end.lastTransitionTime) ?? now) + ttlSecondsAfterFinished * 1000 - now;
  return left > 0 ? [{ do: "look again", after: left }] : [{ do: "delete job" }];
}

class Plan {
  private readonly state: JobState;
  private readonly tracked: Tracked;
  private readonly active: readonly Pod[];
  private readonly terminating: number;
  private readonly said: JobStep[] = [];
  private conditions: readonly Condition[];
  private startTime: string | undefined;
  private completionTime: string | undefined;

  constructor(state: JobState) {
    const { job, pods } = state;
    this.state = state;
    this.conditions = job.status?.conditions ?? [];
    this.tracked = track(job, pods, this.target() !== undefined || job.spec.suspend === true);
    this.active = pods.filter(isActive);
    this.terminating = pods.filter((pod) => isDeleting(pod) && !isFinished(pod)).length;
    this.startTime = job.status?.startTime;
  }

  steps(): readonly JobStep[] {
    this.suspendOrResume();
    this.decide();
    const actions = this.actions();
    this.finish();
    const status = this.status();
    const { job } = this.state;
    const zeros = { active: 0, ready: 0, terminating: 0, succeeded: 0, failed: 0 };
    const steps: JobStep[] = [];
    if (!same({ ...zeros, ...(job.status ?? { startTime: "never" }) }, status)) {
      steps.push({ do: "status", status });
    }
    if (this.tracked.release.length > 0) steps.push({ do: "release", pods: this.tracked.release });
    return [...steps, ...actions, ...this.said];
  }

  /** Why the job is to end, once that is decided. */
  private target(): Condition | undefined {
    return this.conditions.find(
      ({ type, status }) => (type === "SuccessCriteriaMet" || type === "FailureTarget") && status === "True",
    );
  }

  private set(
    type: string,
    status: string,
    text: { readonly reason: string; readonly message: string },
  ): void {
    this.conditions = withCondition(this.conditions, { type, status, ...text }, this.state.now);
  }

  private suspendOrResume(): void {
    const { job, now } = this.state;
    if (this.target()) return;
    const suspended = condition(this.conditions, "Suspended");
    if (job.spec.suspend) {
      this.startTime = undefined;
      if (suspended?.status === "True") return;
      this.set("Suspended", "True", { reason: "JobSuspended", message: "Job suspended" });
      this.say("Normal", "Suspended", "Job suspended");
      return;
    }
    if (suspended?.status === "True") {
      this.set("Suspended", "False", { reason: "JobResumed", message: "Job resumed" });
      this.say("Normal", "Resumed", "Job resumed");
    }
    this.startTime ??= timestamp(now);
  }

  /** Has it failed, or is it done? Said as a target first: its end comes when the last pod is gone. */
  private decide(): void {
    if (this.target()) return;
    const failure = this.failure();
    if (failure) this.set("FailureTarget", "True", failure);
    else if (this.isDone()) {
      const message = "Reached expected number of succeeded pods";
      this.set("SuccessCriteriaMet", "True", { reason: "CompletionsReached", message });
    }
  }

  private failure(): { reason: string; message: string } | undefined {
    const { job, now } = this.state;
    if (this.tracked.failure !== undefined) {
      return { reason: "PodFailurePolicy", message: this.tracked.failure };
    }
    const { backoffLimit = 6, activeDeadlineSeconds } = job.spec;
    if (this.tracked.failed > backoffLimit || this.restarts() > backoffLimit) {
      return { reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit" };
    }
    const began = milliseconds(this.startTime);
    if (activeDeadlineSeconds === undefined || began === undefined) return undefined;
    if (now - began < activeDeadlineSeconds * 1000) return undefined;
    return { reason: "DeadlineExceeded", message: "Job was active longer than specified deadline" };
  }

  /** Restarts within pods count as failures too, where the pods restart their containers. */
  private restarts(): number {
    if (this.state.job.spec.template.spec.restartPolicy !== "OnFailure") return 0;
    const statuses = this.active.flatMap(({ status }) => [
      ...(status?.containerStatuses ?? []),
      ...(status?.initContainerStatuses ?? []),
    ]);
    return statuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
  }

  private isDone(): boolean {
    const { completions } = this.state.job.spec;
    if (this.state.job.spec.suspend) return completions === 0;
    if (completions !== undefined) return this.tracked.succeeded >= completions;
    return this.tracked.succeeded > 0 && this.active.length === 0;
  }

  private actions(): readonly JobStep[] {
    const { job, now } = this.state;
    if (this.target() || job.spec.suspend) {
      return this.active.length > 0 ? [{ do: "delete pods", pods: this.active }] : [];
    }
    const steps: JobStep[] = [...this.sizing()];
    const { activeDeadlineSeconds } = job.spec;
    const began = milliseconds(this.startTime);
    if (activeDeadlineSeconds !== undefined && began !== undefined) {
      steps.push({ do: "look again", after: began + activeDeadlineSeconds * 1000 - now });
    }
    return steps;
  }

  private sizing(): readonly JobStep[] {
    const { job, pods } = this.state;
    const { parallelism = 1, completions } = job.spec;
    const left = completions === undefined ? parallelism : completions - this.tracked.succeeded;
    // Without a number of completions the first success says that the work is done: no pod is added.
    const isEnding = completions === undefined && this.tracked.succeeded > 0;
    const wanted = isEnding ? Math.min(this.active.length, parallelism) : Math.min(parallelism, left);
    const waitsFor = job.spec.podReplacementPolicy === "Failed" ? this.terminating : 0;
    const missing = wanted - this.active.length - waitsFor;
    if (this.active.length > wanted) {
      const superfluous = this.active.toSorted((a, b) => Number(isReady(a)) - Number(isReady(b)));
      return [{ do: "delete pods", pods: superfluous.slice(0, this.active.length - wanted) }];
    }
    if (missing <= 0) return [];
    const wait = backoffOf(pods, this.state.now);
    if (wait > 0) return [{ do: "look again", after: wait }];
    const count = Math.min(missing, mostAtOnce);
    if (!isIndexed(job)) return [{ do: "create pods", count }];
    const indexes = this.freeIndexes(count);
    return indexes.length > 0 ? [{ do: "create pods", count: indexes.length, indexes }] : [];
  }

  private freeIndexes(count: number): readonly number[] {
    const { job } = this.state;
    const taken = new Set([...this.tracked.completed, ...this.active.map((pod) => indexOf(job, pod))]);
    const free: number[] = [];
    for (let index = 0; index < (job.spec.completions ?? 0) && free.length < count; index++) {
      if (!taken.has(index)) free.push(index);
    }
    return free;
  }

  /** The last pod is gone and counted: the target becomes the end. */
  private finish(): void {
    const target = this.target();
    const { succeeded = [], failed = [] } = this.tracked.status.uncountedTerminatedPods ?? {};
    const isBusy = this.active.length + this.terminating + succeeded.length + failed.length > 0;
    if (!target || isBusy || this.tracked.release.length > 0) return;
    const { reason = "", message = "" } = target;
    if (target.type === "FailureTarget") {
      this.set("Failed", "True", { reason, message });
      this.say("Warning", reason, message);
      return;
    }
    this.set("Complete", "True", { reason, message });
    this.completionTime = timestamp(this.state.now);
    this.say("Normal", "Completed", "Job completed");
  }

  private status(): JobStatus {
    return {
      active: this.active.length,
      ready: this.active.filter(isReady).length,
      terminating: this.terminating,
      ...this.tracked.status,
      ...(this.startTime === undefined ? {} : { startTime: this.startTime }),
      ...(this.completionTime === undefined ? {} : { completionTime: this.completionTime }),
      ...(this.conditions.length > 0 ? { conditions: this.conditions } : {}),
    };
  }

  private say(type: "Normal" | "Warning", reason: string, message: string): void {
    this.said.push({ do: "say", type, reason, message });
  }
}

/** Milliseconds to wait before the next pod: ten seconds after a failure, twice as long after each further one since the last success. */
export function backoffOf(pods: readonly Pod[], now: number): number {
  const ends = (phase: string): number[] =>
    pods.filter((pod) => pod.status?.phase === phase).map((pod) => endedAt(pod, now));
  const lastSuccess = Math.max(0, ...ends("Succeeded"));
  const failures = ends("Failed").filter((end) => end > lastSuccess);
  if (failures.length === 0) return 0;
  const wait = Math.min(longestBackoff, firstBackoff * 2 ** Math.min(failures.length - 1, 20));
  return Math.max(0, Math.max(...failures) + wait - now);
}

function endedAt(pod: Pod, now: number): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) =>
    milliseconds(state?.terminated?.finishedAt),
  );
  const known = ends.filter((end) => end !== undefined);
  if (known.length > 0) return Math.max(...known);
  return milliseconds(condition(pod.status?.conditions, "Ready")?.lastTransitionTime) ?? now - longestBackoff;
}
