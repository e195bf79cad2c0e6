import { expect, test } from "bun:test";
import { O } from "../../../../kernel/linux.ts";
import { slot } from "../operations.ts";
import { heldFiles, openFiles } from "./files.ts";

const fifo = (path: string) => ({ path, fifo: true });
const opened = (operations: ReturnType<typeof openFiles>) =>
  operations.map(({ args }) => [args["path"], args["out"], Number(args["flags"]) & 3]);

test("of a FIFO both ends are opened, the process's own last, so that no open waits", () => {
  const stdio = { terminal: false, stdin: "open", files: { stdin: fifo("/i"), stdout: fifo("/o") } } as const;
  expect(opened(openFiles(stdio))).toEqual([
    ["/i", slot.heldFile, O.RDWR],
    ["/i", slot.theirInput, O.RDONLY],
    ["/i", slot.input, O.WRONLY],
    ["/o", slot.heldFile, O.RDWR],
    ["/o", slot.heldOutput, O.RDONLY],
    ["/o", slot.theirOutput, O.WRONLY],
    ["/dev/null", slot.theirErrors, O.WRONLY],
  ]);
  expect(heldFiles(stdio).args).toEqual({ heldOutput: slot.heldOutput });
});

test("a file is appended to and made, and nothing is held", () => {
  const file = { path: "/log", fifo: false };
  const stdio = { terminal: false, stdin: "none", files: { stdout: file, stderr: file } } as const;
  const operations = openFiles(stdio);
  expect(opened(operations)).toEqual([
    ["/log", slot.theirOutput, O.WRONLY],
    ["/log", slot.theirErrors, O.WRONLY],
  ]);
  for (const { args } of operations)
    expect(Number(args["flags"]) & (O.APPEND | O.CREAT)).toBe(O.APPEND | O.CREAT);
  expect(heldFiles(stdio).args).toEqual({});
});

test("a terminal's files are the monitor's", () => {
  const stdio = { terminal: true, stdin: "open", files: { stdin: fifo("/i"), stdout: fifo("/o") } } as const;
  expect(opened(openFiles(stdio))).toEqual([
    ["/i", slot.heldOutput, O.RDWR],
    ["/o", slot.heldErrors, O.RDWR],
  ]);
  expect(heldFiles(stdio).args).toEqual({ input: slot.heldOutput, output: slot.heldErrors });
});
