import { expect, test } from "bun:test";
import { backoff } from "./_backoff.ts";

const options = { first: 1_000, most: 30_000, addresses: 1 };

test("the bound of the wait doubles up to the most, and begins anew after a good connection", () => {
  const waits = backoff({ ...options, random: () => 1 });
  const seven = () => Array.from({ length: 7 }, () => waits.next());
  expect(seven()).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  waits.reset();
  expect(waits.next()).toBe(1_000);
});

test("a wait is anything up to its bound, so that many edges do not come in one moment", () => {
  const drawn = [0, 0.25, 0.999];
  const waits = drawn.map((each) => backoff({ ...options, random: () => each }).next());
  expect(waits).toEqual([0, 250, 999]);
});

test("each address is tried before the bound grows, and a year of failures is no overflow", () => {
  const waits = backoff({ ...options, addresses: 3, random: () => 1 });
  expect([waits.next(), waits.next(), waits.next(), waits.next()]).toEqual([1_000, 1_000, 1_000, 2_000]);
  for (let index = 0; index < 1_000_000; index++) waits.next();
  expect(waits.next()).toBe(30_000);
});

test("while nothing leaves this machine it is tried every few seconds, and that counts as no failure", () => {
  const waits = backoff({ ...options, random: () => 1 });
  for (let index = 0; index < 100; index++) expect(waits.local()).toBe(2_000);
  expect(waits.next()).toBe(1_000);
});
