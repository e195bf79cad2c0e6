import { expect, test } from "bun:test";
import { parseGoDuration } from "./duration.ts";
import { parseMoment } from "./moment.ts";

test("durations are Go's", () => {
  expect(parseGoDuration("1h30m")).toBe(5400e9);
  expect(parseGoDuration("1.5s")).toBe(1.5e9);
  expect(parseGoDuration("500ms")).toBe(5e8);
  expect(parseGoDuration("-2m")).toBe(-120e9);
  expect(parseGoDuration("0")).toBe(0);
  for (const text of ["", "5", "1x", "s", "1 h"]) expect(parseGoDuration(text)).toBeUndefined();
});

test("moments are durations ago, dates and Unix seconds", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  expect(parseMoment("10m", now)).toBe("1795261800.000");
  expect(parseMoment("1795261800.5", now)).toBe("1795261800.5");
  expect(parseMoment("2026-11-21T12:00:00Z", now)).toBe("1795262400");
  expect(parseMoment("2026-11-21T12:00:00.123456789+00:00", now)).toBe("1795262400.123456789");
  expect(parseMoment("2026-11-21T13:00:00+01:00", now)).toBe("1795262400");
  expect(() => parseMoment("yesterday", now)).toThrow("wanted 10m");
});
