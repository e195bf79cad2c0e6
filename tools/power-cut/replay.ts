/** Makes the states that a power cut could have left and has each of them looked at. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { choicesFor } from "./choices.ts";
import { Crash, type Model } from "./crash.ts";
import type { Operation } from "./operations.ts";
import { placeTree } from "./place.ts";
import type { Recording } from "./record.ts";

export interface Look {
  /** The data root as the cut left it. It may be changed: it is thrown away. */
  readonly root: string;
  /** What the command had said on its standard output before the cut. */
  readonly said: string;
  /** The command had ended by then, with success. */
  readonly done: boolean;
  readonly state: State;
}

export interface State {
  /** So many operations had been done. */
  readonly cut: number;
  readonly after: string;
  readonly choice: string;
  readonly model: Model;
}

export interface Failure extends State {
  readonly message: string;
  /** Operations that no sync covered. */
  readonly pending: readonly string[];
  /** The data root as it was before the check; only for the first failures. */
  readonly kept: string | undefined;
}

export interface ReplayOptions {
  /** Throws, or gives a message, when the state is not one that may be. */
  readonly check: (look: Look) => Promise<string | undefined | void> | string | undefined | void;
  readonly models?: readonly Model[];
  readonly seed?: number;
  /** So many cuts, spread evenly, and those before a sync and after what was said, where most can be lost; all cuts without. */
  readonly cuts?: number;
  /** Random choices at each cut, beyond the telling ones. */
  readonly choices?: number;
  /** Ends after so many failures (1). */
  readonly failures?: number;
  /** A folder for the states; a new one below tmpdir by default. A file system in memory is quickest. */
  readonly scratch?: string;
  /** A folder for the states of the failures; not kept without. */
  readonly keep?: string;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Report {
  readonly operations: number;
  readonly cuts: number;
  /** Different ones that were looked at. */
  readonly states: number;
  readonly failures: readonly Failure[];
}

export async function replay(recording: Recording, options: ReplayOptions): Promise<Report> {
  const scratch = mkdtempSync(join(options.scratch ?? tmpdir(), "sampan-power-cut-"));
  try {
    return await new Replay(recording, options, scratch).run();
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

class Replay {
  readonly #recording: Recording;
  readonly #options: ReplayOptions;
  readonly #scratch: string;
  readonly #failures: Failure[] = [];
  readonly #seen = new Set<string>();
  #cuts = 0;
  #states = 0;

  constructor(recording: Recording, options: ReplayOptions, scratch: string) {
    this.#recording = recording;
    this.#options = options;
    this.#scratch = scratch;
  }

  async run(): Promise<Report> {
    for (const model of this.#options.models ?? ["posix", "ext4"]) await this.#model(model);
    return {
      operations: this.#recording.operations.length,
      cuts: this.#cuts,
      states: this.#states,
      failures: this.#failures,
    };
  }

  async #model(model: Model): Promise<void> {
    const { operations, before } = this.#recording;
    const crash = new Crash(before, model);
    const wanted = cutsOf(operations, this.#options.cuts);
    let said = "";
    for (let position = 0; position <= operations.length; position++) {
      if (wanted.has(position)) {
        this.#cuts++;
        await this.#cut(crash, model, said);
        this.#options.onProgress?.(position, operations.length);
      }
      if (this.#failures.length >= (this.#options.failures ?? 1)) return;
      const operation = operations[position];
      if (!operation) return;
      if (operation.kind === "said") said += operation.words;
      crash.advance(operation);
    }
  }

  async #cut(crash: Crash, model: Model, said: string): Promise<void> {
    const { operations } = this.#recording;
    const { pending, position } = crash;
    const done = position === operations.length;
    const options = { model, seed: this.#options.seed ?? 1, random: this.#options.choices ?? 4 };
    for (const choice of choicesFor(pending, position, options)) {
      const tree = crash.state(choice);
      const key = `${tree.key()} ${said.length} ${done}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#states++;
      const root = join(this.#scratch, "root");
      placeTree(tree, root);
      const state: State = {
        cut: position,
        after: operations[position - 1]?.text ?? "nothing",
        choice: choice.name,
        model,
      };
      const message = await this.#look({ root, said, done, state });
      rmSync(root, { recursive: true, force: true });
      if (message === undefined) continue;
      const kept = this.#options.keep && join(this.#options.keep, `failure-${this.#failures.length + 1}`);
      if (kept) placeTree(tree, kept);
      const texts = pending.map((at) => `${at} ${operations[at]?.text}`);
      this.#failures.push({ ...state, message, pending: texts, kept });
      if (this.#failures.length >= (this.#options.failures ?? 1)) return;
    }
  }

  async #look(look: Look): Promise<string | undefined> {
    try {
      return (await this.#options.check(look)) ?? undefined;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }
}

function cutsOf(operations: readonly Operation[], wanted: number | undefined): Set<number> {
  const last = operations.length;
  if (wanted === undefined) return new Set(Array.from({ length: last + 1 }, (_, at) => at));
  const spread = Array.from({ length: wanted }, (_, at) => Math.round((at * last) / Math.max(1, wanted - 1)));
  const telling = operations.flatMap(({ kind }, at) =>
    kind === "sync" ? [at] : kind === "said" ? [at + 1] : [],
  );
  return new Set([0, ...spread, ...telling, last]);
}

/** A report for people. */
export function words(report: Report): string {
  const counts = `${report.operations} operations, ${report.cuts} cuts, ${report.states} different states`;
  if (report.failures.length === 0) return `${counts}: all good`;
  const lines = report.failures.map((failure) =>
    [
      `cut after operation ${failure.cut} (${failure.after}), model ${failure.model}, ${failure.choice}:`,
      ...failure.message.split("\n").map((line) => `    ${line}`),
      `  not covered by a sync then:`,
      ...failure.pending.map((line) => `    ${line}`),
      ...(failure.kept ? [`  kept in ${failure.kept}`] : []),
    ].join("\n"),
  );
  return `${counts}, ${report.failures.length} bad\n${lines.join("\n")}`;
}
