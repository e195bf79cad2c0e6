/**
 * One pod on this node. Whatever happens wakes it: a change of the pod, of its containers, of a probe, a moment that was waited for. It then looks at everything anew, begins what plan.ts says, and
 * tells its status when that is another one. Nothing that it does holds it up, and what it knows in memory only is back-off and what runs at the moment.
 */
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import type { Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";
import { tried, type Backoff } from "./backoff.ts";
import { defaultReasons, eventReason, isOfPull, killing, nextFailure } from "./failures.ts";
import { LastWords } from "./last-words.ts";
import { observe } from "./observe.ts";
import * as operations from "./operations.ts";
import type { EdgedParts, Listener } from "./parts.ts";
import { graceOf, plan, type Step } from "./plan.ts";
import { PodError } from "./pod-error.ts";
import { VolumeRefresh } from "./refresh.ts";
import { statusOf } from "./status.ts";
import type { ProbeResult } from "./translate.ts";
import {
  allContainers,
  hasEnded,
  isRunning,
  latest,
  type Ending,
  type Failure,
  type PodView,
} from "./view.ts";

export interface WorkerOptions {
  readonly parts: EdgedParts;
  readonly listener: Listener;
  /** The sandbox that there is already. */
  readonly sandbox?: string;
  /** What was told of it before this process began. */
  readonly before?: PodStatus;
}

interface Operation {
  readonly controller: AbortController;
  readonly step: Step;
  readonly done: Promise<void>;
}

export class Worker implements AsyncDisposable {
  readonly uid: string;
  readonly #parts: EdgedParts;
  readonly #listener: Listener;
  readonly #folder: string;
  readonly #words: LastWords;
  readonly #refresh: VolumeRefresh;
  #pod: Pod;
  #sandbox: string | undefined;
  #prepared: operations.Prepared | undefined;
  #touched = true;
  #ending: Ending | undefined;
  #failed: PodView["failed"];
  #status: PodStatus | undefined;
  #told = "";
  #startTime: number;
  #busy = new Map<string, Operation>();
  #failures = new Map<string, Failure>();
  #backoffs = new Map<string, Backoff>();
  #again = new Set<string>();
  #hooking = new Map<string, AbortController>();
  #probed = new Set<string>();
  #isScheduled = false;
  #finishedAs: Ending["kind"] | undefined;
  #isDisposed = false;
  #cancelTimer = () => {};

  constructor(pod: Pod, { parts, listener, sandbox, before }: WorkerOptions) {
    this.uid = pod.metadata.uid ?? "";
    this.#pod = pod;
    this.#parts = parts;
    this.#listener = listener;
    this.#folder = join(parts.folder, this.uid);
    this.#words = new LastWords({ engine: parts.engine, folder: this.#folder, changed: () => this.wake() });
    this.#refresh = new VolumeRefresh(parts);
    this.#sandbox = sandbox;
    this.#status = before;
    const started = Date.parse(before?.startTime ?? pod.status?.startTime ?? "");
    this.#startTime = Number.isNaN(started) ? parts.clock.now() : started;
    if (before?.phase === "Failed" && before.reason !== undefined)
      this.#failed = { reason: before.reason, message: before.message ?? "" };
    this.#markEnding();
    this.wake();
  }

  get pod(): Pod {
    return this.#pod;
  }

  get status(): PodStatus | undefined {
    return this.#status;
  }

  get sandbox(): string | undefined {
    return this.#sandbox;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  get isFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** It was given up, and something of it still runs. */
  get isLeaving(): boolean {
    return this.#failed !== undefined && this.#prepared !== undefined;
  }

  /** What is wanted now. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#markEnding();
    this.wake();
  }

  /** Nobody wants it, nor to hear of it. */
  orphan(): void {
    const grace = this.#pod.metadata.deletionGracePeriodSeconds ?? graceOf({ pod: this.#pod });
    this.#end({ kind: "gone", until: this.#parts.clock.now() + grace * 1000 });
    this.wake();
  }

  /** Evicted: it is Failed, and ends with what time is left to it, in seconds. */
  fail(reason: string, message: string, grace?: number): void {
    if (this.#ending || this.#failed) return;
    this.#failed = { reason, message, ...(grace !== undefined && { grace }) };
    this.#listener.event(this.#pod, "Warning", { reason, message });
    for (const { step, controller } of this.#busy.values()) if (step.do === "start") controller.abort();
    this.wake();
  }

  /** What could not be done before may be possible now: tries again at once. */
  retry({ pulls = true }: { readonly pulls?: boolean } = {}): void {
    for (const [name, failure] of this.#failures)
      if (pulls || !isOfPull(failure)) this.#failures.delete(name);
    this.wake();
  }

  /** Contents of its volumes may have changed at their sources. */
  refresh(): void {
    this.#refresh.now(() => (this.#prepared && !this.#ending ? this.#pod : undefined));
  }

  probed({ id, kind, success, message }: ProbeResult): void {
    const { seen } = this.#view();
    const one = seen.find((each) => each.id === id);
    if (one && !success)
      this.#listener.event(this.#pod, "Warning", {
        reason: "Unhealthy",
        message: `${kind[0]?.toUpperCase()}${kind.slice(1)} probe failed: ${message}`,
        container: one.name,
      });
    this.wake();
  }

  wake(): void {
    if (this.#isScheduled || this.#isDisposed) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#isDisposed) return;
      try {
        this.#turn();
      } catch (error) {
        this.#parts.log(`cannot go on with pod "${this.#name}": ${SampanError.from(error).message}`);
        this.#wakeAt(this.#parts.clock.now() + 1000);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#cancelTimer();
    this.#refresh[Symbol.dispose]();
    const operations = [...this.#busy.values()];
    for (const { controller } of operations) controller.abort();
    for (const controller of this.#hooking.values()) controller.abort();
    for (const id of this.#probed) this.#parts.means.probes.stop(id);
    await Promise.allSettled(operations.map(({ done }) => done));
  }

  get #name(): string {
    const { namespace = "default", name = "" } = this.#pod.metadata;
    return `${namespace}/${name}`;
  }

  #markEnding(): void {
    const { deletionTimestamp, deletionGracePeriodSeconds } = this.#pod.metadata;
    if (deletionTimestamp === undefined) return;
    const grace = deletionGracePeriodSeconds ?? graceOf({ pod: this.#pod });
    this.#end({ kind: "deleted", until: this.#parts.clock.now() + grace * 1000 });
  }

  /** Time that was given once may become shorter, never longer. What is being stopped is stopped again then, what is being started is not. */
  #end(ending: Ending): void {
    const before = this.#ending;
    const until = Math.min(ending.until, before?.until ?? ending.until);
    this.#ending = { kind: before?.kind === "gone" ? "gone" : ending.kind, until };
    const left = until - this.#parts.clock.now();
    for (const { step, controller } of this.#busy.values())
      if (
        step.do === "start" ||
        step.do === "prepare" ||
        (step.do === "stop" && isSooner(step.grace, { left, before, until }))
      )
        controller.abort();
    this.#failures.clear();
  }

  #view(): PodView {
    const { engine, clock, means } = this.#parts;
    const observed = this.#sandbox === undefined ? undefined : observe(engine, this.#sandbox);
    if (!observed) this.#sandbox = undefined;
    return {
      pod: this.#pod,
      now: clock.now(),
      sandbox: observed?.sandbox,
      mounted: this.#prepared !== undefined,
      touched: this.#touched,
      seen: this.#words.of(this.#pod, observed?.seen ?? []),
      busy: new Set(this.#busy.keys()),
      failures: this.#failures,
      backoffs: this.#backoffs,
      again: this.#again,
      hooking: new Set(this.#hooking.keys()),
      verdict: (id, kind) => means.probes.verdict(id, kind),
      ending: this.#ending,
      failed: this.#failed,
      startTime: this.#startTime,
    };
  }

  #turn(): void {
    const view = this.#view();
    this.#followProbes(view);
    const { steps, wake, failed } = plan(view);
    if (failed) {
      this.fail(failed.reason, failed.message);
      return;
    }
    this.#cancelTimer();
    for (const step of steps) this.#perform(step);
    if (wake !== undefined) this.#wakeAt(wake);
    this.#tell();
  }

  #wakeAt(at: number): void {
    const { clock } = this.#parts;
    this.#cancelTimer();
    this.#cancelTimer = clock.after(Math.max(0, at - clock.now()), () => this.wake());
  }

  #tell(): void {
    const { facts } = this.#parts;
    const view = this.#view();
    // What is cleared away was told before.
    if (this.#ending?.kind === "gone" || (this.#ending && view.seen.length === 0)) return;
    const status = statusOf(view, { hostIps: facts.ips, before: this.#status });
    const text = JSON.stringify(status);
    if (text === this.#told) return;
    this.#told = text;
    this.#status = status;
    this.#listener.status(this.#pod, status);
  }

  /** Those of containers that run are begun, also of those that were found running; of others ended. */
  #followProbes({ seen, sandbox }: PodView): void {
    const { probes } = this.#parts.means;
    const running = new Map(seen.filter(isRunning).map((each) => [each.id, each]));
    for (const id of this.#probed)
      if (!running.has(id)) {
        probes.stop(id);
        this.#probed.delete(id);
        this.#hooking.get(id)?.abort();
      }
    if (this.#ending || this.#failed) return;
    for (const { id, name } of running.values()) {
      const wanted = allContainers(this.#pod).find(({ container }) => container.name === name);
      if (!wanted || this.#probed.has(id) || wanted.kind === "ephemeral") continue;
      this.#probed.add(id);
      const podIp = () => (this.#pod.spec.hostNetwork ? this.#parts.facts.ips[0] : sandbox?.ips[0]);
      probes.start({ pod: this.#pod, container: wanted.container, id, podIp });
    }
  }

  #perform(step: Step): void {
    switch (step.do) {
      case "finished":
        return this.#finish();
      case "start":
        return this.#begin(step.wanted.container.name, step);
      case "stop":
      case "remove":
        return this.#begin(step.seen.name, step);
      case "prepare":
      case "rest":
      case "clear":
        return this.#begin("", step);
    }
  }

  #finish(): void {
    const kind = this.#ending?.kind;
    if (this.#finishedAs === kind) return;
    this.#finishedAs = kind;
    if (kind === "gone") this.#listener.gone(this.uid);
    else this.#listener.ended(this.#pod);
  }

  #begin(name: string, step: Step): void {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal, this.#parts.signal]);
    const done = this.#run(name, step, signal).finally(() => {
      this.#busy.delete(name);
      this.wake();
    });
    this.#busy.set(name, { controller, step, done });
  }

  async #run(name: string, step: Step, signal: AbortSignal): Promise<void> {
    try {
      await this.#do(step, signal);
      this.#failures.delete(name);
    } catch (error) {
      if (signal.aborted) return;
      this.#failedTo(name, PodError.of(defaultReasons[step.do], error));
    }
  }

  async #do(step: Step, signal: AbortSignal): Promise<void> {
    const sandbox = this.#sandbox;
    switch (step.do) {
      case "prepare":
        this.#touched = true;
        this.#prepared = await operations.prepare(this.#parts, this.#pod, {
          sandbox,
          signal,
          made: (id) => {
            this.#sandbox = id;
          },
        });
        return this.refresh();
      case "start":
        return await this.#start(step, signal);
      case "stop":
        return await this.#stop(step, signal);
      case "remove":
        return await operations.remove(this.#parts, step, this.#folder);
      case "rest":
        await operations.rest(this.#parts, this.uid, sandbox);
        this.#prepared = undefined;
        this.#touched = false;
        return;
      case "clear":
        await operations.clear(this.#parts, this.uid, { sandbox, folder: this.#folder });
        this.#prepared = undefined;
        this.#touched = false;
        return;
      case "finished":
    }
  }

  async #start(step: operations.Do<"start">, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const { container } = step.wanted;
    const prepared = this.#prepared;
    if (!prepared)
      throw new SampanError("internal", "cannot start a container of a pod that is not prepared");
    const { after } = step;
    if (after) {
      const now = clock.now();
      this.#backoffs.set(
        container.name,
        tried(this.#backoffs.get(container.name), after.finished ?? now, now),
      );
      this.#again.delete(after.id);
    }
    const hook = container.lifecycle?.postStart;
    const hooking = new AbortController();
    let made = "";
    try {
      await operations.start(this.#parts, {
        pod: this.#pod,
        step,
        prepared,
        folder: this.#folder,
        signal,
        made: (id) => {
          made = id;
          if (hook) this.#hooking.set(id, hooking);
        },
      });
    } catch (error) {
      this.#hooking.delete(made);
      throw error;
    }
    this.#listener.event(this.#pod, "Normal", {
      reason: "Started",
      message: `Started container ${container.name}`,
      container: container.name,
    });
    if (hook) void this.#hook(made, step, hooking);
  }

  /** A container whose hook fails is ended, and then as its policy says. */
  async #hook(
    id: string,
    { wanted: { container } }: operations.Do<"start">,
    controller: AbortController,
  ): Promise<void> {
    const { means, log } = this.#parts;
    const action = container.lifecycle?.postStart ?? {};
    const podIp = this.#prepared?.sandbox.ips[0];
    try {
      await means.hook(
        action,
        { kind: "postStart", pod: this.#pod, container, id, podIp },
        controller.signal,
      );
    } catch (error) {
      if (controller.signal.aborted) return;
      const { message } = PodError.of("PostStartHookError", error);
      this.#listener.event(this.#pod, "Warning", {
        reason: "FailedPostStartHook",
        message,
        container: container.name,
      });
      const seen = latest(this.#view(), container.name);
      if (seen?.id === id && isRunning(seen))
        await operations
          .stop(this.#parts, {
            pod: this.#pod,
            step: { do: "stop", seen, grace: graceOf({ pod: this.#pod }), why: "ending" },
            podIp,
            signal: controller.signal,
          })
          .catch((failure: unknown) => log(SampanError.from(failure).message));
    } finally {
      this.#hooking.delete(id);
      this.wake();
    }
  }

  async #stop(step: operations.Do<"stop">, signal: AbortSignal): Promise<void> {
    const { seen, why } = step;
    this.#parts.means.probes.stop(seen.id);
    if (
      why === "changed" ||
      ((why === "liveness" || why === "startup") && this.#pod.spec.restartPolicy !== "Never")
    )
      this.#again.add(seen.id);
    this.#listener.event(this.#pod, "Normal", {
      reason: "Killing",
      message: killing[why](seen.name),
      container: seen.name,
    });
    const podIp = this.#prepared?.sandbox.ips[0];
    const failure = await operations.stop(this.#parts, { pod: this.#pod, step, podIp, signal });
    if (failure)
      this.#listener.event(this.#pod, "Warning", {
        reason: "FailedPreStopHook",
        message: failure.message,
        container: seen.name,
      });
  }

  #failedTo(name: string, error: PodError): void {
    const { clock, log } = this.#parts;
    log(`pod "${this.#name}": ${error.message}`);
    if (error.isFinal) return this.fail(error.reason, error.message);
    this.#listener.event(this.#pod, "Warning", {
      reason: eventReason(error),
      message: error.message,
      ...(name !== "" && { container: name }),
    });
    // The engine's row says of a start that failed what there is to say.
    if (error.reason === "RunContainerError" && hasEnded(latest(this.#view(), name))) return;
    this.#failures.set(name, nextFailure(this.#failures.get(name), error, clock.now()));
  }
}

/** Whether a stop that was given so many seconds has less now. */
function isSooner(
  grace: number,
  {
    left,
    before,
    until,
  }: { readonly left: number; readonly before: Ending | undefined; readonly until: number },
): boolean {
  return before ? until < before.until : left < grace * 1000;
}
