/** A pod's status as users of Kubernetes know it, from what its worker knows. Pure. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ */
import { timestamp } from "../../../base/clock.ts";
import type {
  ContainerState,
  ContainerStatus,
  PodCondition,
  PodStatus,
} from "../../../spec/kubernetes/pod.ts";
import { qosClass } from "./qos.ts";
import {
  appContainers,
  ephemeralContainers,
  exitCode,
  failedInit,
  hasEnded,
  hasStarted,
  initContainers,
  isComplete,
  isInitialized,
  isRunning,
  latest,
  previous,
  wantsRestart,
  type PodView,
  type Seen,
  type Wanted,
} from "./view.ts";
import { retryAt } from "./backoff.ts";

export interface StatusFacts {
  readonly hostIps: readonly string[];
  /** What was said last: moments of conditions that have not changed are kept. */
  readonly before: PodStatus | undefined;
}

export function statusOf(view: PodView, facts: StatusFacts): PodStatus {
  const { pod, sandbox, failed } = view;
  const own = sandbox?.ips ?? [];
  // Of one that has ended it stands there where it was.
  const kept =
    own.length === 0 && (failed || isComplete(view)) ? (facts.before?.podIPs ?? []).map(({ ip }) => ip) : own;
  const ips = pod.spec.hostNetwork ? facts.hostIps : kept;
  const list = (all: readonly Wanted[]) => all.map((each) => containerStatus(view, each));
  const init = list(initContainers(pod));
  const ephemeral = list(ephemeralContainers(pod));
  const [hostIP] = facts.hostIps;
  const [podIP] = ips;
  return {
    phase: phaseOf(view),
    conditions: conditionsOf(view, facts.before),
    ...(failed && { reason: failed.reason, message: failed.message }),
    ...(hostIP !== undefined && { hostIP, hostIPs: facts.hostIps.map((ip) => ({ ip })) }),
    ...(podIP !== undefined && { podIP, podIPs: ips.map((ip) => ({ ip })) }),
    startTime: timestamp(view.startTime),
    qosClass: qosClass(pod),
    ...(init.length > 0 && !(failed && view.seen.length === 0) && { initContainerStatuses: init }),
    // Nothing was made of one that was refused: kubectl shows its reason then.
    ...(!(failed && view.seen.length === 0) && { containerStatuses: list(appContainers(pod)) }),
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
  };
}

export function phaseOf(view: PodView): string {
  const { pod } = view;
  const apps = appContainers(pod).map((wanted) => latest(view, wanted.container.name));
  const running = view.seen.some(isRunning);
  if (view.failed && !running) return "Failed";
  if (isComplete(view)) {
    if (failedInit(view)) return "Failed";
    return apps.every((seen) => seen && exitCode(seen) === 0) ? "Succeeded" : "Failed";
  }
  if (view.ending && !running && apps.some((seen) => hasEnded(seen))) return endPhase(apps);
  if (apps.some((seen) => seen === undefined || (seen.state === "made" && !hasEnded(seen)))) return "Pending";
  if (!isInitialized(view) && !apps.some(isRunning)) return "Pending";
  return "Running";
}

/** Of one that was told to end: a deleted pod's last word. */
function endPhase(apps: readonly (Seen | undefined)[]): string {
  return apps.every((seen) => seen && exitCode(seen) === 0) ? "Succeeded" : "Failed";
}

function containerStatus(view: PodView, wanted: Wanted): ContainerStatus {
  const { container, kind } = wanted;
  const seen = latest(view, container.name);
  const state = stateOf(view, wanted, seen);
  const waits = state.waiting !== undefined && hasEnded(seen);
  const last = waits ? seen : previous(view, container.name);
  const started = hasStarted(view, seen);
  return {
    name: container.name,
    state,
    lastState: last && hasEnded(last) ? { terminated: terminated(last) } : {},
    ready: isReady(view, wanted, seen),
    ...(kind !== "ephemeral" && { started }),
    restartCount: seen?.attempt ?? 0,
    image: container.image,
    imageID: seen?.imageId ?? "",
    ...(seen && (seen.state !== "made" || hasEnded(seen)) && { containerID: containerId(seen) }),
  };
}

const containerId = ({ id }: Seen) => `sampan://${id}`;

/** An init container is ready when it has done its work. */
function isReady(view: PodView, { kind }: Wanted, seen: Seen | undefined): boolean {
  if (kind === "init") return seen?.state === "ended" && exitCode(seen) === 0;
  if (kind === "ephemeral" || view.ending?.kind === "gone") return false;
  return seen !== undefined && hasStarted(view, seen) && view.verdict(seen.id, "readiness") === true;
}

function stateOf(view: PodView, wanted: Wanted, seen: Seen | undefined): ContainerState {
  const { name } = wanted.container;
  if (isRunning(seen)) return { running: { startedAt: timestamp(seen.started ?? view.now) } };
  // What the pod as a whole waits for is told by events, as of kubelet.
  const failure = view.failures.get(name);
  const ends = view.ending !== undefined || view.failed !== undefined || isComplete(view);
  if (!ends && failure && (seen === undefined || !hasEnded(seen) || wantsRestart(view, wanted, seen)))
    return { waiting: { reason: failure.reason, message: failure.message } };
  if (!hasEnded(seen)) {
    const reason =
      isInitialized(view) || wanted.kind !== "app" || initContainers(view.pod).length === 0
        ? "ContainerCreating"
        : "PodInitializing";
    return { waiting: { reason } };
  }
  const wait = waitOf(view, wanted, seen);
  if (ends || wait === undefined) return { terminated: terminated(seen) };
  return {
    waiting: {
      reason: "CrashLoopBackOff",
      message: `back-off ${duration(wait)} restarting failed container=${name} pod=${view.pod.metadata.name ?? ""}_${view.pod.metadata.namespace ?? "default"}(${view.pod.metadata.uid ?? ""})`,
    },
  };
}

/** Milliseconds that it is held back for; undefined when it is not. */
function waitOf(view: PodView, wanted: Wanted, seen: Seen): number | undefined {
  if (!wantsRestart(view, wanted, seen) || seen.generation !== view.sandbox?.generation) return undefined;
  const backoff = view.backoffs.get(wanted.container.name);
  const at = retryAt(backoff, Math.min(seen.finished ?? view.now, view.now));
  return at > view.now ? backoff?.delay : undefined;
}

/** As Go writes one: `10s`, `1m20s`, `5m0s`. */
function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function terminated(seen: Seen) {
  const code = exitCode(seen);
  const never = seen.state === "made";
  const reason = never
    ? "ContainerCannotRun"
    : seen.oomKilled
      ? "OOMKilled"
      : code === 0
        ? "Completed"
        : "Error";
  const message = never ? seen.error : seen.message;
  return {
    exitCode: code,
    reason,
    ...(message && { message }),
    startedAt: timestamp(seen.started ?? seen.finished ?? 0),
    finishedAt: timestamp(seen.finished ?? seen.started ?? 0),
    containerID: containerId(seen),
  };
}

interface Verdict {
  readonly ok: boolean;
  readonly reason?: string;
  readonly message?: string;
}

function conditionsOf(view: PodView, before: PodStatus | undefined): PodCondition[] {
  const complete = isComplete(view);
  const phase = phaseOf(view);
  const initialized = initializedOf(view, complete);
  const containers = readyOf(view, phase, complete);
  const found: Record<string, Verdict> = {
    PodReadyToStartContainers: { ok: view.sandbox?.ready === true },
    Initialized: initialized,
    Ready: gatesOf(view, containers, before),
    ContainersReady: containers,
    PodScheduled: { ok: true },
  };
  return Object.entries(found).map(([type, verdict]) => condition(view, type, { verdict, before }));
}

function initializedOf(view: PodView, complete: boolean): Verdict {
  if (isInitialized(view) || (complete && !failedInit(view))) return { ok: true };
  const names = initContainers(view.pod)
    .filter(({ container }) => {
      const seen = latest(view, container.name);
      return seen?.state !== "ended" || exitCode(seen) !== 0;
    })
    .map(({ container }) => container.name);
  return {
    ok: false,
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: [${names.join(" ")}]`,
  };
}

function readyOf(view: PodView, phase: string, complete: boolean): Verdict {
  if (phase === "Failed") return { ok: false, reason: "PodFailed" };
  if (complete) return { ok: false, reason: "PodCompleted" };
  const wanted = [
    ...initContainers(view.pod).filter(({ kind }) => kind === "sidecar"),
    ...appContainers(view.pod),
  ];
  const unready = wanted
    .filter((each) => !isReady(view, each, latest(view, each.container.name)))
    .map(({ container }) => container.name);
  return unready.length === 0
    ? { ok: true }
    : {
        ok: false,
        reason: "ContainersNotReady",
        message: `containers with unready status: [${unready.join(" ")}]`,
      };
}

/** What others say of it stands in the pod as it came. */
function gatesOf({ pod }: PodView, containers: Verdict, before: PodStatus | undefined): Verdict {
  if (!containers.ok) return containers;
  const said = [...(pod.status?.conditions ?? []), ...(before?.conditions ?? [])];
  const missing = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => !said.some(({ type, status }) => type === conditionType && status === "True"),
  );
  if (missing.length === 0) return { ok: true };
  return {
    ok: false,
    reason: "ReadinessGatesNotReady",
    message: `corresponding condition of pod readiness gate "${missing[0]?.conditionType}" does not exist.`,
  };
}

function condition(
  view: PodView,
  type: string,
  { verdict, before }: { readonly verdict: Verdict; readonly before: PodStatus | undefined },
): PodCondition {
  const status = verdict.ok ? "True" : "False";
  const said = [...(before?.conditions ?? []), ...(view.pod.status?.conditions ?? [])].find(
    (each) => each.type === type,
  );
  const isSame = said?.status === status && said.lastTransitionTime !== undefined;
  return {
    type,
    status,
    lastProbeTime: null,
    lastTransitionTime: isSame ? (said.lastTransitionTime ?? "") : timestamp(view.now),
    ...(verdict.reason !== undefined && { reason: verdict.reason }),
    ...(verdict.message !== undefined && { message: verdict.message }),
  };
}

/** Whether nothing will ever change in it but its removal. */
export function isTerminal({ phase }: PodStatus): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
