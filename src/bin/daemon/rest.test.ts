import { expect, test } from "bun:test";
import { restTimes } from "./rest.ts";

test("one that never has nothing to do rests once after each rush", () => {
  let worked = 0;
  let rests = 0;
  const look = restTimes(() => ({ user: 0, system: worked * 1000 }));
  const after = (milliseconds: number) => {
    worked += milliseconds;
    look(() => rests++);
    return rests;
  };
  expect([after(9000), after(5000), after(4000), after(4000), after(3900)]).toEqual([0, 0, 1, 1, 1]);
  expect([after(4100), after(7900), after(4000), after(3900), after(3900)]).toEqual([1, 1, 1, 2, 2]);
});

test("it rests once after work, when there is none any more", () => {
  let worked = 0;
  let rests = 0;
  const look = restTimes(() => ({ user: worked * 1000, system: 0 }));
  const after = (milliseconds: number) => {
    worked += milliseconds;
    // A rest costs as much as some work.
    look(() => ((worked += 500), rests++));
    return rests;
  };
  expect([after(10), after(10), after(0)]).toEqual([1, 1, 1]);
  expect([after(2000), after(3000), after(20), after(20)]).toEqual([1, 1, 2, 2]);
  expect([after(140), after(140), after(140)]).toEqual([2, 2, 2]);
});
