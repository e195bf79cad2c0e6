/**
 * What is to be done for a pod next: a pure function of what is wanted and what is there. It gives steps that may be begun now, each at most once at a time for one container, and the moment at which
 * to look again though nothing has happened.
 */
import { retryAt } from "./backoff.ts";
import {
  allContainers,
  appContainers,
  containerHash,
  ephemeralContainers,
  exitCode,
  hasEnded,
  hasStarted,
  initContainers,
  isEnded,
  isComplete,
  isInitialized,
  isRunning,
  latest,
  wantsRestart,
  type PodView,
  type Seen,
  type Wanted,
} from "./view.ts";

export type StopReason = "ending" | "changed" | "startup" | "liveness" | "unwanted";

export type Step =
  /** Volumes and sandbox. */
  | { readonly do: "prepare" }
  | {
      readonly do: "start";
      readonly wanted: Wanted;
      readonly attempt: number;
      /** The one that ended, for the back-off. */
      readonly after?: Seen;
      /** One that was made and never started: it goes first. */
      readonly instead?: Seen;
    }
  /** Seconds of grace. */
  | { readonly do: "stop"; readonly seen: Seen; readonly grace: number; readonly why: StopReason }
  | { readonly do: "remove"; readonly seen: Seen }
  /** All has ended: nothing of it stays but its containers and their logs. */
  | { readonly do: "rest" }
  /** Nothing stays. */
  | { readonly do: "clear" }
  | { readonly do: "finished" };

export interface Plan {
  readonly steps: readonly Step[];
  readonly wake?: number;
  /** It is given up from now on. */
  readonly failed?: { readonly reason: string; readonly message: string };
}

/** Attempts that are kept besides the last: its log can be asked for. */
const kept = 1;
const defaultGrace = 30;

export function plan(view: PodView): Plan {
  const draft = new Draft(view);
  if (view.ending) planEnd(draft, view.ending.until, view.ending.kind);
  else if (view.failed) planEnd(draft, view.now + (view.failed.grace ?? graceOf(view)) * 1000, "failed");
  else {
    const failed = overDeadline(draft);
    if (failed) return { steps: [], failed };
    if (isComplete(view)) planEnd(draft, view.now + graceOf(view) * 1000, "failed");
    else planRun(draft);
  }
  return draft.plan;
}

export function graceOf({ pod }: Pick<PodView, "pod">): number {
  return pod.spec.terminationGracePeriodSeconds ?? defaultGrace;
}

class Draft {
  readonly view: PodView;
  readonly #steps: Step[] = [];
  #wake: number | undefined;

  constructor(view: PodView) {
    this.view = view;
  }

  add(step: Step): void {
    this.#steps.push(step);
  }

  /** Whether that moment has come; if not it is waited for. */
  isDue(at: number): boolean {
    if (at <= this.view.now) return true;
    this.#wake = Math.min(at, this.#wake ?? at);
    return false;
  }

  get plan(): Plan {
    return { steps: this.#steps, ...(this.#wake !== undefined && { wake: this.#wake }) };
  }
}

function overDeadline(draft: Draft): Plan["failed"] {
  const { pod, startTime } = draft.view;
  const seconds = pod.spec.activeDeadlineSeconds;
  if (seconds === undefined || !draft.isDue(startTime + seconds * 1000)) return undefined;
  return {
    reason: "DeadlineExceeded",
    message: "Pod was active on the node longer than the specified deadline",
  };
}

/** `failed`: its containers stay, for who wants to know what they said. */
function planEnd(draft: Draft, until: number, kind: "deleted" | "gone" | "failed"): void {
  const { view } = draft;
  const running = view.seen.filter(isRunning);
  if (running.length > 0) {
    const grace = Math.max(0, Math.ceil((until - view.now) / 1000));
    for (const seen of stoppable(view, running, grace))
      if (!view.busy.has(seen.name)) draft.add({ do: "stop", seen, grace, why: "ending" });
    return;
  }
  if (view.busy.size > 0) return;
  if (!retryDue(draft, "")) return;
  if (kind === "failed") {
    if (view.sandbox?.ready || view.touched) draft.add({ do: "rest" });
    return;
  }
  draft.add({ do: view.sandbox || view.touched || view.seen.length > 0 ? "clear" : "finished" });
}

/** Those whom sidecars serve first, then sidecars from the last to the first; without time all at once. */
function stoppable({ pod }: PodView, running: readonly Seen[], grace: number): readonly Seen[] {
  const sidecars = initContainers(pod)
    .filter(({ kind }) => kind === "sidecar")
    .map(({ container }) => container.name);
  const served = running.filter(({ name }) => !sidecars.includes(name));
  if (grace === 0) return running;
  if (served.length > 0) return served;
  const last = sidecars.findLast((name) => running.some((each) => each.name === name));
  return running.filter(({ name }) => name === last);
}

function planRun(draft: Draft): void {
  const { view } = draft;
  stopUnwanted(draft);
  if (!view.sandbox?.ready || !view.mounted) {
    if (!view.busy.has("") && retryDue(draft, "")) draft.add({ do: "prepare" });
    return;
  }
  const initialized = isInitialized(view);
  if (!planInits(draft, initialized)) return;
  for (const wanted of appContainers(view.pod)) planContainer(draft, wanted);
  for (const wanted of ephemeralContainers(view.pod))
    if (latest(view, wanted.container.name) === undefined) planStart(draft, wanted, undefined);
}

function retryDue(draft: Draft, name: string): boolean {
  const failure = draft.view.failures.get(name);
  // A clock that was set back would hold it for as long as it was wrong.
  return failure === undefined || draft.view.now < failure.since || draft.isDue(failure.until);
}

/** Old attempts, and containers that the pod does not have. */
function stopUnwanted(draft: Draft): void {
  const { view } = draft;
  const names = new Set(allContainers(view.pod).map(({ container }) => container.name));
  const byName = Map.groupBy(view.seen, ({ name }) => name);
  for (const [name, attempts] of byName) {
    if (view.busy.has(name)) continue;
    const old = names.has(name)
      ? attempts.toSorted((a, b) => b.attempt - a.attempt).slice(1 + kept)
      : attempts;
    for (const seen of old)
      draft.add(
        isRunning(seen)
          ? { do: "stop", seen, grace: graceOf(view), why: "unwanted" }
          : { do: "remove", seen },
      );
  }
}

/** One after the other. True when those of the pod may start. */
function planInits(draft: Draft, initialized: boolean): boolean {
  const { view } = draft;
  for (const wanted of initContainers(view.pod)) {
    const seen = latest(view, wanted.container.name);
    if (wanted.kind === "sidecar") {
      planContainer(draft, wanted);
      if (!initialized && !hasStarted(view, seen)) return false;
      continue;
    }
    if (initialized) continue;
    const isFresh = seen?.generation === view.sandbox?.generation;
    if (isFresh && seen?.state === "ended" && exitCode(seen) === 0) continue;
    if (isRunning(seen)) return false;
    planStart(draft, wanted, seen);
    return false;
  }
  return true;
}

/** Of the pod's own, and sidecars. */
function planContainer(draft: Draft, wanted: Wanted): void {
  const { view } = draft;
  const seen = latest(view, wanted.container.name);
  if (view.busy.has(wanted.container.name)) return;
  if (isRunning(seen)) {
    const why = reasonToStop(view, wanted, seen);
    if (why) draft.add({ do: "stop", seen, grace: stopGrace(view, wanted, why), why });
    return;
  }
  if (hasEnded(seen) && !wantsRestart(view, wanted, seen)) return;
  planStart(draft, wanted, seen);
}

function reasonToStop(view: PodView, { container }: Wanted, seen: Seen): StopReason | undefined {
  if (seen.hash !== containerHash(container)) return "changed";
  if (view.verdict(seen.id, "startup") === false && container.startupProbe) return "startup";
  return view.verdict(seen.id, "liveness") === false ? "liveness" : undefined;
}

function stopGrace(view: PodView, { container }: Wanted, why: StopReason): number {
  const probe =
    why === "startup" ? container.startupProbe : why === "liveness" ? container.livenessProbe : undefined;
  return probe?.terminationGracePeriodSeconds ?? graceOf(view);
}

function planStart(draft: Draft, wanted: Wanted, seen: Seen | undefined): void {
  const { view } = draft;
  const { name } = wanted.container;
  if (view.busy.has(name) || !retryDue(draft, name)) return;
  if (seen === undefined) return draft.add({ do: "start", wanted, attempt: 0 });
  if (!isEnded(seen)) return draft.add({ do: "start", wanted, attempt: seen.attempt, instead: seen });
  const isFresh = seen.generation === view.sandbox?.generation;
  // What went with the machine did not crash.
  if (
    isFresh &&
    !draft.isDue(retryAt(view.backoffs.get(name), Math.min(seen.finished ?? view.now, view.now)))
  )
    return;
  draft.add({ do: "start", wanted, attempt: seen.attempt + 1, ...(isFresh && { after: seen }) });
}
