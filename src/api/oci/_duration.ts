/** Durations as Go writes them (time.ParseDuration): `5s`, `1m30s`, `1.5h`, `300ms`. */
import { invalid } from "../../base/errors.ts";

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const whole = /^[+-]?((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;

/** In milliseconds. Errors: `invalid_argument` naming the flag. */
export function parseDuration(flag: string, text: string): number {
  if (text === "0") return 0;
  if (!whole.test(text))
    throw invalid(`invalid value "${text}" for flag -${flag}: not a duration like 5s or 1m30s`);
  let ms = 0;
  for (const [, number, unit] of text.matchAll(part)) ms += Number(number) * (units[unit ?? ""] ?? 0);
  return text.startsWith("-") ? -ms : ms;
}
