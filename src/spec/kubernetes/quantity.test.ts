import { describe, expect, test } from "bun:test";
import { canonicalQuantity, formatQuantity, milliOf, nanoOf, parseQuantity, unitsOf } from "./quantity.ts";

describe("quantities", () => {
  test.each([
    ["1000m", "1"],
    ["1500m", "1500m"],
    [0.5, "500m"],
    [2, "2"],
    ["0.1", "100m"],
    ["1024Mi", "1Gi"],
    ["1023Mi", "1023Mi"],
    ["0.5Gi", "512Mi"],
    ["0.1Gi", "107374182400m"],
    ["512Ki", "512Ki"],
    ["0.5Ki", "512"],
    ["1000k", "1M"],
    ["1e3", "1e3"],
    ["12e6", "12e6"],
    ["1E", "1E"],
    ["-5", "-5"],
    ["+5", "5"],
    ["0Mi", "0"],
    [".5", "500m"],
    ["5.", "5"],
    ["1n", "1n"],
    ["0.1n", "1n"],
  ])("%p is written as %s", (given, text) => {
    expect(canonicalQuantity(given)).toBe(text);
  });

  test.each(["", "abc", "1 Gi", "1gi", "1KI", "--1", "1.2.3", ".", "Mi", "1e", null, true, "9".repeat(200)])(
    "%p is none",
    (given) => {
      expect(parseQuantity(given)).toBeUndefined();
      expect(canonicalQuantity(given)).toBe(given);
    },
  );

  test("writing what was read reads as the same", () => {
    for (const text of ["3", "100m", "7Gi", "1500k", "3e9", "1Ei", "17n"]) {
      const quantity = parseQuantity(text);
      expect(quantity && parseQuantity(formatQuantity(quantity))).toEqual(quantity);
    }
  });

  test("amounts are exact, and bounded", () => {
    expect(nanoOf("1")).toBe(1_000_000_000n);
    expect(nanoOf("9E") + nanoOf("1n")).toBe(9_000_000_000_000_000_000_000_000_001n);
    expect(nanoOf("1e9999")).toBe((2n ** 63n - 1n) * 1_000_000_000n);
    expect(nanoOf("1e-9999")).toBe(1n);
    expect(nanoOf("0e9999")).toBe(0n);
  });

  test("thousandths and units are rounded up", () => {
    expect([milliOf("250m"), milliOf("0.1"), milliOf("1u"), milliOf("nothing")]).toEqual([250, 100, 1, 0]);
    expect([unitsOf("64Mi"), unitsOf("1500m"), unitsOf("-1500m"), unitsOf(3)]).toEqual([2 ** 26, 2, -1, 3]);
  });
});
