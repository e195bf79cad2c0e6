import { describe, expect, test } from "bun:test";
import { Query } from "../query.ts";
import { DetachFilter, parseDetachKeys } from "./detach-keys.ts";
import { encodeFrames, FrameStripper } from "./frames.ts";
import { logQuery } from "./logs.ts";

const bytes = (text: string) => Buffer.from(text);
const { signal } = new AbortController();

describe("detach keys", () => {
  test("are read as terminals send them", () => {
    expect([...parseDetachKeys(undefined)]).toEqual([0x10, 0x11]);
    expect([...parseDetachKeys("ctrl-a,x,ctrl-@,ctrl-[")]).toEqual([1, 0x78, 0, 0x1b]);
    expect(() => parseDetachKeys("ctrl-1")).toThrow("Invalid detach keys (ctrl-1)");
    expect(() => parseDetachKeys("a,,b")).toThrow("Invalid detach keys");
  });

  test.each([
    { typed: ["ab\x10\x11cd"], passed: "ab", found: true },
    { typed: ["ab\x10", "\x11"], passed: "ab", found: true },
    { typed: ["\x10", "a"], passed: "\x10a", found: false },
    { typed: ["\x10\x10\x11"], passed: "\x10", found: true },
    { typed: ["\x10"], passed: "", found: false },
    { typed: ["\x11\x10"], passed: "\x11", found: false },
  ])("of $typed, $passed goes on", ({ typed, passed, found }) => {
    const filter = new DetachFilter(parseDetachKeys(""));
    const all = Buffer.concat(typed.map((each) => filter.take(bytes(each))));
    expect(all.toString()).toBe(passed);
    expect(filter.found).toBe(found);
  });
});

describe("frames", () => {
  const pieces = [
    { stream: "stdout", bytes: bytes("out") },
    { stream: "stderr", bytes: bytes("") },
    { stream: "stderr", bytes: bytes("error") },
  ] as const;

  test("have a head of eight bytes", () => {
    expect([...encodeFrames(pieces.slice(0, 1))]).toEqual([1, 0, 0, 0, 0, 0, 0, 3, ...bytes("out")]);
    expect(encodeFrames(pieces)[11]).toBe(2);
  });

  test("lose it however they are cut", () => {
    const all = encodeFrames(pieces);
    for (let step = 1; step <= all.length; step++) {
      const stripper = new FrameStripper();
      let text = "";
      for (let at = 0; at < all.length; at += step)
        for (const piece of stripper.take(all.subarray(at, at + step))) text += Buffer.from(piece).toString();
      expect(text).toBe("outerror");
    }
  });
});

describe("what logs are asked for", () => {
  const asked = (words: string) => logQuery(new Query(words), signal);

  test("times are seconds with a fraction, and until 0 is no end", () => {
    expect(asked("stdout=1&since=5.000000001&until=0")).toEqual({
      stdout: true,
      stderr: false,
      follow: false,
      signal,
      since: 5_000_000_001n,
    });
  });

  test("tail is a number or all", () => {
    expect(asked("stderr=1&tail=0").tail).toBe(0);
    expect(asked("stderr=1&tail=all").tail).toBeUndefined();
    expect(asked("stderr=1&tail=-1").tail).toBeUndefined();
  });

  test("without a stream it is refused", () => {
    expect(() => asked("tail=5")).toThrow("you must choose at least one stream");
  });
});
