/** Samples to rows, and rows to a Markdown table. Pure. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly p95: number;
  readonly samples: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
  const [low = NaN, high = NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return { median: (low + high) / 2, min: at(0), p95: at(0.95), samples: sorted.length };
}

/** One measured thing. `spreads` is by runtime (or "host"). */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly spreads: Readonly<Record<string, Spread>>;
  /** Ours is to be at most so many times the median of `against`. */
  readonly goal?: { readonly against: string; readonly ratio: number };
}

/** Ours divided by the other's, of the medians; undefined where one is missing. */
export function ratioOf(row: Row, against: string): number | undefined {
  const [ours, other] = [row.spreads["sampan"], row.spreads[against]];
  return ours && other && ours.median / other.median;
}

/** Whether the goal is met; undefined where there is none, or nothing to compare with. */
export function isMet(row: Row): boolean | undefined {
  if (!row.goal) return undefined;
  const ratio = ratioOf(row, row.goal.against);
  return ratio === undefined ? undefined : ratio <= row.goal.ratio;
}

/** Median, and in brackets the least and the 95th percentile. */
function cell(spread: Spread | undefined): string {
  if (!spread) return "–";
  if (spread.samples === 1) return short(spread.median);
  return `${short(spread.median)} (${short(spread.min)} … ${short(spread.p95)})`;
}

function short(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 1000 ? 1 : 0);
}

function goalText(row: Row): string {
  const met = isMet(row);
  if (!row.goal || met === undefined) return "";
  return `≤ ${row.goal.ratio} × ${row.goal.against}: ${met ? "met" : "**not met**"}`;
}

export function markdownTable(rows: readonly Row[], columns: readonly string[]): string {
  const others = columns.filter((name) => name !== "sampan");
  const head = ["", ...columns, ...others.map((name) => `÷ ${name}`), "goal"];
  const lines = rows.map((row) => [
    `${row.name}, ${row.unit}`,
    ...columns.map((name) => cell(row.spreads[name])),
    ...others.map((name) => ratioOf(row, name)?.toFixed(2) ?? ""),
    goalText(row),
  ]);
  const all = [head, head.map((_, index) => (index === 0 ? "---" : "--:")), ...lines];
  return all.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
