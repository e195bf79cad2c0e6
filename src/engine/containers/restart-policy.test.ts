import { describe, expect, test } from "bun:test";
import { restartDelay, startsWithDaemon, type Ended } from "./restart-policy.ts";

const ended: Ended = {
  policy: { Name: "always" },
  exitCode: 1,
  stoppedByUser: false,
  restartCount: 0,
  ran: 50,
  lastDelay: 0,
};

describe("a restart policy", () => {
  test("waits twice as long each time, from 100 ms to a minute", () => {
    const delays: number[] = [];
    for (let lastDelay = 0; delays.length < 12; lastDelay = delays.at(-1) ?? 0)
      delays.push(restartDelay({ ...ended, lastDelay }) ?? -1);
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  });
  test("begins anew with the first delay after ten seconds of running", () => {
    expect(restartDelay({ ...ended, ran: 9_999, lastDelay: 6400 })).toBe(12_800);
    expect(restartDelay({ ...ended, ran: 10_000, lastDelay: 6400 })).toBe(100);
  });
  test.each([
    [undefined, 1, false],
    ["no", 1, false],
    ["", 1, false],
    ["on-failure", 0, false],
    ["on-failure", 1, true],
    ["always", 0, true],
    ["unless-stopped", 0, true],
  ] as const)("%s restarts what ended with %i: %p", (Name, exitCode, wanted) => {
    const policy = Name === undefined ? {} : { Name };
    expect(restartDelay({ ...ended, policy, exitCode }) !== undefined).toBe(wanted);
  });
  test("on-failure gives up after as many tries as it may", () => {
    const policy = { Name: "on-failure", MaximumRetryCount: 2 } as const;
    const wanted = [0, 1, 2].map(
      (restartCount) => restartDelay({ ...ended, policy, restartCount }) !== undefined,
    );
    expect(wanted).toEqual([true, true, false]);
  });
  test.each(["always", "unless-stopped", "on-failure"] as const)(
    "%s leaves what a person has stopped",
    (Name) => {
      expect(restartDelay({ ...ended, policy: { Name }, stoppedByUser: true })).toBeUndefined();
    },
  );
});

describe("when the daemon starts", () => {
  const then = { exitCode: 255, stoppedByUser: false, restartCount: 0, wasStarted: true };
  const starts = (Name: "no" | "always" | "unless-stopped" | "on-failure", more: Partial<typeof then> = {}) =>
    startsWithDaemon({ ...then, ...more, policy: { Name } });
  test("each policy but no takes what the machine's end has ended", () => {
    expect((["no", "always", "unless-stopped", "on-failure"] as const).map((name) => starts(name))).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });
  test("only always takes what a person had stopped", () => {
    const stopped = { stoppedByUser: true };
    expect(
      (["always", "unless-stopped", "on-failure"] as const).map((name) => starts(name, stopped)),
    ).toEqual([true, false, false]);
  });
  test("nothing is started that never was", () => {
    expect(starts("always", { wasStarted: false })).toBe(false);
  });
});
