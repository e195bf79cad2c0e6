/** How many processors something uses: the difference to what was counted a while ago. */

interface Point {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  /** Nanoseconds of processors in all. */
  readonly total: number;
}

interface Window {
  readonly from: Point | undefined;
  readonly last: Point;
}

/** What was counted less than a second ago is no measure. */
const shortest = 1_000_000_000n;
/** Of one that began so lately its beginning is the first point. */
const young = 60_000_000_000n;

export class CpuRates {
  readonly #windows = new Map<string, Window>();

  /** Nanoseconds of processors in a second, since somebody asked before; undefined when nobody has. `began`: nanoseconds since 1970. */
  rate(id: string, now: Point, began?: bigint): number | undefined {
    const window = this.#next(id, now, began);
    this.#windows.set(id, window);
    const { from } = window;
    if (!from || now.at <= from.at) return undefined;
    return ((now.total - from.total) / Number(now.at - from.at)) * 1e9;
  }

  /** Those that are not among `ids` are forgotten. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#windows.keys()) if (!ids.has(id)) this.#windows.delete(id);
  }

  #next(id: string, now: Point, began: bigint | undefined): Window {
    const known = this.#windows.get(id);
    // Fewer than before: it was begun anew.
    if (!known || now.total < known.last.total || now.total < (known.from?.total ?? 0)) {
      const lately = began !== undefined && now.at - began < young;
      return { from: lately ? { at: began, total: 0 } : undefined, last: now };
    }
    if (now.at - known.last.at >= shortest) return { from: known.last, last: now };
    return known;
  }
}
