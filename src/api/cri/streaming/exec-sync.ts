/** A command in a container whose whole output is the answer. */
import type { Clock } from "../../../base/clock.ts";
import { invalid, SampanError } from "../../../base/errors.ts";
import { type OutputPiece, outputPieces } from "../../../engine/containers/attachment-output.ts";
import { SIGKILL } from "../../../engine/containers/signals.ts";
import type { CriContext } from "../cri.ts";
import { beginExec, type StartedExec } from "./processes.ts";
import { runningContainer } from "./requests.ts";

/** Bytes of each stream that are kept; the rest is read and dropped, as containerd does it. */
const most = 16 << 20;

export interface ExecSync {
  readonly container: string;
  readonly command: readonly string[];
  /** Seconds; 0: none. */
  readonly timeout: bigint;
}

export interface ExecSyncEnd {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
}

const streams = { stdin: false, stdout: true, stderr: true, tty: false } as const;

/**
 * Children that keep the output open hold it for no more than the second that a monitor gives them after the end. Errors: those of exec; `deadline_exceeded`, `cancelled`: its
 * process and those of its session that stayed in its group were killed.
 */
export async function execSync(
  context: CriContext,
  { container, command, timeout }: ExecSync,
  signal: AbortSignal,
): Promise<ExecSyncEnd> {
  if (timeout < 0n)
    throw invalid(`cannot exec in container "${container}": the timeout is ${timeout} seconds`);
  const { id } = runningContainer(context, container);
  using limit = new Limit(context.clock, timeout, AbortSignal.any([signal, context.signal]));
  const started = await beginExec(context, { container: id, command, streams });
  return await limit.within(started, id);
}

/** Ends an exec when its time is over or its client gone, whichever is first. */
class Limit implements Disposable {
  readonly #over = Promise.withResolvers<never>();
  readonly #signal: AbortSignal;
  readonly #cancel: () => void;

  constructor(clock: Clock, seconds: bigint, signal: AbortSignal) {
    this.#signal = signal;
    this.#over.promise.catch(() => undefined);
    this.#cancel =
      seconds === 0n ? () => undefined : clock.after(Number(seconds) * 1000, () => this.#late(seconds));
    signal.addEventListener("abort", this.#gone, { once: true });
    if (signal.aborted) this.#gone();
  }

  async within({ attachment, record }: StartedExec, container: string): Promise<ExecSyncEnd> {
    const reading = gather(outputPieces(attachment));
    reading.catch(() => undefined);
    try {
      return await Promise.race([
        reading.then(async (output) => ({ ...output, exitCode: await record.done.promise })),
        this.#over.promise,
      ]);
    } catch (error) {
      await record.connection?.signal(SIGKILL, { group: true }).catch(() => undefined);
      throw SampanError.wrap(`cannot exec in container "${container}"`, error);
    } finally {
      await attachment[Symbol.asyncDispose]();
    }
  }

  #late(seconds: bigint): void {
    this.#over.reject(new SampanError("deadline_exceeded", `timeout ${seconds}s exceeded`));
  }

  readonly #gone = (): void => this.#over.reject(new SampanError("cancelled", "the client has gone"));

  [Symbol.dispose](): void {
    this.#cancel();
    this.#signal.removeEventListener("abort", this.#gone);
  }
}

async function gather(pieces: AsyncIterable<OutputPiece>): Promise<Omit<ExecSyncEnd, "exitCode">> {
  const kept = { stdout: new Kept(), stderr: new Kept() };
  for await (const { stream, data } of pieces) kept[stream].add(data);
  return { stdout: kept.stdout.bytes(), stderr: kept.stderr.bytes() };
}

class Kept {
  readonly #pieces: Uint8Array[] = [];
  #left = most;

  add(data: Uint8Array): void {
    if (this.#left === 0) return;
    const piece = data.slice(0, this.#left);
    this.#pieces.push(piece);
    this.#left -= piece.length;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}
