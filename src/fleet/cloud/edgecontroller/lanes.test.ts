import { describe, expect, test } from "bun:test";
import type { Clock } from "../../../base/clock.ts";
import { newest, traitsOf } from "../../link/versions.ts";
import type { Edge } from "../hub/hub.ts";
import { Lanes } from "./lanes.ts";
import { Rate } from "./rate.ts";
import { weigh } from "./weigh.ts";

/** Stands still until it is turned. */
function handClock(): Clock & { turn(milliseconds: number): void } {
  let now = 1_000_000;
  let timers: { readonly at: number; readonly call: () => void }[] = [];
  return {
    now: () => now,
    after(milliseconds, call) {
      const timer = { at: now + milliseconds, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    turn(milliseconds) {
      now += milliseconds;
      for (const { at, call } of timers) if (at <= now) call();
    },
  };
}

function edge(): { readonly edge: Edge; readonly leave: () => void } {
  const stop = new AbortController();
  const traits = traitsOf(newest);
  return {
    edge: { node: "n", version: newest, traits, since: 0, signal: stop.signal },
    leave: () => stop.abort(),
  };
}

describe("lanes", () => {
  const open = (clock = handClock()) =>
    new Lanes({ clock, together: 2, waiting: 4, bytes: 1000, deadline: 1000 });

  test("one object's work is done in its order, others' meanwhile", async () => {
    const lanes = open();
    const { edge: own } = edge();
    const order: string[] = [];
    const hold = Promise.withResolvers<void>();
    const all = [
      lanes.take(own, { key: "a", weight: 100 }, async () => {
        await hold.promise;
        order.push("a1");
      }),
      lanes.take(own, { key: "a", weight: 100 }, async () => void order.push("a2")),
      lanes.take(own, { key: "b", weight: 100 }, async () => void order.push("b1")),
    ];
    await all[2];
    expect(order).toEqual(["b1"]);
    hold.resolve();
    await Promise.all(all);
    expect(order).toEqual(["b1", "a1", "a2"]);
  });

  test("one more than may wait is refused, and room comes again", async () => {
    const lanes = open();
    const { edge: own } = edge();
    const hold = Promise.withResolvers<void>();
    const all = ["a", "b", "c", "d"].map((key) =>
      lanes.take(own, { key: key, weight: 100 }, () => hold.promise),
    );
    expect(() => lanes.take(own, { key: "e", weight: 100 }, async () => {})).toThrow("4 are waiting");
    await lanes.take(edge().edge, { key: "e", weight: 100 }, async () => {});
    hold.resolve();
    await Promise.all(all);
    await lanes.take(own, { key: "e", weight: 100 }, async () => {});
  });

  test("what waits has so many bytes and no more, but one may have any", async () => {
    const lanes = open();
    const { edge: own } = edge();
    const hold = Promise.withResolvers<void>();
    const first = lanes.take(own, { key: "a", weight: 5000 }, () => hold.promise);
    expect(() => lanes.take(own, { key: "b", weight: 1 }, async () => {})).toThrow("waiting");
    hold.resolve();
    await first;
    await lanes.take(own, { key: "b", weight: 1 }, async () => {});
  });

  test("work ends with its deadline, and what waits with the session", async () => {
    const clock = handClock();
    const lanes = open(clock);
    const { edge: own, leave } = edge();
    const first = lanes.take(own, { key: "a", weight: 100 }, (signal) => {
      const { promise, reject } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => reject(new Error("ended")));
      return promise;
    });
    let hasBegun = false;
    const second = lanes.take(own, { key: "a", weight: 100 }, async () => {
      hasBegun = true;
    });
    leave();
    expect(await first.catch((error: Error) => error.message)).toBe("ended");
    await second;
    expect(hasBegun).toBe(false);
    const { edge: next } = edge();
    const third = lanes.take(next, { key: "a", weight: 100 }, (signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve());
      return promise;
    });
    clock.turn(1000);
    await third;
  });
});

test("an edge may do something some times at once, then so often, each edge for itself", () => {
  const clock = handClock();
  const rate = new Rate({ clock, of: "events", burst: 2, perSecond: 1 });
  const { edge: own } = edge();
  rate.take(own);
  rate.take(own);
  expect(() => rate.take(own)).toThrow("too many events");
  rate.take(edge().edge);
  clock.turn(1000);
  rate.take(own);
  expect(() => rate.take(own)).toThrow("too many events");
  clock.turn(60_000);
  rate.take(own);
  rate.take(own);
  expect(() => rate.take(own)).toThrow("too many events");
});

test("a content weighs what its texts and names do, and is looked at no further than asked", () => {
  expect(weigh("x".repeat(100), 1000)).toBe(108);
  expect(weigh({ ab: ["cd", null] }, 1000)).toBe(4 * 8 + 4);
  const endless = {
    get more(): never {
      throw new Error("looked too far");
    },
  };
  expect(weigh([endless, "x".repeat(100)], 50)).toBeGreaterThan(50);
});
