/** `format` of strings, as the API server knows them: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation . Unknown ones are not checked. */
import { isIP, isIPv4, isIPv6 } from "node:net";

const uuid = (version: string) =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, "i");
const test = (pattern: RegExp) => (text: string) => pattern.test(text);

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const isHostname = (text: string) =>
  text.length <= 255 &&
  text
    .replace(/\.$/, "")
    .split(".")
    .every((part) => label.test(part));

// Every expression here is linear: no repetition stands within a repetition.
const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: test(/^[0-9a-f]{24}$/i),
  byte: isBase64,
  cidr: isCidr,
  creditcard: test(/^[0-9 -]{12,24}$/),
  date: isDate,
  "date-time": isDateTime,
  datetime: isDateTime,
  duration: (text) => millisecondsOf(text) !== undefined,
  email: test(/^[^\s@<>]{1,64}@[^\s@<>]{1,255}$/),
  hexcolor: test(/^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i),
  hostname: isHostname,
  ipv4: isIPv4,
  ipv6: isIPv6,
  isbn10: test(/^[0-9Xx -]{10,13}$/),
  isbn13: test(/^[0-9 -]{13,17}$/),
  isbn: test(/^[0-9Xx -]{10,17}$/),
  mac: test(/^(?:[0-9a-f]{2}[:-]){5,19}[0-9a-f]{2}$/i),
  rgbcolor: test(/^rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)$/),
  ssn: test(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  uri: (text) => URL.canParse(text) || (text.startsWith("/") && URL.canParse(text, "http://a")),
  uuid: test(uuid("[0-9a-f]")),
  uuid3: test(uuid("3")),
  uuid4: test(uuid("4")),
  uuid5: test(uuid("5")),
};

export function hasFormat(text: string, format: string): boolean {
  const check = Object.hasOwn(checks, format) ? checks[format] : undefined;
  return check === undefined || check(text);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function isCidr(text: string): boolean {
  const [address = "", bits = "", ...more] = text.split("/");
  const family = isIP(address);
  return (
    more.length === 0 && family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
  );
}

const units: Readonly<Record<string, number>> = {
  ...many(1e-6, "ns", "nano", "nanos"),
  ...many(1e-3, "us", "µs", "micro", "micros"),
  ...many(1, "ms", "milli", "millis"),
  ...many(1e3, "s", "sec", "secs", "second", "seconds"),
  ...many(6e4, "m", "min", "mins", "minute", "minutes"),
  ...many(3.6e6, "h", "hr", "hrs", "hour", "hours"),
  ...many(8.64e7, "d", "day", "days"),
  ...many(6.048e8, "w", "wk", "week", "weeks"),
};

function many(milliseconds: number, ...names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, milliseconds]));
}

/** Numbers with units, one after the other: `1h30m`, `2 days`. Undefined for what is none. */
export function millisecondsOf(text: string): number | undefined {
  if (text === "0") return 0;
  const unsigned = text.replace(/^[+-]/, "");
  let read = 0;
  let sum = 0;
  for (const [whole, number = "", unit = ""] of unsigned.matchAll(/([0-9.]+) ?([a-zµ]+) ?/gy)) {
    const milliseconds = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (!/^\d+\.?\d*$/.test(number) || milliseconds === undefined) return undefined;
    read += whole.length;
    sum += Number(number) * milliseconds;
  }
  if (unsigned === "" || read !== unsigned.length) return undefined;
  return text.startsWith("-") ? -sum : sum;
}

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** RFC 3339. */
function isDateTime(text: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.exec(
    text,
  );
  if (!match || !isDate(match[1] ?? "")) return false;
  return Number(match[2]) < 24 && Number(match[3]) < 60 && Number(match[4]) <= 60;
}
