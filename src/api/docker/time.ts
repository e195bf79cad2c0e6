/** Moments as Docker's API takes them: unix seconds with nanoseconds after a point, or RFC 3339. */
import { invalid } from "../../base/errors.ts";

const second = 1_000_000_000n;

/** Nanoseconds since 1970. */
export function momentOf(name: string, text: string): bigint {
  const [, seconds, fraction = ""] = /^(-?\d{1,15})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (seconds !== undefined) return BigInt(seconds) * second + BigInt(fraction.padEnd(9, "0"));
  const milliseconds = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(milliseconds)) return BigInt(milliseconds) * 1_000_000n;
  throw invalid(
    `cannot read parameter "${name}": it is ${JSON.stringify(text)}, wanted unix seconds or a time`,
  );
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** The filter `until` of the prunes, in milliseconds since 1970: a span back from now too, `1h30m`. */
export function untilOf(text: string, now = Date.now()): number {
  const spans = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const all = spans.map(([each]) => each).join("");
  if (all === "" || all !== text) return Number(momentOf("until", text) / 1_000_000n);
  return now - spans.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
}

const never = "0001-01-01T00:00:00Z";

/** As Go writes a time: without zeros at its end. `0001-01-01T00:00:00Z` for what has not been. */
export function goTime(time: Date | undefined): string {
  return time?.toISOString().replace(/\.?0*Z$/, "Z") ?? never;
}
