/** How much of the past is kept: plans and does the compaction. */
import type { Tables } from "./_tables.ts";

export interface HistoryLimits {
  /** Milliseconds for which a version that is no more the last one is kept. */
  readonly milliseconds: number;
  /** Revisions. */
  readonly count: number;
  /** Bytes of versions that are no more the last ones. */
  readonly bytes: number;
}

export const defaultHistory: HistoryLimits = { milliseconds: 600_000, count: 50_000, bytes: 16 << 20 };

/** Revisions that one transaction drops: so that nobody waits long for it. */
const batch = 1000;

export class History {
  readonly #tables: Tables;
  readonly #limits: HistoryLimits;
  readonly #now: () => number;
  /** Until when which revision was the last one. After a start the past counts as from then. */
  readonly #marks: { readonly until: number; revision: number }[] = [];
  #bytes: number;
  /** What the age of the history asks for; kept until it is done, since a batch may not reach so far. */
  #due = 0;
  oldest: number;

  constructor(tables: Tables, limits: HistoryLimits, now: () => number) {
    this.#tables = tables;
    this.#limits = limits;
    this.#now = now;
    this.oldest = tables.compacted;
    this.#bytes = tables.historyBytes(this.oldest, Number.MAX_SAFE_INTEGER);
  }

  /** Bytes that only the history needs. */
  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** True when more is kept than should be: `trim` again in another turn. The last revision always stays, since the next one is counted from it. */
  trim(revision: number): boolean {
    this.#mark(revision);
    const through = Math.min(this.#wanted(revision), revision - 1, this.oldest + batch);
    if (through <= this.oldest) return false;
    const freed = this.#tables.guard(() => this.#tables.historyBytes(this.oldest, through));
    this.#tables.transaction(() => this.#tables.compact(this.oldest, through));
    this.#bytes -= freed;
    this.oldest = through;
    const more = this.#wanted(revision) > through && through < revision - 1;
    if (!more) this.#tables.guard(() => this.#tables.shrink());
    return more;
  }

  #mark(revision: number): void {
    // A twentieth of the time is fine enough. A clock that is set back counts as standing still.
    const span = this.#limits.milliseconds / 20;
    const until = (Math.floor(this.#now() / span) + 1) * span;
    const last = this.#marks.at(-1);
    if (last && until <= last.until) last.revision = revision;
    else if (last?.revision !== revision) this.#marks.push({ until, revision });
  }

  #wanted(revision: number): number {
    const { milliseconds, count, bytes } = this.#limits;
    const due = this.#now() - milliseconds;
    let byTime = 0;
    while (this.#marks[0] && this.#marks[0].until <= due) byTime = this.#marks.shift()?.revision ?? 0;
    this.#due = Math.max(this.#due, byTime);
    const byBytes = this.#bytes > bytes ? this.oldest + batch / 10 : 0;
    // In larger steps than one, since each costs a sync.
    const byCount = revision - this.oldest > count + batch ? revision - count : 0;
    return Math.max(this.#due, byCount, byBytes);
  }
}
