import { expect, test } from "bun:test";
import { linesOf } from "./ps.ts";

const output =
  "UID        PID  PPID CMD\nroot         1     0 init\nroot        17     1 sh 18\nroot        18    17 ls\n";

test("only the container's processes are left, below the headline", () => {
  expect(linesOf(output, new Set([17]))).toBe("UID        PID  PPID CMD\nroot        17     1 sh 18\n");
  expect(linesOf(output, new Set())).toBe("UID        PID  PPID CMD\n");
});

test("the column is found by its headline, wherever it is", () => {
  expect(linesOf("    PID COMMAND\n     18 ls\n", new Set([18]))).toBe("    PID COMMAND\n     18 ls\n");
});

test("a headline without PID is refused, in runc's words", () => {
  expect(() => linesOf("COMMAND\nls\n", new Set([18]))).toThrow("couldn't find PID field in ps output");
});

test("a line whose PID is no number is refused", () => {
  expect(() => linesOf("PID COMMAND\nx ls\n", new Set([18]))).toThrow('unable to parse pid: "x"');
});
