/** What the descriptors of a plan hold while it is walked: an operation fills a slot (`out`), a later one names it. */
import { operations, slot, type Operation, type OperationShape } from "../operations.ts";

/** Slots that hold the same in every plan. */
const fixed: ReadonlyMap<number, string> = new Map([
  [slot.root, "the root"],
  [slot.proc, "the host's /proc"],
  [slot.parentEnd, "the parent's end of the pair of sockets"],
  [slot.childEnd, "the child's end of the pair of sockets"],
  [slot.fifo, "the pipe that start writes to"],
  [slot.hookOutput, "the file for what hooks print"],
  [slot.null, "the container's /dev/null"],
  [slot.childProc, "the process's folder in /proc"],
  [slot.child, "the process"],
  [slot.cgroup, "the control group"],
  [slot.consoleSocket, "the console socket"],
  [slot.master, "the terminal's master"],
  [slot.slave, "the terminal"],
  [slot.notify, "the filter's listener"],
  [slot.listener, "the listener's socket"],
  [slot.netlink, "the netlink socket"],
  [slot.theirInput, "the process's standard input"],
  [slot.theirOutput, "the process's standard output"],
  [slot.theirErrors, "the process's standard error"],
  [slot.input, "the monitor's end of standard input"],
  [slot.output, "the monitor's end of standard output"],
  [slot.errors, "the monitor's end of standard error"],
  [slot.console, "the socket on which the terminal comes"],
  [slot.monitorSocket, "the monitor's socket"],
  [slot.monitorFolder, "the monitor's folder"],
]);

/** One process's table; a child starts with a copy of its parent's. */
export class Slots {
  readonly #holds: Map<number, string>;

  constructor(holds: ReadonlyMap<number, string> = new Map()) {
    this.#holds = new Map(holds);
  }

  copy(): Slots {
    return new Slots(this.#holds);
  }

  /** In words, for a sentence. */
  name(number: number): string {
    return fixed.get(number) ?? this.#holds.get(number) ?? `descriptor slot ${number}`;
  }

  /** Notes what the operation has put where. */
  after(operation: Operation): void {
    const out = operation.args["out"];
    if (typeof out !== "number" || out < 0 || fixed.has(out)) return;
    const text = contents[operation.name]?.(operation, this);
    if (text !== undefined) this.#holds.set(out, text);
  }
}

const contents: { readonly [name in Operation["name"]]?: (operation: Operation, slots: Slots) => string } = {
  open: ({ args, why }) => (why.startsWith("linux.namespaces") ? `the namespace ${path(args)}` : path(args)),
  adopt: ({ args }) => `descriptor ${String(args["fd"])} of the caller`,
  mount_point: ({ args }) => path(args),
  open_tree: ({ args }, slots) =>
    `the mount for ${args["path"] ? path(args) : slots.name(Number(args["dir"] ?? -1))}`,
  fsopen: ({ args }) => `the new ${String(args["type"])}`,
  fsmount: ({ args }, slots) =>
    `the mount of ${slots.name(Number(args["slot"] ?? -1)).replace(/^the new /, "")}`,
  bpf_load: () => "the device program",
  userns: () => "the user namespace of the id map",
  connect: ({ args }) => `the socket ${path(args)}`,
  netlink_open: () => "the netlink socket",
  receive_fd: () => "the descriptor that was received",
  child_proc: () => "the process's folder in /proc",
};

function path(args: Operation["args"]): string {
  return `"${String(args["path"] ?? "")}"`;
}

/** The argument, or its default of the operations table. */
export function intArgument(operation: Operation, name: string): number | bigint {
  const value = operation.args[name];
  if (typeof value === "number" || typeof value === "bigint") return value;
  const shape: OperationShape = operations[operation.name];
  return shape.ints[name] ?? 0;
}
