import { expect, test } from "bun:test";
import { formatAge, formatDuration, formatRfc3339, formatTime } from "./age.ts";
import { align } from "./columns.ts";
import { ellipsis, printable, shortId } from "./identifier.ts";
import { formatSize, parseBytes } from "./size.ts";

test.each([
  [0, "0B"],
  [999, "999B"],
  [1000, "1kB"],
  [1234, "1.23kB"],
  [7_834_567, "7.83MB"],
  [117_000_000, "117MB"],
  [999_600, "1MB"],
  [1e15, "1PB"],
  [-1500, "-1.5kB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test.each([
  ["512m", 512 * 2 ** 20],
  ["1.5g", 1.5 * 2 ** 30],
  ["64kb", 65_536],
  ["1GiB", 2 ** 30],
  ["10 MB", 10 * 2 ** 20],
  ["1024", 1024],
  ["", undefined],
  ["-1m", undefined],
  ["1x", undefined],
  ["99999999p", undefined],
])("%p is read as %p", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test.each([
  [0, "Less than a second"],
  [second, "1 second"],
  [59 * second, "59 seconds"],
  [90 * second, "About a minute"],
  [46 * minute, "46 minutes"],
  [65 * minute, "About an hour"],
  [100 * minute, "2 hours"],
  [47 * hour, "47 hours"],
  [48 * hour, "2 days"],
  [13 * day, "13 days"],
  [14 * day, "2 weeks"],
  [59 * day, "8 weeks"],
  [61 * day, "2 months"],
  [729 * day, "24 months"],
  [731 * day, "2 years"],
])("%d milliseconds are %s", (time, text) => {
  expect(formatDuration(time)).toBe(text);
});

test("ages and times of what has none are N/A", () => {
  expect([formatAge(0, new Date()), formatTime(0), formatRfc3339(0)]).toEqual(["N/A", "N/A", "N/A"]);
  expect(formatAge(1000, new Date(1_000_000 + 3 * hour))).toBe("3 hours ago");
});

test("times come in the local zone, with its offset", () => {
  const script = `import { formatTime, formatRfc3339 } from "${import.meta.dir}/age.ts"; console.log(formatTime(1780000000), formatRfc3339(1780000000));`;
  const run = (TZ: string) =>
    Bun.spawnSync([process.execPath, "-e", script], { env: { TZ } }).stdout.toString().trim();
  expect(run("UTC")).toBe("2026-05-28 20:26:40 +0000 UTC 2026-05-28T20:26:40Z");
  expect(run("Asia/Kolkata")).toBe("2026-05-29 01:56:40 +0530 +0530 2026-05-29T01:56:40+05:30");
});

test("columns are at least ten wide, three apart, the last one as it is; wide characters count twice", () => {
  expect(align(["A\tB\tC", "1234567890\t日本\tx y"])).toBe(
    "A            B         C\n1234567890   日本      x y\n",
  );
});

test("ids are cut to twelve digits, texts to a length with an ellipsis", () => {
  expect(shortId(`sha256:${"ab".repeat(32)}`)).toBe("abababababab");
  expect([ellipsis("abcdef", 6), ellipsis("abcdefg", 6)]).toEqual(["abcdef", "abcde…"]);
});

test("control characters are shown, not sent", () => {
  expect(printable("a\u001b[31m\u0007\u009bz\tä\n")).toBe(String.raw`a\x1b[31m\x07\x9bz` + "\tä\n");
});
