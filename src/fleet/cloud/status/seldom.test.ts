import { expect, test } from "bun:test";
import { seldom } from "./seldom.ts";

test("a peer gets one line each ten seconds, and the next says how many were left out", () => {
  const lines: string[] = [];
  let now = 0;
  const say = seldom({ now: () => now, after: () => () => {} }, (text) => void lines.push(text));
  for (const at of [0, 1000, 9999]) {
    now = at;
    say("edge1", `edge1 at ${at}`);
    say("edge2", `edge2 at ${at}`);
  }
  now = 10_000;
  say("edge1", "edge1 at 10000");
  expect(lines).toEqual(["edge1 at 0", "edge2 at 0", "edge1 at 10000 (2 more were left out)"]);
});
