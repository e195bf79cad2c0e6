import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { logLine, wordsOf } from "./log.ts";

const at = new Date("2026-11-21T15:36:12.123Z");

test("a line has time, level, words and fields", () => {
  expect(logLine("info", "ready", { root: "/var/lib/sampan", ms: 41 }, at)).toBe(
    "2026-11-21T15:36:12.123Z info ready root=/var/lib/sampan ms=41",
  );
});

test("what a client sent makes neither a second line nor a second field", () => {
  const line = logLine("warn", "no route\nforged \u001b[2J", { path: "a b=c\n", name: 'x"y' }, at);
  expect(line).not.toContain("\n");
  expect(line).not.toContain("\u001b");
  expect(line).toEndWith(String.raw`path="a b=c\n" name="x\"y"`);
});

test("an error that came while closing does not hide the first one", () => {
  const first = new SampanError("not_found", "cannot open x: it is gone");
  expect(wordsOf(new SuppressedError(new Error("busy"), first))).toBe(
    "cannot open x: it is gone; then, closing: busy",
  );
});
