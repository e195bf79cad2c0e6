/** Progress of a long verb: bars on a terminal, docker's plain lines otherwise, nothing when quiet. */
import type { Step } from "../../spec/docker/progress.ts";
import type { Io, Output } from "../io.ts";
import { printable } from "../text/identifier.ts";
import { Bars } from "./bars.ts";

export interface Progress extends AsyncDisposable {
  readonly onStep: (step: Step) => void;
}

export interface ProgressOptions {
  readonly quiet?: boolean;
  /** Where it goes: standard output for pull and push, as docker; standard error where output is data. */
  readonly to?: Output;
}

/** Disposing writes what is left and gives the cursor back; also after an error or Ctrl-C. */
export function showProgress(io: Io, { quiet = false, to = io.out }: ProgressOptions = {}): Progress {
  if (quiet) return { onStep: () => {}, [Symbol.asyncDispose]: async () => {} };
  return to.size() && io.env["TERM"] !== "dumb" ? new Bars(to) : new Lines(to);
}

/** `abc123: Pull complete`: one line each time a status begins; what only counts bytes says nothing. */
class Lines implements Progress {
  private readonly to: Output;
  private readonly statuses = new Map<string, string>();
  private written: Promise<void> = Promise.resolve();

  constructor(to: Output) {
    this.to = to;
  }

  readonly onStep = ({ id = "", status, current }: Step): void => {
    if (current !== undefined || (id !== "" && this.statuses.get(id) === status)) return;
    this.statuses.set(id, status);
    const line = printable(id === "" ? status : `${id}: ${status}`);
    this.written = this.written.then(() => this.to.write(`${line}\n`)).catch(() => {});
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.written;
  }
}
