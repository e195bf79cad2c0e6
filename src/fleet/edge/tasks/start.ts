/** What the cloud's jobs do here: Check and Pull; Check, BackUp, Update or Upgrade, and RollBack. One at a time, without a shell; every text of a job is data. */
import { SampanError } from "../../../base/errors.ts";
import { ensureImage } from "../edged/images.ts";
import type { Envelope } from "../../link/envelope.ts";
import {
  configJob,
  parseTaskResource,
  prePullJob,
  upgradeJob,
  type PrePullTemplate,
} from "../../link/kinds/jobs.ts";
import { taskRequest, type TaskRequest } from "../../link/kinds/tasks.ts";
import { upgradeRequest } from "../../link/kinds/upgrade.ts";
import type { EdgeContext } from "../part.ts";
import { checkMachine, thisMachine, type Machine } from "./check.ts";
import { endTrial, updateSettings, type SettingsFile } from "./config.ts";
import { pullAll, type PullImage } from "./prepull.ts";
import { Reporter, type PostReport, type Task } from "./report.ts";
import { TaskStore } from "./store.ts";
import { onConfirmed } from "./upgrade/confirm.ts";
import { fetchByEngine, type FetchProgram } from "./upgrade/fetch.ts";
import type { OwnProgram } from "./upgrade/own.ts";
import { planOfJob, planOfRequest, type UpgradePlan } from "./upgrade/plan.ts";
import { Upgrader } from "./upgrade/upgrader.ts";

export interface EdgeTasksOptions {
  /** Without it jobs that change settings are refused. */
  readonly settings?: SettingsFile;
  /** The engine's, where not said. */
  readonly pullImage?: PullImage;
  readonly machine?: Machine;
  /** Without it upgrades are refused. */
  readonly own?: OwnProgram;
  /** The engine's, where not said. */
  readonly fetchProgram?: FetchProgram;
  /** For clouds to 1.15, which hear of an upgrade by HTTPS alone. */
  readonly post?: PostReport;
}

/** Jobs that wait their turn. */
const mostWaiting = 10;
/** Milliseconds for a job that does not say. */
const usualTime = 300_000;

/** Resolves when it takes jobs. Ends when it is disposed of or its signal aborts: what runs is broken off, and told when it is asked for again. */
export function startEdgeTasks(
  context: EdgeContext,
  options: EdgeTasksOptions = {},
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const store = new TaskStore(context.root);
  const reporter = new Reporter(context, store, options.post);
  const tasks = new EdgeTasks({ ...context, signal }, { store, reporter, options });
  tasks.begin();
  context.link.on("tasks", (received) => tasks.take(received));
  context.link.on("upgrade", (received) => tasks.takeUpgrade(received));
  const confirming = onConfirmed(store.folder, (resource) => tasks.confirm(resource));
  return Promise.resolve({
    async [Symbol.asyncDispose]() {
      stop.abort();
      confirming[Symbol.dispose]();
      reporter[Symbol.dispose]();
      await tasks.settled;
    },
  });
}

interface Means {
  readonly store: TaskStore;
  readonly reporter: Reporter;
  readonly options: EdgeTasksOptions;
}

class EdgeTasks {
  /** When what was taken so far is through. */
  settled: Promise<void>;
  private readonly context: EdgeContext;
  private readonly means: Means;
  private readonly waiting = new Set<string>();
  /** Resources of upgrades that a person has released. */
  private readonly confirmed = new Set<string>();
  private readonly upgrader: Upgrader;

  constructor(context: EdgeContext, means: Means) {
    this.context = context;
    this.means = means;
    const { settings, own, fetchProgram = fetchByEngine(context.engine) } = means.options;
    this.upgrader = new Upgrader({
      ...means,
      context,
      own,
      fetchProgram,
      checkMachine: (items) => this.checkMachine(items),
    });
    this.settled = this.guarded(async () => {
      await this.upgrader.endTrial();
      if (settings && !own?.onTrial) await endTrial({ ...context, ...means, file: settings });
    });
  }

  /** Goes on with what the process before this one did not end. */
  begin(): void {
    for (const job of this.means.store.jobs) this.take(job);
  }

  /** @throws SampanError invalid_argument for what is no job; resource_exhausted when too many wait. */
  take(received: Envelope): void {
    // What is there for a moment begins nothing; the cloud hears no word of it and says it again.
    if (this.means.options.own?.onTrial) return;
    const { operation, resource, group } = received.route;
    if (group === "nodeupgradejobcontroller") {
      this.takeUpgrade(received);
      return;
    }
    const isState = operation === "upgrade" || operation === "prepull";
    const act = isState ? this.stateOf(received) : this.jobOf(received);
    const key = isState ? `${resource} ${taskRequest.parse(received.content).State}` : resource;
    // A cloud that is not sure says it again.
    if (this.waiting.has(key) || (!isState && this.means.reporter.waitsFor(resource))) return;
    if (this.waiting.size >= mostWaiting)
      throw new SampanError("resource_exhausted", `cannot take the job: ${mostWaiting} wait already`);
    this.waiting.add(key);
    // Images can be fetched again from the beginning; a change of settings is on trial instead.
    const isKept = !isState && parseTaskResource(resource).kind === "imageprepulljob";
    if (isKept) this.keep(received);
    this.queue(key, act, () => {
      if (isKept && !this.context.signal.aborted) this.letGo(resource);
    });
  }

  /** Of a cloud to 1.15. @throws SampanError invalid_argument for what is none. */
  takeUpgrade(received: Envelope): void {
    if (this.means.options.own?.onTrial) return;
    const request = upgradeRequest.parse(received.content);
    const { resource } = received.route;
    if (this.waiting.has(resource)) return;
    const { UpgradeID: upgrade, HistoryID: history } = request;
    const task: Task = { style: "post", resource, upgrade, history };
    this.waiting.add(resource);
    this.queue(resource, () => this.upgrade(task, () => planOfRequest(request), received));
  }

  /** A person has said yes to the job that waits. */
  confirm(resource: string): void {
    const { store } = this.means;
    const found = store.held.find(({ job }) => job.route.resource === resource);
    if (!found) return;
    store.setHeld(store.held.filter((each) => each !== found));
    this.confirmed.add(resource);
    this.take(found.job);
  }

  private queue(key: string, act: () => void | Promise<void>, then: () => void = () => {}): void {
    this.settled = this.settled
      .then(() => this.guarded(act))
      .finally(() => {
        this.waiting.delete(key);
        then();
      });
  }

  private keep(job: Envelope): void {
    const { store } = this.means;
    store.setJobs([...store.jobs.filter(({ route }) => route.resource !== job.route.resource), job]);
  }

  private letGo(resource: string): void {
    const { store } = this.means;
    store.setJobs(store.jobs.filter(({ route }) => route.resource !== resource));
  }

  private async guarded(act: () => void | Promise<void>): Promise<void> {
    try {
      if (!this.context.signal.aborted) await act();
    } catch (error) {
      this.context.log(`cannot do what the cloud asked: ${SampanError.from(error).message}`);
    }
  }

  private jobOf(received: Envelope): () => void | Promise<void> {
    const { route, content } = received;
    const { kind, node } = parseTaskResource(route.resource);
    if (node !== this.context.node)
      throw new SampanError("permission_denied", `cannot take the job: it is for node "${node}"`);
    const task: Task = { style: "action", resource: route.resource };
    switch (kind) {
      case "imageprepulljob": {
        const { imagePrePullTemplate: template } = prePullJob.parse(content);
        return async () => {
          if (this.check(task, template.checkItems ?? [])) await this.pull(task, template);
        };
      }
      case "configupdatejob": {
        const { updateFields } = configJob.parse(content);
        return () => this.configure(task, updateFields);
      }
      case "nodeupgradejob":
      case "upgrade": {
        const job = upgradeJob.parse(content);
        return () => this.upgrade(task, () => planOfJob(job), received);
      }
    }
  }

  private async upgrade(task: Task, make: () => UpgradePlan, received: Envelope): Promise<void> {
    const plan = this.planned(task, make, received);
    if (plan) await this.upgrader.run(task, plan, received);
  }

  /** Undefined when it was refused. */
  private planned(task: Task, make: () => UpgradePlan, { route }: Envelope): UpgradePlan | undefined {
    try {
      const plan = make();
      return { ...plan, isConfirmed: plan.isConfirmed || this.confirmed.has(route.resource) };
    } catch (error) {
      const { message: reason } = SampanError.from(error);
      this.means.reporter.report(task, { action: "Check", succ: false, reason });
      return undefined;
    }
  }

  /** Clouds of 1.16 to 1.20 lead each step. */
  private stateOf(received: Envelope): () => void | Promise<void> {
    const request = taskRequest.parse(received.content);
    const { node } = this.context;
    const task: Task = {
      style: "state",
      operation: request.Type,
      state: request.State,
      resource: `task/${request.TaskID}/node/${node}`,
    };
    return () => this.step(task, request, received);
  }

  private async step(task: Task, request: TaskRequest, received: Envelope): Promise<void> {
    const { reporter } = this.means;
    if (request.State === "" || request.State === "Init") {
      reporter.report(task, { action: "Init", succ: true });
      return;
    }
    if (request.Type === "upgrade") {
      const plan = this.planned(task, () => planOfRequest(request.Item), received);
      if (plan) await this.upgradeStep(task, { state: request.State, plan, received });
      return;
    }
    const { Images, Secret, RetryTimes, CheckItems } = request.Item;
    const template = { images: Images ?? [], imageSecrets: Secret, retryTimes: RetryTimes };
    if (request.State === "Checking") this.check(task, CheckItems ?? []);
    else if (request.State === "Pulling") await this.pull(task, template);
    else throw unknownState(request.State);
  }

  private async upgradeStep(
    task: Task,
    step: { readonly state: string; readonly plan: UpgradePlan; readonly received: Envelope },
  ): Promise<void> {
    const { state, plan, received } = step;
    if (state === "Checking") await this.upgrader.check(task, plan);
    else if (state === "BackingUp" && !plan.isConfirmed) this.upgrader.hold(task, plan, received);
    else if (state === "BackingUp") await this.upgrader.backUp(task, plan);
    else if (state === "Upgrading") this.upgrader.upgrade(task, plan);
    // It was done when the upgrade failed.
    else if (state === "RollingBack") this.means.reporter.report(task, { action: "RollBack", succ: true });
    else throw unknownState(state);
  }

  private checkMachine(items: readonly string[]): void {
    checkMachine(items, this.means.options.machine ?? thisMachine(this.context.engine.settings.root));
  }

  private check(task: Task, items: readonly string[]): boolean {
    const { reporter } = this.means;
    try {
      this.checkMachine(items);
      reporter.report(task, { action: "Check", succ: true });
      return true;
    } catch (error) {
      reporter.report(task, { action: "Check", succ: false, reason: SampanError.from(error).message });
      return false;
    }
  }

  private async pull(task: Task, template: PrePullTemplate): Promise<void> {
    const { reporter, options } = this.means;
    const limit = AbortSignal.timeout((template.timeoutSeconds || usualTime / 1000) * 1000);
    const signal = AbortSignal.any([this.context.signal, limit]);
    try {
      const results = await pullAll(this.context, options.pullImage ?? this.byEngine, { template, signal });
      // Told when it is asked for again, by the process that comes after this one.
      if (this.context.signal.aborted) return;
      const failed = results.filter(({ status }) => status === "False");
      reporter.report(task, {
        action: "Pull",
        succ: failed.length === 0,
        reason:
          failed.length === 0
            ? ""
            : `${failed.length} of ${results.length} images: ${failed[0]?.reason ?? ""}`,
        extend: JSON.stringify(results),
      });
    } catch (error) {
      if (this.context.signal.aborted) return;
      reporter.report(task, { action: "Pull", succ: false, reason: SampanError.from(error).message });
    }
  }

  private readonly byEngine: PullImage = async (image, secrets, signal) => {
    await ensureImage(this.context.engine, { container: { name: "", image }, secrets, signal });
  };

  private configure(task: Task, updateFields: Readonly<Record<string, string>>): void {
    const { reporter, options } = this.means;
    if (options.settings) {
      updateSettings({ ...this.context, ...this.means, file: options.settings }, task, updateFields);
      return;
    }
    const reason = "not supported here: this edge runs by flags, without a settings file that may be changed";
    reporter.report(task, { action: "Check", succ: false, reason });
  }
}

function unknownState(state: string): SampanError {
  return new SampanError(
    "invalid_argument",
    `cannot take the task: its state is ${JSON.stringify(state.slice(0, 80))}`,
  );
}
