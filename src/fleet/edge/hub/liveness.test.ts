import { expect, test } from "bun:test";
import { watchLiveness } from "./_liveness.ts";

/** Time that goes when it is told to. */
function turning() {
  let now = 1_000_000;
  let shown = 0;
  let timers: { readonly at: number; readonly call: () => void }[] = [];
  const state = { pings: 0, dead: undefined as number | undefined };
  const clock = {
    now: () => now + shown,
    after(milliseconds: number, call: () => void) {
      const timer = { at: now + milliseconds, call };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
  };
  const go = (milliseconds: number) => {
    const until = now + milliseconds;
    for (;;) {
      const [next] = timers.toSorted((a, b) => a.at - b.at);
      if (!next || next.at > until) break;
      timers = timers.filter((each) => each !== next);
      now = Math.max(now, next.at);
      next.call();
    }
    now = until;
  };
  const watch = watchLiveness({
    clock,
    quiet: 3_500,
    patience: 1_400,
    ping: () => void (state.pings += 1),
    dead: () => void (state.dead ??= now + shown),
  });
  const hear = () => {
    watch.heard();
  };
  const answer = () => {
    watch.heard();
    watch.answered();
  };
  return { state, go, hear, answer, watch, now: () => now, set: (by: number) => void (shown += by) };
}

test("a peer that vanishes is known within 5 s of its last word, whenever that was", () => {
  for (const last of [0, 1, 1_000, 3_400, 3_499, 3_501, 5_000, 6_999]) {
    const { state, go, hear, answer, now } = turning();
    for (let passed = 0; passed < last; passed += 100) {
      go(Math.min(100, last - passed));
      if (state.pings > 0) answer();
      state.pings = 0;
    }
    hear();
    const since = now();
    go(60_000);
    expect(state.dead).toBeDefined();
    expect((state.dead ?? 0) - since).toBeLessThanOrEqual(5_000);
  }
});

test("a peer that answers is asked each 3.5 s and never given up", () => {
  const { state, go, answer } = turning();
  let asked = 0;
  for (let passed = 0; passed < 60_000; passed += 50) {
    go(50);
    if (state.pings > asked) answer();
    asked = state.pings;
  }
  expect(state.dead).toBeUndefined();
  expect(asked).toBeGreaterThanOrEqual(16);
  expect(asked).toBeLessThanOrEqual(18);
});

test("a peer that talks is not asked", () => {
  const { state, go, hear } = turning();
  for (let passed = 0; passed < 60_000; passed += 3_000) {
    go(3_000);
    hear();
  }
  expect(state).toMatchObject({ pings: 0, dead: undefined });
});

test("where answers take long, more patience is had", () => {
  const { state, go, answer, hear, now } = turning();
  for (let round = 0; round < 20; round++) {
    go(3_500);
    expect(state.pings).toBe(round + 1);
    go(1_300 + (round % 2) * 90);
    answer();
  }
  hear();
  const since = now();
  go(60_000);
  expect((state.dead ?? 0) - since).toBeGreaterThan(4_900);
  expect((state.dead ?? 0) - since).toBeLessThan(13_500);
});

test("a clock that is set back or ahead neither ends a link nor keeps a dead one", () => {
  for (const jump of [-31_536_000_000, 31_536_000_000]) {
    const { state, go, hear, set, now } = turning();
    go(1_000);
    set(jump);
    go(3_600);
    if (state.pings > 0) hear();
    expect(state.dead).toBeUndefined();
    hear();
    const before = now();
    go(60_000);
    expect((state.dead ?? Infinity) - jump - before).toBeLessThanOrEqual(5_000);
  }
});

test("an answer that was there while this process was held up counts", () => {
  const { state, go, answer } = turning();
  go(3_500);
  expect(state.pings).toBe(1);
  // The timer is late, and what came is read after it.
  go(1_420);
  answer();
  go(2_000);
  expect(state.dead).toBeUndefined();
});

test("nothing is asked after its end", () => {
  const { state, go, watch } = turning();
  watch[Symbol.dispose]();
  go(60_000);
  expect(state).toMatchObject({ pings: 0, dead: undefined });
});
