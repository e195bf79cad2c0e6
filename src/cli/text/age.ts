/** Ages and times as docker prints them. */
import { formatDuration } from "../../spec/docker/duration.ts";

export { formatDuration };

const minute = 60_000;

/** `3 weeks ago`; `N/A` for what has no time. Both in Unix seconds. */
export function formatAge(created: number, now: Date): string {
  return created > 0 ? `${formatDuration(now.getTime() - created * 1000)} ago` : "N/A";
}

const two = (number: number) => String(number).padStart(2, "0");

/** `2026-11-21 12:30:00 +0000 UTC`, in the local zone, as Go prints a time; `N/A` for what has none. */
export function formatTime(unixSeconds: number): string {
  if (unixSeconds <= 0) return "N/A";
  const time = new Date(unixSeconds * 1000);
  const { offset, name } = zone(time);
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())} ${offset} ${name}`;
}

/** `2026-11-21T12:30:00Z`, as `docker history` prints it. */
export function formatRfc3339(unixSeconds: number): string {
  if (unixSeconds <= 0) return "N/A";
  const time = new Date(unixSeconds * 1000);
  const { offset } = zone(time);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * minute).toISOString().slice(0, 19);
  return offset === "+0000" ? `${local}Z` : `${local}${offset.slice(0, 3)}:${offset.slice(3)}`;
}

let zoneNames: Intl.DateTimeFormat | undefined;

/** Made once: each one takes as long as a hundred rows of a list. */
function zone(time: Date): { offset: string; name: string } {
  const minutes = -time.getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
  zoneNames ??= new Intl.DateTimeFormat("en-US", { timeZoneName: "short" });
  const short = zoneNames.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value;
  return { offset, name: short && /^[A-Z]+$/.test(short) ? short : offset };
}
