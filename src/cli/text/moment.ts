/** Points in time as `--since` and `--until` take them. */
import { invalid } from "../../base/errors.ts";
import { parseGoDuration } from "./duration.ts";

/** Unix seconds as the API wants them, of `10m` ago, a date, or Unix seconds. Errors: `invalid_argument`. */
export function parseMoment(text: string, now: Date): string {
  if (/^\d+(?:\.\d{1,9})?$/.test(text)) return text;
  const ago = parseGoDuration(text);
  if (ago !== undefined) return ((now.getTime() - ago / 1e6) / 1000).toFixed(3);
  const [, date = "", time = "", fraction = "", zone = ""] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}(?::\d{2}){0,2})(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text) ?? [];
  const [hours = "00", minutes = "00", seconds = "00"] = time === "" ? [] : time.split(":");
  const whole = Date.parse(`${date}T${hours}:${minutes}:${seconds}${zone}`);
  if (date === "" || Number.isNaN(whole))
    throw invalid(`cannot read time "${text}": wanted 10m, 2026-11-21T12:00:00Z or Unix seconds`);
  return `${whole / 1000}${fraction}`;
}
