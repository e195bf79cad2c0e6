import { expect, test } from "bun:test";
import { ExecTable, newExec } from "./exec-table.ts";

const id = (number: number) => number.toString(16).padStart(64, "0");

test("of execs that do not run, the oldest are forgotten; those that run never", () => {
  const table = new ExecTable();
  const running = newExec(id(0), "c", { Cmd: ["a"] });
  running.state = "running";
  table.add(running);
  for (let number = 1; number <= 2000; number++) {
    const record = newExec(id(number), "c", { Cmd: ["a"] });
    table.add(record);
    if (number % 2 === 0) table.ended(record, 0);
  }
  expect(table.of("c")).toHaveLength(1024);
  expect(table.find(id(0))).toBe(running);
  expect(table.find(id(2000))?.exitCode).toBe(0);
  expect(table.find(id(1))).toBeUndefined();
});

test("an exec is found by the beginning of its id, unless several have it", () => {
  const table = new ExecTable();
  for (const name of [`aaaaaaaaaaaa${"0".repeat(52)}`, `aaaaaaaaaaab${"0".repeat(52)}`])
    table.add(newExec(name, "c", { Cmd: ["a"] }));
  expect(table.find("aaaaaaaaaaab")?.id).toStartWith("aaaaaaaaaaab");
  expect(table.find("aaaaaaaaaaa")).toBeUndefined();
});
