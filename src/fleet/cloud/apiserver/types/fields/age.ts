/** Times as kubectl's columns have them: `5m12s`, `3h`, `2d4h`. */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration in milliseconds with two units while the first is small, then with one. */
export function duration(milliseconds: number): string {
  if (milliseconds <= -2 * second) return "<invalid>";
  if (milliseconds < 0) return "0s";
  const whole = (unit: number): number => Math.floor(milliseconds / unit);
  const rest = (unit: number, smaller: number): number => Math.floor((milliseconds % unit) / smaller);
  const both = (count: number, unit: string, left: number, smaller: string): string =>
    left === 0 ? `${count}${unit}` : `${count}${unit}${left}${smaller}`;
  if (milliseconds < 2 * minute) return `${whole(second)}s`;
  if (milliseconds < 10 * minute) return both(whole(minute), "m", rest(minute, second), "s");
  if (milliseconds < 3 * hour) return `${whole(minute)}m`;
  if (milliseconds < 8 * hour) return both(whole(hour), "h", rest(hour, minute), "m");
  if (milliseconds < 2 * day) return `${whole(hour)}h`;
  if (milliseconds < 8 * day) return both(whole(day), "d", rest(day, hour), "h");
  if (milliseconds < 2 * 365 * day) return `${whole(day)}d`;
  if (milliseconds < 8 * 365 * day) return both(whole(365 * day), "y", rest(365 * day, day), "d");
  return `${whole(365 * day)}y`;
}

/** Since a time in ISO 8601, `now` in milliseconds since 1970. */
export function age(since: unknown, now: number): string {
  const time = typeof since === "string" ? Date.parse(since) : Number.NaN;
  return Number.isNaN(time) ? "<unknown>" : duration(now - time);
}
