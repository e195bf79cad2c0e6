/**
 * How much containers have written to their layers. Counting walks a folder, so it is done for a layer at most once in a while, for a few at a time, and nobody waits long for
 * it: the last count serves until the next is there.
 */
import type { Clock } from "../../../base/clock.ts";
import { pause } from "../../../base/clock.ts";
import type { Snapshotter, Usage } from "../../../engine/snapshots/snapshotter.ts";

export interface LayerUse extends Usage {
  /** When it was counted: milliseconds since 1970. */
  readonly at: number;
}

interface Entry {
  last: LayerUse | undefined;
  counting: Promise<void> | undefined;
}

const defaults = {
  /** Milliseconds for which a count serves. */
  age: 10_000,
  /** Milliseconds that somebody who asks waits for a first count. */
  patience: 500,
  /** Folders that are walked at the same time. */
  walks: 2,
} as const;

export class LayerUsage {
  readonly #snapshots: Pick<Snapshotter, "usage">;
  readonly #clock: Clock;
  readonly #limits: { readonly age: number; readonly patience: number; readonly walks: number };
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #walking = 0;

  constructor(snapshots: Pick<Snapshotter, "usage">, clock: Clock, limits: Partial<typeof defaults> = {}) {
    this.#snapshots = snapshots;
    this.#clock = clock;
    this.#limits = { ...defaults, ...limits };
  }

  /** Undefined while nothing is known: it is being counted for the first time, or it cannot be. */
  async of(key: string, signal: AbortSignal): Promise<LayerUse | undefined> {
    const entry = this.#entry(key);
    const { last } = entry;
    if (last && this.#clock.now() - last.at < this.#limits.age) return last;
    entry.counting ??= this.#count(key, entry);
    if (last) return last;
    using stop = new Ending(signal);
    await Promise.race([entry.counting, pause(this.#clock, this.#limits.patience, stop.signal)]);
    return entry.last;
  }

  /** Those that are not among `keys` are forgotten. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key);
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known) return known;
    const made: Entry = { last: undefined, counting: undefined };
    this.#entries.set(key, made);
    return made;
  }

  async #count(key: string, entry: Entry): Promise<void> {
    await this.#turn();
    try {
      entry.last = { ...(await this.#snapshots.usage(key)), at: this.#clock.now() };
    } catch {
      // Removed meanwhile, or not to be read: what was known stays.
    } finally {
      entry.counting = undefined;
      this.#walking -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#walking >= this.#limits.walks)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#walking += 1;
  }
}

/** A signal that ends with its scope, so that no timer is left. */
class Ending implements Disposable {
  readonly #own = new AbortController();
  readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#own.signal]);
  }

  [Symbol.dispose](): void {
    this.#own.abort();
  }
}
