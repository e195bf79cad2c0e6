/**
 * Reports on their way into the API. A lone report is written at once; those that come while its device is being written, or shortly after, are put together into one write. A report is
 * answered when it is in the API: until then its edge keeps it, and says it again.
 */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Clock } from "../../../base/clock.ts";
import { pause } from "../../../base/clock.ts";
import type { DeviceState, News } from "./reported.ts";
import { joinChanges, type TwinChange, type TwinChanges } from "./twins.ts";

export interface Report {
  readonly changes: TwinChanges;
  readonly state?: DeviceState;
  /** Once, when it is in the API or will never be, because the device is gone. */
  readonly done: () => void;
}

export interface ReportsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: (text: string) => void;
  /** The device as it is known now; undefined: gone. */
  readonly device: (key: string) => KubeObject | undefined;
  readonly write: (device: KubeObject, news: News) => Promise<void>;
}

interface Pending {
  changes: Map<string, TwinChange>;
  state: DeviceState | undefined;
  done: (() => void)[];
}

/** Milliseconds between two writes of one device. */
const window = 50;
/** Reports of one device that wait for their answer; those above are said again by their edge. */
const mostWaiting = 1000;
/** Devices that are written at a time. */
const together = 32;
const longestRetry = 30_000;

export class Reports {
  private readonly options: ReportsOptions;
  private readonly pending = new Map<string, Pending>();
  private readonly running = new Set<string>();
  private readonly ended = new Set<Promise<void>>();
  private readonly turns: (() => void)[] = [];
  private writing = 0;

  constructor(options: ReportsOptions) {
    this.options = options;
  }

  /** What waits for a device, for those who look at what it will have. */
  waiting(key: string): TwinChanges {
    return this.pending.get(key)?.changes ?? new Map();
  }

  /** @throws SampanError resource_exhausted when too many of this device wait already. */
  add(key: string, { changes, state, done }: Report): void {
    const pending: Pending = this.pending.get(key) ?? { changes: new Map(), state: undefined, done: [] };
    if (pending.done.length >= mostWaiting)
      throw new SampanError(
        "resource_exhausted",
        `cannot take the report of device "${key}": ${mostWaiting} wait already`,
      );
    for (const [name, change] of changes)
      pending.changes.set(name, joinChanges(pending.changes.get(name), change));
    pending.state = state ?? pending.state;
    pending.done.push(done);
    this.pending.set(key, pending);
    if (!this.running.has(key)) this.begin(key);
  }

  /** After the signal: when no write is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.ended);
  }

  private begin(key: string): void {
    const ended = this.run(key).finally(() => this.ended.delete(ended));
    this.ended.add(ended);
  }

  private async run(key: string): Promise<void> {
    const { clock, signal, log } = this.options;
    this.running.add(key);
    let failures = 0;
    while (this.pending.has(key) && !signal.aborted) {
      const begun = clock.now();
      try {
        await this.flush(key);
        failures = 0;
        await pause(clock, window - (clock.now() - begun), signal);
      } catch (error) {
        if (signal.aborted) break;
        if (failures === 0)
          log(`cannot write the state of device "${key}": ${SampanError.from(error).message}`);
        await pause(clock, Math.min(longestRetry, 500 * 2 ** Math.min(failures++, 10)), signal);
      }
    }
    this.running.delete(key);
  }

  private async flush(key: string): Promise<void> {
    await this.turn();
    const taken = this.pending.get(key);
    this.pending.delete(key);
    try {
      if (!taken) return;
      const device = this.options.device(key);
      const { changes, state, done } = taken;
      if (device) await this.options.write(device, { changes, ...(state ? { state } : {}) });
      for (const each of done) each();
    } catch (error) {
      if (taken) this.putBack(key, taken);
      throw error;
    } finally {
      this.writing--;
      this.turns.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    while (this.writing >= together) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.turns.push(resolve);
      await promise;
    }
    this.writing++;
  }

  /** In front of what came since. */
  private putBack(key: string, taken: Pending): void {
    const since = this.pending.get(key);
    for (const [name, change] of since?.changes ?? [])
      taken.changes.set(name, joinChanges(taken.changes.get(name), change));
    const done = [...taken.done, ...(since?.done ?? [])];
    this.pending.set(key, { changes: taken.changes, state: since?.state ?? taken.state, done });
  }
}
