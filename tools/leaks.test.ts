import { expect, test } from "bun:test";
import { difference, parseStat, take, type Process, type Snapshot, isBeside } from "./leaks.ts";

const process = (pid: number, parent: number, more: Partial<Process> = {}): Process => ({
  pid,
  parent,
  start: String(pid),
  zombie: false,
  command: `command-${pid}`,
  ...more,
});

const snapshot = (processes: readonly Process[], more: Partial<Snapshot> = {}): Snapshot => {
  const none = new Map<string, string>();
  const rest = { address: none, table: none, file: none };
  return { mount: none, cgroup: none, netns: none, interface: none, ...rest, ...more, processes };
};

const host = [process(1, 0), process(10, 1), process(20, 10), process(30, 1)];

test("a mount that was not there before is a leak, one that is gone is none", () => {
  const before = snapshot(host, { mount: new Map([["1 /a", "/a"]]) });
  const after = snapshot(host, { mount: new Map([["2 /b", "/b (tmpfs)"]]) });
  expect(difference(before, after, 20)).toEqual(["mount /b (tmpfs)"]);
});

test("an orphan that pid 1 took over is a leak, with its children", () => {
  const after = snapshot([...host, process(40, 1), process(41, 40)]);
  expect(difference(snapshot(host), after, 20)).toEqual([
    "process 40 (parent 1): command-40",
    "process 41 (parent 40): command-41",
  ]);
});

test("a child that the runner did not end is a leak", () => {
  expect(difference(snapshot(host), snapshot([...host, process(40, 20)]), 20)).toHaveLength(1);
});

test("what another shell of the machine started is no leak, and a zombie is none", () => {
  const after = snapshot([...host, process(40, 30), process(41, 1, { zombie: true })]);
  expect(difference(snapshot(host), after, 20)).toEqual([]);
});

test("a process number that was given again is another process", () => {
  const before = snapshot([...host, process(40, 1)]);
  const after = snapshot([...host, process(40, 1, { start: "later" })]);
  expect(difference(before, after, 20)).toHaveLength(1);
});

test("a stat line is read even when the process's name holds parentheses and spaces", () => {
  const fields = ["S", "7", ...Array.from({ length: 17 }, () => "0"), "4711", "0"].join(" ");
  expect(parseStat(`42 (a) b (c) ${fields}\n`)).toEqual({
    pid: 42,
    command: "a) b (c",
    zombie: false,
    parent: 7,
    start: "4711",
  });
});

test("the machine as it is now holds this very process and its root mount", () => {
  const now = take();
  expect(now.processes.some(({ pid }) => pid === globalThis.process.pid)).toBe(true);
  expect([...now.mount.values()].some((words) => words.startsWith("/ "))).toBe(true);
});

test("cgroups beside the runner's own are those of who put it there", () => {
  const own = ["/", "/machine/a"];
  expect(isBeside("/machine/b", own)).toBe(true);
  expect(isBeside("/machine/ab/c", own)).toBe(true);
  expect(isBeside("/machine/a", own)).toBe(false);
  expect(isBeside("/machine/a/sampan-1", own)).toBe(false);
  expect(isBeside("/sampan-1", own)).toBe(false);
  expect(isBeside("/sampan-1", ["/a"])).toBe(false);
});
