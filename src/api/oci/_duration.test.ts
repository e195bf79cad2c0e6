import { expect, test } from "bun:test";
import { parseDuration } from "./_duration.ts";

test.each([
  ["5s", 5000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["300ms", 300],
  [".5s", 500],
  ["250us", 0.25],
  ["0", 0],
  ["-2s", -2000],
])("%s is a duration as Go writes it", (text, ms) => {
  expect(parseDuration("interval", text)).toBeCloseTo(ms, 9);
});

test.each(["", "5", "s", "5 s", "5d", "1m30", "1e3s"])(
  '"%s" is none, and the error names the flag',
  (text) => {
    expect(() => parseDuration("interval", text)).toThrow(`invalid value "${text}" for flag -interval`);
  },
);
