import { describe, expect, test } from "bun:test";
import type { MonitorRequest } from "../../../runtime.ts";
import { decodePlan, encodePlan } from "../encode.ts";
import { explainPlan, explanationText } from "../explain/explain.ts";
import { op, slot, type Operation, type Plan } from "../operations.ts";
import { carried } from "./monitor.ts";

const made: Plan = { parent: [op("clone", { stage: 2 }, "process")], middle: [], init: [] };

function carry(
  stdio: Partial<MonitorRequest["stdio"]>,
  rest: { consoleFd?: number; log?: boolean } = {},
): Plan {
  const { consoleFd, log } = rest;
  const monitor = {
    folder: "/m",
    stdio: { terminal: false, stdin: "none" as const, ...stdio },
    ...(log && { log: { path: "/m/log", maxSize: 1000, maxFiles: 3 } }),
  };
  return carried(made, {
    monitor,
    socketFd: 9,
    folder: "/b",
    patience: 10_000,
    ...(consoleFd !== undefined && { consoleFd }),
  });
}

const named = (list: readonly Operation[] | undefined, name: string) =>
  (list ?? []).filter((each) => each.name === name).map(({ args }) => args);
const names = (list: readonly Operation[] | undefined) => (list ?? []).map(({ name }) => name);

describe("the monitor's stage", () => {
  test("a process without a terminal gets pipes, for standard input only where it has one", () => {
    expect(named(carry({}).monitor, "pipe").map(({ b }) => b)).toEqual([slot.theirOutput, slot.theirErrors]);
    expect(named(carry({}).parent, "dup").map(({ fd }) => fd)).toEqual([1, 2]);
    const open = carry({ stdin: "open" });
    expect(named(open.monitor, "pipe").map(({ a }) => a)).toContain(slot.theirInput);
    expect(named(open.parent, "dup").map(({ fd }) => fd)).toEqual([0, 1, 2]);
    expect(named(open.monitor, "carry_stdio")).toEqual([
      { input: slot.input, output: slot.output, errors: slot.errors, once: 0 },
    ]);
    expect(named(carry({ stdin: "once" }).monitor, "carry_stdio")[0]).toMatchObject({ once: 1 });
  });

  test("a terminal comes over a pair of its own, or to the socket where another program sends it", () => {
    const own = carry({ terminal: true, size: { rows: 2, columns: 3 } });
    expect(named(own.monitor, "socketpair")).toEqual([{ a: slot.console, b: slot.consoleSocket }]);
    expect(named(own.monitor, "carry_stdio")).toEqual([
      { console: slot.console, once: 0, size: 2 * 65536 + 3 },
    ]);
    expect(named(own.parent, "dup")).toEqual([]);
    expect(named(carry({ terminal: true }, { consoleFd: 11 }).monitor, "adopt")).toContainEqual({
      fd: 11,
      out: slot.console,
    });
  });

  test("the parent ends with its monitor, before it does anything else", () => {
    const [first] = carry({}).parent;
    expect(first).toMatchObject({ name: "prctl", args: { option: 1, a: 9 } });
    expect(names(carry({}).parent).at(-1)).toBe("clone");
  });

  test("nobody inherits the monitor's score, and it serves last of all", () => {
    const list = names(carry({}, { log: true }).monitor);
    expect(list.indexOf("write")).toBeGreaterThan(list.indexOf("clone"));
    expect(list.indexOf("carry_log")).toBeLessThan(list.indexOf("clone"));
    expect(list.at(-1)).toBe("carry");
  });

  test("output is held only where it was asked", () => {
    expect(named(carry({}).monitor, "carry")[0]).toMatchObject({ hold: 0, patience: 10_000 });
    expect(named(carry({ hold: true }).monitor, "carry")[0]).toMatchObject({ hold: 10_000 });
  });

  test("the client whose the output is has hours to take it", () => {
    expect(named(carry({ hold: true }).monitor, "carry")[0]).toMatchObject({ patience: 4 * 3_600_000 });
  });

  test("a plan keeps it through its bytes, and one without has none", () => {
    const plan = carry({ stdin: "once" }, { log: true });
    expect(names(decodePlan(encodePlan(plan)).monitor)).toEqual(names(plan.monitor));
    expect(decodePlan(encodePlan(made)).monitor).toBeUndefined();
  });

  test("is explained first, since it makes the parent", () => {
    const explained = explainPlan(carry({ stdin: "once" }, { log: true }));
    expect(explained[0]).toMatchObject({ stage: "monitor", group: "monitor" });
    const text = explanationText(explained);
    expect(text).toStartWith("# monitor: the process that carries the container, on the host\n");
    expect(text).toContain('write what the process says to "/m/log", a new file after 1000 bytes, at most 3');
    expect(text).toContain("make the launcher's own process");
  });
});
