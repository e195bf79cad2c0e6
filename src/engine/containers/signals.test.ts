import { describe, expect, test } from "bun:test";
import { signalNumber, stopSignal } from "./signals.ts";
import { startCode } from "./start-code.ts";

describe("a signal", () => {
  test.each([
    ["KILL", 9],
    ["SIGKILL", 9],
    ["9", 9],
    ["sighup", 1],
    ["SIGRTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["RTMAX-1", 63],
    ["64", 64],
  ] as const)("%s is %i", (text, number) => expect(signalNumber(text)).toBe(number));
  test.each(["", "0", "65", "SIGNOPE", "-9", "SIGRTMIN+40", "9 "])("%p is refused", (text) =>
    expect(() => signalNumber(text)).toThrow("Invalid signal"),
  );
  test("to stop with is the caller's, the image's, SIGTERM; an image's nonsense is passed over", () => {
    const body = { StopSignal: "SIGINT" };
    expect(stopSignal({ body, imageConfig: { StopSignal: "SIGQUIT" } })).toBe(2);
    expect(stopSignal({ body: {}, imageConfig: { StopSignal: "SIGQUIT" } })).toBe(3);
    expect(stopSignal({ body: {}, imageConfig: { StopSignal: "--privileged" } })).toBe(15);
  });
});

test.each([
  ['exec: "nope": executable file not found in $PATH', 127],
  ['exec: "/nope": stat /nope: no such file or directory', 127],
  ['exec: "/etc/passwd": permission denied', 126],
  ["Address already in use", 128],
] as const)("a start that fails with %p ends with %i", (message, code) => {
  expect(startCode({ message })).toBe(code);
});
