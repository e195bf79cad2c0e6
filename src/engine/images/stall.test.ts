import { expect, test } from "bun:test";
import type { Clock } from "../../base/clock.ts";
import { Stall } from "./stall.ts";

/** Time that passes when it is told to. */
class HandClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; call: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  pass(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.call();
    }
    this.#now = end;
  }
}

test("it ends when nothing came for the whole time", () => {
  const clock = new HandClock();
  using stall = new Stall(clock, 1000);
  using _ = stall.waiting();
  clock.pass(999);
  expect(stall.signal.aborted).toBe(false);
  clock.pass(1);
  expect(stall.signal.aborted).toBe(true);
});

test("each byte gives the whole time anew, however long it all takes", () => {
  const clock = new HandClock();
  using stall = new Stall(clock, 1000);
  using _ = stall.waiting();
  for (let times = 0; times < 100; times++) {
    clock.pass(900);
    stall.moved();
  }
  expect(stall.signal.aborted).toBe(false);
  clock.pass(1000);
  expect(stall.signal.aborted).toBe(true);
});

test("time in which nothing is asked of the registry does not count, and what was waited before it does", () => {
  const clock = new HandClock();
  using stall = new Stall(clock, 1000);
  {
    using _ = stall.waiting();
    clock.pass(600);
  }
  clock.pass(60_000);
  expect(stall.signal.aborted).toBe(false);
  using _ = stall.waiting();
  clock.pass(399);
  expect(stall.signal.aborted).toBe(false);
  clock.pass(1);
  expect(stall.signal.aborted).toBe(true);
});

test("an answer is a sign of life, a failure is none", async () => {
  const clock = new HandClock();
  using stall = new Stall(clock, 1000);
  for (let times = 0; times < 5; times++)
    await stall.during(async () => {
      clock.pass(900);
    });
  expect(stall.signal.aborted).toBe(false);
  for (let times = 0; times < 2; times++)
    await stall
      .during(() => {
        clock.pass(500);
        return Promise.reject(new Error("cut"));
      })
      .catch(() => undefined);
  expect(stall.signal.aborted).toBe(true);
});

test("a time of 0 is none", () => {
  const clock = new HandClock();
  using stall = new Stall(clock, 0);
  using _ = stall.waiting();
  clock.pass(1e9);
  expect(stall.signal.aborted).toBe(false);
});
