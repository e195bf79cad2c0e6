/** An upgrade of this program: Check, a person's word where one is wanted, BackUp, and the trial. How that went is told by the process that comes after. */
import { rmSync } from "node:fs";
import { SampanError } from "../../../../base/errors.ts";
import type { Envelope } from "../../../link/envelope.ts";
import type { EdgeContext } from "../../part.ts";
import { connectedWithin } from "../connected.ts";
import type { Reporter, Said, Task } from "../report.ts";
import type { TaskStore } from "../store.ts";
import type { FetchProgram } from "./fetch.ts";
import { newProgram, type OwnProgram } from "./own.ts";
import { plainVersion, type UpgradePlan } from "./plan.ts";
import { checkProgram, requireReplaceable } from "./program.ts";
import { backUp, decide, hasStood, isFailed, trialTime } from "./trial.ts";

export interface UpgradeParts {
  readonly context: Pick<EdgeContext, "link" | "clock" | "log" | "signal" | "root">;
  readonly store: TaskStore;
  readonly reporter: Reporter;
  /** Without it every upgrade is refused. */
  readonly own: OwnProgram | undefined;
  readonly fetchProgram: FetchProgram;
  /** Errors: `failed_precondition` for what this machine is short of. */
  readonly checkMachine: (items: readonly string[]) => void;
}

/** A cloud that says a job again has not heard yet that it failed. */
const again = 120_000;

export class Upgrader {
  private readonly parts: UpgradeParts;

  constructor(parts: UpgradeParts) {
    this.parts = parts;
  }

  /** All steps. `job`: what is kept while a person is waited for. */
  async run(task: Task, plan: UpgradePlan, job: Envelope): Promise<void> {
    if (!(await this.check(task, plan)) || this.isThat(task, plan)) return;
    if (!plan.isConfirmed) this.hold(task, plan, job);
    else if ((await this.backUp(task, plan)) && !this.parts.context.signal.aborted) this.upgrade(task, plan);
  }

  async check(task: Task, plan: UpgradePlan): Promise<boolean> {
    const { failedUpgrade } = this.parts.store;
    if (failedUpgrade?.resource === task.resource) {
      const { reason, at } = failedUpgrade;
      if (Math.abs(this.parts.context.clock.now() - at) < again) {
        this.say(task, plan, { action: "Upgrade", succ: false, reason });
        return false;
      }
    }
    return await this.step(task, plan, "Check", async () => {
      const path = this.path();
      const limit = AbortSignal.any([this.parts.context.signal, AbortSignal.timeout(plan.timeout)]);
      this.parts.checkMachine(plan.checkItems);
      if (this.isSame(plan)) return;
      requireReplaceable(path);
      await this.parts.fetchProgram(plan, newProgram(path), limit);
      try {
        await checkProgram(newProgram(path), plan.version, limit);
      } catch (error) {
        rmSync(newProgram(path), { force: true });
        throw error;
      }
    });
  }

  async backUp(task: Task, plan: UpgradePlan): Promise<boolean> {
    return await this.step(task, plan, "BackUp", () => {
      if (!this.isSame(plan)) backUp(this.path());
    });
  }

  /** Ends this process's edge when it can be begun. Precondition: Check and BackUp went well. */
  upgrade(task: Task, plan: UpgradePlan): void {
    const { store, own } = this.parts;
    if (this.isThat(task, plan)) return;
    try {
      const target = this.path();
      const versions = { from: plainVersion(own?.version ?? ""), to: plan.version };
      store.setUpgrade({ task, ...versions, program: newProgram(target), target });
      own?.tryNew();
    } catch (error) {
      this.say(task, plan, { action: "Upgrade", succ: false, reason: SampanError.from(error).message });
    }
  }

  /** What this process was begun for, or what the one before it has tried. Resolves when it is decided, or the signal aborts. */
  async endTrial(): Promise<void> {
    const { store, own, context } = this.parts;
    const trial = store.upgrade;
    if (!trial || !own) return;
    if (own.onTrial) {
      const stands = await connectedWithin(context, trialTime);
      if (context.signal.aborted) return;
      decide(context.root, stands ? { stands: true } : { failed: `no link within ${trialTime / 1000} s` });
      own.endTrial();
      return;
    }
    const extend = `${trial.from},${trial.to}`;
    store.setUpgrade(undefined);
    rmSync(trial.program, { force: true });
    if (hasStood(trial) && plainVersion(own.version) === trial.to) {
      context.log(`upgraded from ${trial.from} to ${trial.to}`);
      this.parts.reporter.report(trial.task, { action: "Upgrade", succ: true, extend });
      return;
    }
    const reason =
      isFailed(trial) && trial.verdict && "failed" in trial.verdict
        ? trial.verdict.failed
        : "the machine or the process ended before the new program had reached the cloud";
    context.log(`the program from before runs on: ${reason}`);
    store.setFailedUpgrade({ resource: trial.task.resource, reason, at: context.clock.now() });
    this.parts.reporter.report(trial.task, { action: "Upgrade", succ: false, reason, extend });
    // Other clouds ask for it.
    if (trial.task.style === "action")
      this.parts.reporter.report(trial.task, { action: "RollBack", succ: true, extend });
  }

  /** Until `confirmed` has its job's resource. */
  hold(task: Task, plan: UpgradePlan, job: Envelope): void {
    const { store, context } = this.parts;
    const others = store.held.filter((each) => each.job.route.resource !== job.route.resource);
    store.setHeld([...others, { version: plan.version, job }]);
    context.log(
      `an upgrade to ${plan.version} waits for a person at this machine: sampan edge confirm-upgrade`,
    );
    this.say(task, plan, { action: "WaitingConfirmation", succ: true });
  }

  /** A cloud may say again what is done. */
  private isThat(task: Task, plan: UpgradePlan): boolean {
    if (!this.isSame(plan)) return false;
    if (task.style !== "state" || task.state === "Upgrading")
      this.say(task, plan, {
        action: "Upgrade",
        succ: true,
        reason: `it is version ${plan.version} already`,
      });
    return true;
  }

  private isSame({ version }: UpgradePlan): boolean {
    return plainVersion(this.parts.own?.version ?? "") === version;
  }

  private path(): string {
    const { own } = this.parts;
    if (own?.path === undefined)
      throw new SampanError(
        "failed_precondition",
        "this edge runs from source; only the one executable that is built of it can be replaced",
      );
    return own.path;
  }

  private async step(
    task: Task,
    plan: UpgradePlan,
    action: string,
    act: () => void | Promise<void>,
  ): Promise<boolean> {
    try {
      await act();
      this.say(task, plan, { action, succ: true });
      return true;
    } catch (error) {
      // Told by the process that comes after, which begins anew.
      if (!this.parts.context.signal.aborted)
        this.say(task, plan, { action, succ: false, reason: SampanError.from(error).message });
      return false;
    }
  }

  private say(task: Task, { version }: UpgradePlan, said: Said): void {
    const from = plainVersion(this.parts.own?.version ?? "");
    this.parts.reporter.report(task, { ...said, extend: `${from},${version}` });
  }
}
