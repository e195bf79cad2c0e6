/** A line a layer, redrawn in place. */
import type { Step } from "../../spec/docker/progress.ts";
import type { Output } from "../io.ts";
import { printable } from "../text/identifier.ts";
import { drawFrame, type Size, stepLine } from "./frame.ts";

/** Milliseconds between two frames. */
const interval = 60;
const escape = "\u001b[";
const hideCursor = `${escape}?25l`;
const showCursor = `${escape}?25h`;

export class Bars implements AsyncDisposable {
  private readonly to: Output;
  private readonly steps = new Map<string, Step>();
  private notes: string[] = [];
  /** Lines of the frame that stand on the screen. */
  private drawn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private written: Promise<void> = Promise.resolve();
  private started = false;

  constructor(to: Output) {
    this.to = to;
  }

  readonly onStep = (step: Step): void => {
    if (step.id === undefined || step.id === "") this.notes.push(printable(step.status));
    else this.steps.set(step.id, step);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.draw();
    }, interval);
  };

  private draw(): void {
    const size: Size = this.to.size() ?? { columns: 80, rows: 24 };
    const lines = [...this.steps.values()].map((step) => stepLine(step, size.columns));
    const { text, height } = drawFrame({ notes: this.notes, lines, drawn: this.drawn, size });
    this.notes = [];
    this.drawn = height;
    const start = this.started ? "" : hideCursor;
    this.started = true;
    this.written = this.written.then(() => this.to.write(start + text)).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.timer);
    if (this.timer !== undefined || this.notes.length > 0) this.draw();
    await this.written;
    if (this.started) await this.to.write(showCursor).catch(() => {});
  }
}
