import { expect, test } from "bun:test";
import type { Clock } from "../../../base/clock.ts";
import type { Usage } from "../../../engine/snapshots/snapshotter.ts";
import { LayerUsage } from "./layer-usage.ts";

/** Counts when it is told to; time passes when it is told to. */
class Place implements Clock {
  readonly walks: { key: string; done: (usage: Usage | undefined) => void }[] = [];
  readonly signal = new AbortController().signal;
  #now = 1000;
  #timers: { at: number; call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((each) => each !== timer));
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const { call } of this.#timers.filter(({ at }) => at <= this.#now)) call();
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
  }

  usage(key: string): Promise<Usage> {
    return new Promise((resolve, reject) => {
      const done = (usage: Usage | undefined) => (usage ? resolve(usage) : reject(new Error("gone")));
      this.walks.push({ key, done });
    });
  }

  end(key: string, usage: Usage | undefined): void {
    const index = this.walks.findIndex((walk) => walk.key === key);
    this.walks.splice(index, 1)[0]?.done(usage);
  }
}

const open = (place: Place) => new LayerUsage(place, place, { age: 10_000, patience: 500, walks: 2 });

test("a count serves for a while, and then until the next is there", async () => {
  const place = new Place();
  const layers = open(place);
  const first = layers.of("a", place.signal);
  await Promise.resolve();
  place.end("a", { bytes: 1, inodes: 1 });
  expect(await first).toEqual({ bytes: 1, inodes: 1, at: 1000 });
  place.pass(9999);
  await layers.of("a", place.signal);
  expect(place.walks).toEqual([]);
  place.pass(1);
  expect((await layers.of("a", place.signal))?.bytes).toBe(1);
  expect(place.walks.map(({ key }) => key)).toEqual(["a"]);
  await layers.of("a", place.signal);
  expect(place.walks).toHaveLength(1);
  place.end("a", { bytes: 2, inodes: 2 });
  await new Promise(setImmediate);
  expect(await layers.of("a", place.signal)).toEqual({ bytes: 2, inodes: 2, at: 11_000 });
});

test("nobody waits long for a first count, and a few are counted at a time", async () => {
  const place = new Place();
  const layers = open(place);
  const asked = ["a", "b", "c"].map((key) => layers.of(key, place.signal));
  await Promise.resolve();
  expect(place.walks.map(({ key }) => key)).toEqual(["a", "b"]);
  place.pass(500);
  expect(await Promise.all(asked)).toEqual([undefined, undefined, undefined]);
  place.end("a", undefined);
  await new Promise(setImmediate);
  expect(place.walks.map(({ key }) => key)).toEqual(["b", "c"]);
});
