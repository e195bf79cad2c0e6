/** One helper process, seen from the engine. It is asked one thing at a time. */
import { spawn, type ChildProcess } from "node:child_process";
import { SampanError } from "../../base/errors.ts";
import { fileError } from "../store/errors.ts";
import { frame, FrameReader, type FromWorker, type ToWorker } from "./_frames.ts";
import type { Unpacked } from "./unpack.ts";

interface Question {
  readonly resolve: (unpacked: Unpacked | undefined) => void;
  readonly reject: (error: SampanError) => void;
  readonly restarted: () => void;
}

export class Helper {
  /** One that could not be started has no streams. */
  readonly #child: ChildProcess;
  readonly #reader = new FrameReader<FromWorker>();
  readonly #exited: Promise<void>;
  #question: Question | undefined;
  #lastWords = "";
  #ended = false;
  /** Why it was killed, if it was. */
  #reason: SampanError | undefined;

  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#exited = new Promise((resolve) => {
      this.#child.on("close", (status, signal) => resolve(this.#closed(signal ?? `status ${status}`)));
      this.#child.on("error", (error) => {
        const known = fileError("start the helper process for layers", error);
        if (known.code === "resource_exhausted") this.#reason ??= known;
        resolve(this.#closed(error.message));
      });
    });
    this.#child.stdout?.on("data", (bytes: Buffer) => this.#heard(bytes));
    this.#child.stderr?.on(
      "data",
      (bytes: Buffer) => (this.#lastWords = (this.#lastWords + bytes.toString()).slice(-2000)),
    );
    // Writing to one that has died fails; its end is what counts.
    this.#child.stdin?.on("error", () => {});
  }

  /** One that was killed is not, also while it has not ended yet. */
  get isUsable(): boolean {
    return !this.#ended && this.#reason === undefined && this.#question === undefined;
  }

  /** Asks; `restarted` is called for each restart that is done. Errors: what the helper answers; `unavailable` where it dies. */
  ask(message: ToWorker, restarted: () => void = () => {}): Promise<Unpacked | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#ended || this.#reason) return reject(this.#reason ?? this.#death("it has ended"));
      this.#question = { resolve, reject, restarted };
      this.tell(message);
    });
  }

  tell(message: ToWorker): void {
    if (!this.#ended) this.#child.stdin?.write(frame(message));
  }

  /** Ends it at once; what it was asked fails with this reason. */
  async kill(reason: SampanError): Promise<void> {
    this.#reason = reason;
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Ends it when it has nothing to do. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#exited;
  }

  #heard(bytes: Buffer): void {
    for (const message of this.#reader.take(bytes)) {
      if (message.answer === "restarted") {
        this.#question?.restarted();
        continue;
      }
      const question = this.#question;
      this.#question = undefined;
      if (message.answer === "done") question?.resolve(message.unpacked);
      else question?.reject(new SampanError(message.code, message.message));
    }
  }

  #closed(how: string): void {
    this.#ended = true;
    this.#question?.reject(this.#reason ?? this.#death(how));
    this.#question = undefined;
  }

  #death(how: string): SampanError {
    const words = this.#lastWords.trim();
    return new SampanError(
      "unavailable",
      `the helper process for layers has died: ${how}${words === "" ? "" : `: ${words}`}`,
    );
  }
}
