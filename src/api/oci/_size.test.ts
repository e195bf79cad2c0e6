import { expect, test } from "bun:test";
import { parseSize } from "./_size.ts";

test.each([
  ["-1", -1],
  ["0", 0],
  ["4096", 4096],
  ["32b", 32],
  ["64k", 65_536],
  ["64K", 65_536],
  ["64kb", 65_536],
  ["64KiB", 65_536],
  ["64 m", 67_108_864],
  ["1.5g", 1_610_612_736],
  ["2T", 2_199_023_255_552],
])("%s is that many bytes", (text, bytes) => {
  expect(parseSize("memory", text)).toBe(bytes);
});

test("sizes above 2^53 stay exact", () => {
  expect(parseSize("memory", "9223372036854775807")).toBe(9_223_372_036_854_775_807n);
  expect(parseSize("memory", "8191P")).toBe(9_222_246_136_947_933_184n);
});

test.each(["", "m", "-2", "1x", "1mm", "0x10", "1e6", "9223372036854775808", "8192P"])(
  'the size "%s" is refused, and the error names the flag',
  (text) => {
    expect(() => parseSize("memory-swap", text)).toThrow("invalid value for memory-swap");
  },
);
