import { describe, expect, test } from "bun:test";
import { Queue } from "./queue.ts";
import type { Clock } from "../../../base/clock.ts";

/** Time that stands still until it is turned. */
function stillClock() {
  let time = 0;
  const timers = new Set<{ readonly at: number; readonly call: () => void }>();
  const clock: Clock = {
    now: () => time,
    after(milliseconds, call) {
      const timer = { at: time + milliseconds, call };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  return {
    clock,
    /** When the timers are due. */
    due: () => [...timers].map(({ at }) => at),
    turn: (milliseconds: number): void => {
      time += milliseconds;
      for (const timer of timers) {
        if (timer.at > time) continue;
        timers.delete(timer);
        timer.call();
      }
    },
  };
}

/** A queue whose looks the test ends one by one. */
function openQueue(workers = 1) {
  const { clock, due, turn } = stillClock();
  const stop = new AbortController();
  const looks: { key: string; end: (again?: number) => void; fail: () => void; signal: AbortSignal }[] = [];
  const errors: string[] = [];
  let news = Promise.withResolvers<void>();
  const queue = new Queue({
    clock,
    signal: stop.signal,
    onError: (key) => void errors.push(key),
    work(key, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      looks.push({ key, end: resolve, fail: () => reject(new Error("no")), signal });
      news.resolve();
      news = Promise.withResolvers();
      return promise;
    },
  });
  const ended = queue.run(workers);
  return {
    queue,
    looks,
    errors,
    due,
    turn,
    /** The nth look, as soon as it begins. */
    look: async (index: number) => {
      while (looks.length <= index) await news.promise;
      const look = looks[index];
      if (!look) throw new Error("no such look");
      return look;
    },
    /** Resolves when everything that could happen by itself has happened. */
    settle: () => new Promise((resolve) => setImmediate(resolve)),
    close: async (): Promise<void> => {
      stop.abort();
      for (const { end } of looks) end();
      await ended;
    },
  };
}

describe("a queue", () => {
  test("a key that comes several times is looked at once", async () => {
    const { queue, look, looks, settle, close } = openQueue();
    for (const key of ["a", "a", "b", "a"]) queue.add(key);
    (await look(0)).end();
    (await look(1)).end();
    await settle();
    expect(looks.map(({ key }) => key)).toEqual(["a", "b"]);
    await close();
  });

  test("a key that comes while it is looked at is looked at once more, afterwards", async () => {
    const { queue, look, looks, settle, close } = openQueue(4);
    queue.add("a");
    const first = await look(0);
    queue.add("a");
    queue.add("a");
    await settle();
    expect(looks).toHaveLength(1);
    first.end();
    (await look(1)).end();
    await settle();
    expect(looks.map(({ key }) => key)).toEqual(["a", "a"]);
    await close();
  });

  test("several workers look at different keys together", async () => {
    const { queue, look, looks, settle, close } = openQueue(2);
    for (const key of ["a", "b", "c"]) queue.add(key);
    await look(1);
    await settle();
    expect(looks.map(({ key }) => key)).toEqual(["a", "b"]);
    looks[1]?.end();
    expect((await look(2)).key).toBe("c");
    await close();
  });

  test("what fails comes back later and later, and soon again once it went well", async () => {
    const { queue, look, errors, due, turn, settle, close } = openQueue();
    queue.add("a");
    for (const [index, wait] of [50, 100, 200, 400].entries()) {
      (await look(index)).fail();
      await settle();
      expect(due()).toHaveLength(1);
      turn(wait - 1);
      await settle();
      expect(due()).toHaveLength(1);
      turn(1);
    }
    (await look(4)).end();
    await settle();
    expect(errors).toHaveLength(4);
    queue.add("a");
    (await look(5)).fail();
    await settle();
    turn(50);
    (await look(6)).end();
    await close();
  });

  test("of several times the earliest counts", async () => {
    const { queue, look, looks, due, turn, settle, close } = openQueue();
    queue.addAfter("a", 100);
    queue.addAfter("a", 50);
    queue.addAfter("a", 200);
    expect(due()).toEqual([50]);
    turn(50);
    (await look(0)).end();
    turn(1000);
    await settle();
    expect(looks).toHaveLength(1);
    await close();
  });

  test("a look that asks for it is followed by another", async () => {
    const { queue, look, turn, settle, close } = openQueue();
    queue.add("a");
    (await look(0)).end(5000);
    await settle();
    turn(5000);
    expect((await look(1)).key).toBe("a");
    await close();
  });

  test("a look that takes too long is told to stop, and so is every look at the end", async () => {
    const { queue, look, turn, close } = openQueue(2);
    queue.add("a");
    const first = await look(0);
    turn(59_999);
    expect(first.signal.aborted).toBeFalse();
    turn(1);
    expect(first.signal.aborted).toBeTrue();
    queue.add("b");
    const second = await look(1);
    await close();
    expect(second.signal.aborted).toBeTrue();
  });

  test("closed, it leaves no timer behind", async () => {
    const { queue, due, close } = openQueue();
    queue.addAfter("a", 1000);
    await close();
    expect(due()).toEqual([]);
    queue.addAfter("a", 1000);
    expect(due()).toEqual([]);
  });
});
