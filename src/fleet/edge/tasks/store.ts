/** What tasks have to remember over a restart of this process: reports that the cloud has not got yet, and a change that is on trial. In one file, whole or not at all. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "../../link/json.ts";
import type { Envelope } from "../../link/envelope.ts";
import type { Report, Task } from "./report.ts";

/** A changed configuration that has to prove itself. */
export interface Trial {
  /** `operations.kubeedge.io/v1alpha2/configupdatejob/j/node/edge1` */
  readonly resource: string;
  /** The file, and its copy from before. */
  readonly file: string;
  readonly backup: string;
  /** How often this process began with it. */
  readonly starts: number;
  /** The file from before is back, and why. */
  readonly failed?: string;
}

/** A new program that has to prove itself. Until it has, the one from before stands in its place. */
export interface UpgradeTrial {
  readonly task: Task;
  readonly from: string;
  readonly to: string;
  /** The new one. */
  readonly program: string;
  /** The place that it is to take. */
  readonly target: string;
  /** `stands`, or why not. */
  readonly verdict?: { readonly stands: true } | { readonly failed: string };
}

/** An upgrade that a person at this machine has to release. */
export interface HeldUpgrade {
  readonly version: string;
  readonly job: Envelope;
}

export interface FailedUpgrade {
  readonly resource: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface Kept {
  readonly reports: readonly Report[];
  /** Jobs that are under way and may be begun again from their beginning. */
  readonly jobs?: readonly Envelope[];
  readonly trial?: Trial;
  readonly upgrade?: UpgradeTrial;
  readonly held?: readonly HeldUpgrade[];
  readonly failedUpgrade?: FailedUpgrade;
}

/** The oldest are forgotten. */
const mostReports = 200;

export class TaskStore {
  readonly folder: string;
  private kept: Kept;

  constructor(root: string) {
    this.folder = join(root, "tasks");
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.kept = this.read();
  }

  get reports(): readonly Report[] {
    return this.kept.reports;
  }

  get trial(): Trial | undefined {
    return this.kept.trial;
  }

  get upgrade(): UpgradeTrial | undefined {
    return this.kept.upgrade;
  }

  get held(): readonly HeldUpgrade[] {
    return this.kept.held ?? [];
  }

  get failedUpgrade(): FailedUpgrade | undefined {
    return this.kept.failedUpgrade;
  }

  setHeld(held: readonly HeldUpgrade[]): void {
    this.write({ ...this.kept, held });
  }

  setFailedUpgrade(failedUpgrade: FailedUpgrade): void {
    this.write({ ...this.kept, failedUpgrade });
  }

  setUpgrade(upgrade: UpgradeTrial | undefined): void {
    const { upgrade: _, ...rest } = this.kept;
    this.write(upgrade ? { ...rest, upgrade } : rest);
  }

  get jobs(): readonly Envelope[] {
    return this.kept.jobs ?? [];
  }

  setJobs(jobs: readonly Envelope[]): void {
    this.write({ ...this.kept, jobs });
  }

  setReports(reports: readonly Report[]): void {
    this.write({ ...this.kept, reports: reports.slice(-mostReports) });
  }

  setTrial(trial: Trial | undefined): void {
    const { trial: _, ...rest } = this.kept;
    this.write(trial ? { ...rest, trial } : rest);
  }

  private get file(): string {
    return join(this.folder, "state.json");
  }

  /** Our own file: one that was cut off is as none. */
  private read(): Kept {
    try {
      const kept: unknown = JSON.parse(readFileSync(this.file, "utf8"));
      if (isRecord(kept) && Array.isArray(kept["reports"])) return kept as unknown as Kept;
    } catch {
      // Not there yet, or damaged.
    }
    return { reports: [] };
  }

  private write(kept: Kept): void {
    writeFileSync(`${this.file}.new`, JSON.stringify(kept), { mode: 0o600, flush: true });
    renameSync(`${this.file}.new`, this.file);
    this.kept = kept;
  }
}
