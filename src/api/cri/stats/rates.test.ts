import { expect, test } from "bun:test";
import { CpuRates } from "./rates.ts";

const second = 1_000_000_000n;
const at = (seconds: number, total: number) => ({ at: BigInt(seconds * 1e9), total: total * 1e9 });

test("the rate is of the time since somebody asked before", () => {
  const rates = new CpuRates();
  expect(rates.rate("a", at(100, 50))).toBeUndefined();
  expect(rates.rate("a", at(110, 55))).toBe(0.5e9);
  expect(rates.rate("a", at(120, 75))).toBe(2e9);
});

test("those who ask often share the window of the first", () => {
  const rates = new CpuRates();
  rates.rate("a", at(100, 0));
  expect(rates.rate("a", at(110, 10))).toBe(1e9);
  expect(rates.rate("a", at(110.5, 10.5))).toBe(1e9);
  expect(rates.rate("a", at(111, 11))).toBe(1e9);
});

test("of what began lately the beginning counts, of what is old it does not", () => {
  const rates = new CpuRates();
  expect(rates.rate("new", at(100, 5), 90n * second)).toBe(0.5e9);
  expect(rates.rate("old", at(1000, 5), 90n * second)).toBeUndefined();
});

test("a counter that went back is one that was begun anew", () => {
  const rates = new CpuRates();
  rates.rate("a", at(100, 50));
  rates.rate("a", at(110, 60));
  expect(rates.rate("a", at(120, 1), 118n * second)).toBe(0.5e9);
  expect(rates.rate("a", at(130, 0))).toBeUndefined();
});

test("what is gone is forgotten", () => {
  const rates = new CpuRates();
  rates.rate("a", at(100, 50));
  rates.keep(new Set(["b"]));
  expect(rates.rate("a", at(110, 55))).toBeUndefined();
});
