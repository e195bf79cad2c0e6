/** Standard streams that are files of somebody else, mostly FIFOs that another program reads and writes. Pure. */
import { O } from "../../../../kernel/linux.ts";
import type { MonitorRequest, StdioFile } from "../../../runtime.ts";
import { op, slot, type Operation } from "../operations.ts";

type Stdio = MonitorRequest["stdio"];

const why = "stdio";
const writing = O.WRONLY | O.CREAT | O.APPEND | O.CLOEXEC;

/** Opens what the process is to have, and of each FIFO the other end: no open waits for anybody then, and nobody's leaving is an end or a SIGPIPE. */
export function openFiles({ terminal, files }: Stdio): Operation[] {
  if (!files) return [];
  const { stdin, stdout, stderr } = files;
  if (terminal)
    return [
      ...(stdin ? [open(stdin.path, O.RDWR | O.NONBLOCK, slot.heldOutput)] : []),
      ...(stdout ? [open(stdout.path, stdout.fifo ? O.RDWR | O.NONBLOCK : writing, slot.heldErrors)] : []),
    ];
  return [
    ...(stdin ? input(stdin) : []),
    ...output(stdout, slot.theirOutput, slot.heldOutput),
    ...output(stderr, slot.theirErrors, slot.heldErrors),
  ];
}

function input({ path, fifo }: StdioFile): Operation[] {
  if (!fifo) return [open(path, O.RDONLY, slot.theirInput)];
  return [
    open(path, O.RDWR, slot.heldFile),
    open(path, O.RDONLY, slot.theirInput),
    open(path, O.WRONLY | O.NONBLOCK, slot.input),
  ];
}

function output(file: StdioFile | undefined, theirs: number, held: number): Operation[] {
  if (!file) return [open("/dev/null", O.WRONLY, theirs)];
  if (!file.fifo) return [open(file.path, writing, theirs)];
  return [
    open(file.path, O.RDWR, slot.heldFile),
    open(file.path, O.RDONLY | O.NONBLOCK, held),
    open(file.path, O.WRONLY, theirs),
  ];
}

function open(path: string, flags: number, out: number): Operation {
  const mode = (flags & O.CREAT) === 0 ? {} : { mode: 0o644 };
  return op("open", { path, flags: flags | O.CLOEXEC, out, ...mode }, why);
}

/** What the monitor does with them while the process lives. */
export function heldFiles({ terminal, files = {} }: Stdio): Operation {
  const { stdin, stdout, stderr } = files;
  if (terminal)
    return op(
      "carry_files",
      { ...(stdin && { input: slot.heldOutput }), ...(stdout && { output: slot.heldErrors }) },
      why,
    );
  return op(
    "carry_files",
    {
      ...(stdout?.fifo && { heldOutput: slot.heldOutput }),
      ...(stderr?.fifo && { heldErrors: slot.heldErrors }),
    },
    why,
  );
}
