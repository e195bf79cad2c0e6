/** A command that runs in the guest. */
import { SampanError } from "../../src/base/errors.ts";
import { joined, type CommandEnd } from "./frames.ts";

export interface Result {
  /** As a shell says it: 128 and the signal's number for a command that a signal ended. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Seconds that a command may take: much more than it does, for the machine may have other things to do. */
export const patience = 60;

const sigkill = 9;

/** Made by VirtualMachine.start. What it prints is kept; `result` is settled once when its first process has ended. */
export class GuestCommand {
  readonly argv: readonly string[];
  readonly result: Promise<Result>;
  readonly #signal: (signal: number) => void;
  readonly #settle: PromiseWithResolvers<Result> = Promise.withResolvers();
  readonly #stdout: Uint8Array[] = [];
  readonly #stderr: Uint8Array[] = [];
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(argv: readonly string[], signal: (signal: number) => void) {
    this.argv = argv;
    this.#signal = signal;
    this.result = this.#settle.promise;
    // Nobody has to wait for a command that was left running when the machine went.
    this.result.catch(() => {});
  }

  get stdout(): string {
    return textOf(this.#stdout);
  }

  get stderr(): string {
    return textOf(this.#stderr);
  }

  /** Sends a signal to the command's process group. */
  kill(signal = sigkill): void {
    this.#signal(signal);
  }

  /**
   * Resolves once stdout matches: also after the end, for what a command leaves running may go on printing.
   *
   * @throws SampanError deadline_exceeded after `seconds` without a match, or when the machine is gone.
   */
  async printed(pattern: RegExp, seconds = patience): Promise<RegExpMatchArray> {
    const failed = Promise.withResolvers<never>();
    const late = (): void => failed.reject(this.#failure(`printed no ${pattern} in ${seconds} s`));
    const timer = setTimeout(late, seconds * 1000);
    this.result.catch(failed.reject);
    // What is printed already is not waited for, and the machine may go later.
    failed.promise.catch(() => {});
    try {
      for (;;) {
        const changed = this.#changed.promise;
        const match = pattern.exec(this.stdout);
        if (match) return match;
        await Promise.race([changed, failed.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** The result, or after `seconds` a kill and a rejection that shows what was printed until then. */
  async within(seconds: number): Promise<Result> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.kill();
    }, seconds * 1000);
    try {
      const result = await this.result;
      if (late) throw this.#failure(`not done in ${seconds} s, so killed`);
      return result;
    } finally {
      clearTimeout(timer);
    }
  }

  /** For the machine: output has come. */
  receive(stream: "stdout" | "stderr", payload: Uint8Array): void {
    (stream === "stdout" ? this.#stdout : this.#stderr).push(payload);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** For the machine: the first process has ended. */
  end({ exitCode, signal }: CommandEnd): void {
    this.#settle.resolve({
      exitCode: signal === 0 ? exitCode : 128 + signal,
      stdout: this.stdout,
      stderr: this.stderr,
    });
  }

  /** For the machine: it is gone, and no end will be told. */
  abandon(reason: string): void {
    this.#settle.reject(this.#failure(reason));
  }

  #failure(reason: string): SampanError {
    const shown = `stdout: ${this.stdout.slice(-2000)}\nstderr: ${this.stderr.slice(-2000)}`;
    return new SampanError(
      "deadline_exceeded",
      `cannot run "${this.argv.join(" ")}" in the guest: ${reason}\n${shown}`,
    );
  }
}

function textOf(parts: readonly Uint8Array[]): string {
  return new TextDecoder().decode(joined(parts));
}
