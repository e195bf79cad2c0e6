/**
 * What is spoken on a monitor's socket, once for TypeScript and C (tools/gen-operations.ts writes launcher/operations.h from it).
 *
 * Both ways a frame is 8 bytes and what follows them: a kind, an argument, two zeros, the length of the rest as a big-endian u32. What the process
 * wrote comes as Docker multiplexes it: the kind is the stream (1 stdout, 2 stderr), the argument 0. Numbers in a body are big-endian.
 *
 * - `status`: the process's id and whether it has ended (i32, i32). A monitor that is not yet sure of its process says 0.
 * - `attach`: the argument is a mask of `streams`, `none` always among them. Answered by `done`; from then on come output and nothing else, up to the process's end.
 * - `input`: bytes for the process's standard input; no answer. They are read only when there is room for them. `end_input` closes it.
 * - `resize`: rows and columns (u16, u16). `signal`: the argument is the number, with `group` for all of the process's group. Answered by `done` with 0 or a negative errno (i32).
 * - `reopen_log`: from the next record on the log is the file that has its name then. Answered in the same way; with an errno it is still the one that it was.
 * - A monitor that does not know a request closes the connection: new ones are asked on a connection of their own.
 * - A client that is one too many is answered `done` with -EUSERS, whatever it asked, and its connection closed.
 * - `exit` is sent to everyone who is not attached when the process has ended and its output is written: code, signal (i32, i32), milliseconds (i64).
 */
export const requests = {
  status: 1,
  attach: 2,
  input: 3,
  end_input: 4,
  resize: 5,
  signal: 6,
  reopen_log: 7,
} as const;
export const answers = { status: 16, exit: 17, done: 18 } as const;
export const streams = { input: 1, output: 2, errors: 4, none: 8 } as const;
/** Beside the number of a signal. Older monitors refuse such a number. */
export const signals = { group: 128 } as const;
export const frameHeader = 8;

/** Names in the monitor's folder. */
export const socketName = "monitor.sock";
export const exitName = "exit";
/** The socket for the terminal of a runtime that is another program. */
export const consoleName = "console.sock";
