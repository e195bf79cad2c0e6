/**
 * Changes of twins, one after the other, as many in one transaction as wait: one write to the disk for all of them, so that thousands a second cost no more than the disk has. Devices take turns,
 * so that one which talks without pause does not hold up the others.
 */
import { SampanError } from "../../../base/errors.ts";
import type { TwinStore } from "./store.ts";

/** Runs within the transaction; what it gives back is done after the data is on the disk. */
export type Change = () => (() => void) | void;

interface Waiting {
  readonly change: Change;
  readonly durable: boolean;
  readonly done: (error?: unknown) => void;
}

export const limits = { perDevice: 1000, perBatch: 256 } as const;

/** The row for what the cloud says of a device: it does not wait behind, nor is refused for, what the device itself says. */
export const ofCloud = (device: string): string => `cloud ${device}`;

export interface ChangeOptions {
  /** Only then the batch is waited for on the disk; true. */
  readonly durable?: boolean;
}

export class Batches {
  readonly #store: TwinStore;
  /** After a failed transaction: what is in memory is read again. */
  readonly #reload: () => void;
  readonly #log: (text: string) => void;
  readonly #queues = new Map<string, Waiting[]>();
  #scheduled = false;
  #closed = false;

  constructor(store: TwinStore, reload: () => void, log: (text: string) => void) {
    this.#store = store;
    this.#reload = reload;
    this.#log = log;
  }

  /**
   * Resolves when it is on the disk and what followed from it has been done. Rejects with what `change` throws, which then has changed nothing, or when the disk refuses.
   * Errors besides: `resource_exhausted` when too much waits for the device, `unavailable` at the end.
   */
  async run(device: string, change: Change, { durable = true }: ChangeOptions = {}): Promise<void> {
    if (this.#closed) throw new SampanError("unavailable", "the twins of this node are closed");
    const queue = this.#queues.get(device) ?? [];
    if (queue.length >= limits.perDevice)
      throw new SampanError("resource_exhausted", `too many updates of device "${device}" wait`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    queue.push({ change, durable, done: (error) => (error === undefined ? resolve() : reject(error)) });
    this.#queues.set(device, queue);
    this.#schedule();
    await promise;
  }

  #schedule(): void {
    if (this.#scheduled || this.#queues.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
      this.#schedule();
    });
  }

  /** One of each device in turn: a queue that is not empty goes to the end of the row, which is walked until nothing is left. */
  #take(): Waiting[] {
    const batch: Waiting[] = [];
    for (const [device, queue] of this.#queues) {
      if (batch.length === limits.perBatch) break;
      const first = queue.shift();
      if (first) batch.push(first);
      this.#queues.delete(device);
      if (queue.length > 0) this.#queues.set(device, queue);
    }
    return batch;
  }

  #flush(): void {
    const batch = this.#take();
    if (batch.length === 0) return;
    const after: (() => void)[] = [];
    const refusals = new Map<Waiting, unknown>();
    try {
      this.#store.transaction(
        batch.some(({ durable }) => durable),
        () => {
          for (const waiting of batch)
            try {
              after.push(waiting.change() ?? (() => {}));
            } catch (error) {
              if (!(error instanceof SampanError)) throw error;
              refusals.set(waiting, error);
            }
        },
      );
    } catch (error) {
      this.#safely(this.#reload);
      for (const { done } of batch) done(error);
      return;
    }
    for (const each of after) this.#safely(each);
    for (const waiting of batch) waiting.done(refusals.get(waiting));
  }

  #safely(each: () => void): void {
    try {
      each();
    } catch (error) {
      this.#log(`twins: ${SampanError.from(error).message}`);
    }
  }

  /** What waits is done at once. */
  close(): void {
    while (this.#queues.size > 0) this.#flush();
    this.#closed = true;
  }
}
