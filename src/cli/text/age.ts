/** Ages and times as docker prints them. */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** `5 minutes`, `About an hour`, `3 weeks`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / second);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(milliseconds / minute);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(milliseconds / hour + 0.5);
  if (hours === 1) return "About an hour";
  return longer(hours);
}

function longer(hours: number): string {
  const day = 24;
  if (hours < 2 * day) return `${hours} hours`;
  if (hours < 14 * day) return `${Math.floor(hours / day)} days`;
  if (hours < 60 * day) return `${Math.floor(hours / day / 7)} weeks`;
  if (hours < 730 * day) return `${Math.floor(hours / day / 30)} months`;
  return `${Math.floor(hours / day / 365)} years`;
}

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

function zone(time: Date): { offset: string; name: string } {
  const minutes = -time.getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
  const short = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(time)
    .find(({ type }) => type === "timeZoneName")?.value;
  return { offset, name: short && /^[A-Z]+$/.test(short) ? short : offset };
}
