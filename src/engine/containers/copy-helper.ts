/** The helper process of docker cp as the engine sees it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { SampanError } from "../../base/errors.ts";
import type { Stream } from "../archive/packing.ts";
import { copyWord, type CopyFailure, type CopyTask } from "./copy-task.ts";

const longestWords = 64 << 10;

export interface CopyProcess extends AsyncDisposable {
  /** Its standard output; throws at its end when the task failed. */
  output(): AsyncGenerator<Buffer, void, undefined>;
  /** Gives it its standard input, and waits for its end. */
  feed(archive: Stream): Promise<void>;
}

export interface CopyStart {
  /** A program and its arguments that helpers are started with. */
  readonly command: readonly string[];
  readonly root: number;
  readonly task: CopyTask;
  readonly signal?: AbortSignal | undefined;
}

/** Killed by the signal and with the disposal. */
export function startCopy({ command, root, task, signal }: CopyStart): CopyProcess {
  const [program = "", ...args] = command;
  const input = task.verb === "write" ? "pipe" : "ignore";
  const child = spawn(program, [...args, copyWord, JSON.stringify(task)], {
    stdio: [input, "pipe", "pipe", root],
  });
  return new Running(child, signal);
}

class Running implements CopyProcess {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal | undefined;
  readonly #ended: Promise<string>;
  #words = "";

  constructor(child: ChildProcess, signal: AbortSignal | undefined) {
    this.#child = child;
    this.#signal = signal;
    child.stderr?.on(
      "data",
      (bytes: Buffer) => (this.#words = (this.#words + bytes.toString()).slice(-longestWords)),
    );
    // One that has ended takes nothing: its end says why.
    child.stdin?.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("close", (status, name) => resolve(name ?? `${status}`));
    });
    signal?.addEventListener("abort", this.#kill, { once: true });
    if (signal?.aborted) this.#kill();
  }

  async *output(): AsyncGenerator<Buffer, void, undefined> {
    for await (const piece of this.#child.stdout ?? []) yield piece as Buffer;
    await this.#end();
  }

  async feed(archive: Stream): Promise<void> {
    const { stdin } = this.#child;
    let over = false;
    const ended = this.#ended.then(() => (over = true));
    for await (const piece of archive) {
      if (over) break;
      if (stdin && !stdin.write(piece))
        await Promise.race([once(stdin, "drain").catch(() => undefined), ended]);
    }
    stdin?.end();
    this.#child.stdout?.resume();
    await this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#kill);
    this.#kill();
    this.#child.stdout?.resume();
    await this.#ended;
  }

  readonly #kill = (): void => void this.#child.kill("SIGKILL");

  /** Errors: what it says; `cancelled`; `unavailable` when it died. */
  async #end(): Promise<void> {
    const how = await this.#ended;
    if (how === "0") return;
    if (this.#signal?.aborted)
      throw new SampanError("cancelled", "cannot copy: nobody waits for it any more");
    const { code, message } = failureOf(this.#words) ?? {
      code: "unavailable",
      message: `the helper process for docker cp has died: ${how}: ${this.#words.slice(-500)}`,
    };
    throw new SampanError(code, message);
  }
}

function failureOf(words: string): CopyFailure | undefined {
  try {
    return JSON.parse(words) as CopyFailure;
  } catch {
    return undefined;
  }
}
