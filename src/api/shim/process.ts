/** One process of a task under its monitor: waits for its end, whoever the shim is by then, and passes on what containerd asks of it. */
import { SampanError } from "../../base/errors.ts";
import type { Exit, MonitorConnection, Monitors, TerminalSize } from "../../runtime/runtime.ts";
import type { ProcessRecord } from "./bundle.ts";

/** Exit status of a process whose monitor was killed, so that nobody knows it: containerd's own for such. */
const nobodyKnows = 255;

export interface Parts {
  readonly monitors: Monitors;
  /** Called once, when it has ended. */
  readonly ended: (exit: Exit) => void;
  /** What is left without its monitor is ended. */
  readonly deserted: () => Promise<void>;
}

export class ShimProcess<Kept extends ProcessRecord> {
  record: Kept;
  /** Undefined while it lives, or was not yet made. */
  exit: Exit | undefined;
  readonly folder: string;
  readonly #parts: Parts;
  readonly #end = Promise.withResolvers<Exit>();
  #connection: Promise<MonitorConnection> | undefined;
  #inputEnds = false;

  constructor(record: Kept, folder: string, parts: Parts) {
    this.record = record;
    this.folder = folder;
    this.#parts = parts;
  }

  /** Resolves when it has ended. Errors: the signal's. */
  async wait(signal: AbortSignal): Promise<Exit> {
    if (this.exit) return this.exit;
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(SampanError.from(signal.reason));
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      return await Promise.race([this.#end.promise, promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** From now on its end is noticed. It was made. */
  watch(): void {
    this.#connection = this.#parts.monitors.connect(this.folder);
    void this.#follow(this.#connection).then((exit) => {
      this.exit = exit;
      this.#end.resolve(exit);
      this.#parts.ended(exit);
    });
    if (this.#inputEnds) this.closeInput();
  }

  async #follow(connecting: Promise<MonitorConnection>): Promise<Exit> {
    try {
      await using connection = await connecting;
      return await connection.exited;
    } catch {
      const exit = this.#written();
      if (exit) return exit;
      await this.#parts.deserted().catch(() => undefined);
      return { code: nobodyKnows, at: Date.now() };
    }
  }

  #written(): Exit | undefined {
    try {
      return this.#parts.monitors.exit(this.folder);
    } catch {
      return undefined;
    }
  }

  /** Errors: `not_found` with runc's words, which callers look for, when it has ended or was not begun. */
  async signal(number: number): Promise<void> {
    const connection = await this.#connected();
    if (!(await connection.signal(number))) throw hasEnded();
  }

  async resize(size: TerminalSize): Promise<void> {
    await (await this.#connected()).resize(size);
  }

  /** Its standard input ends when containerd's end of it is closed, too. */
  closeInput(): void {
    this.#inputEnds = true;
    this.#connection?.then(
      (connection) => connection.closeStdin(),
      () => undefined,
    );
  }

  async #connected(): Promise<MonitorConnection> {
    if (this.exit || !this.#connection) throw hasEnded();
    try {
      return await this.#connection;
    } catch (error) {
      throw SampanError.from(error).code === "not_found" ? hasEnded() : error;
    }
  }
}

export function hasEnded(): SampanError {
  return new SampanError("not_found", "process already finished");
}
