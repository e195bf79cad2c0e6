import { expect, test } from "bun:test";
import { processTable } from "./top-proc.ts";
import { rowsOf } from "./top.ts";

const text = `UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 10:00 ?        00:00:01 /sbin/init splash
root          42       1  0 10:00 pts/0    00:00:00 sleep 100   200
1000          43      42  0 10:00 pts/0    00:00:00 sh
`;

test("only the container's processes are shown, the last column with its spaces", () => {
  expect(rowsOf(text, new Set([42, 43]))).toEqual({
    titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
    processes: [
      ["root", "42", "1", "0", "10:00", "pts/0", "00:00:00", "sleep 100 200"],
      ["1000", "43", "42", "0", "10:00", "pts/0", "00:00:00", "sh"],
    ],
  });
});

test("threads go with the process above them", () => {
  const threads = "PID LWP CMD\n7 - a\n- 7 -\n8 - b\n- 8 -\n- 9 -\n";
  expect(rowsOf(threads, new Set([8])).processes.map((row) => row.join(" "))).toEqual([
    "8 - b",
    "- 8 -",
    "- 9 -",
  ]);
});

test("columns without process ids are refused", () => {
  expect(() => rowsOf("USER CMD\nroot init\n", new Set([1]))).toThrow("Couldn't find PID field in ps output");
});

test("without ps the same columns come from proc", () => {
  const { titles, processes } = processTable([process.pid]);
  expect(processes).toHaveLength(1);
  expect(processes[0]).toHaveLength(titles.length);
  expect(processes[0]?.[1]).toBe(`${process.pid}`);
  expect(processes[0]?.[2]).toBe(`${process.ppid}`);
  expect(processes[0]?.at(-1)).toContain("bun");
});
