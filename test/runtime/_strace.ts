/** strace's record of a run as the system calls of each process, and a plan held against one process's calls. */
import { errno } from "../../src/kernel/errno.ts";
import type { ExplainedOperation } from "../../src/runtime/native/plan/explain/explain.ts";

export interface Call {
  readonly name: string;
  /** What stands between the parentheses. */
  readonly args: string;
  /** `0`, `17`, `-1 ENOENT`. */
  readonly result: string;
}

/** The output of `strace -f -o FILE`: calls by process, in the order of their beginning; halves of interrupted lines are joined. */
export function parseRecord(text: string): Map<number, Call[]> {
  const processes = new Map<number, Call[]>();
  const begun = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const whole = rest.replace(/^<\.\.\. \w+ resumed>/, () => begun.get(pid) ?? "");
    if (whole.endsWith("<unfinished ...>")) begun.set(pid, whole.replace(/ ?<unfinished \.\.\.>$/, ""));
    else addCall(processes, Number(pid), whole);
  }
  return processes;
}

function addCall(processes: Map<number, Call[]>, pid: number, line: string): void {
  const [, name, args = "", result = ""] = /^(\w+)\((.*)\) += (-1 E\w+|\S+)/s.exec(line) ?? [];
  if (name === undefined) return;
  const calls = processes.get(pid) ?? [];
  calls.push({ name, args, result });
  processes.set(pid, calls);
}

/** Calls that change something that others can see, or what a process may: none of them may be there without an operation. */
const telling = new Set(
  (
    "mount umount2 move_mount open_tree fsopen fsconfig fsmount mount_setattr pivot_root chroot chdir fchdir setns unshare clone3 " +
    "mkdirat mknodat symlinkat unlinkat sethostname setdomainname setresuid setresgid setgroups capset prctl seccomp prlimit64 keyctl " +
    "bpf personality umask setsid socketpair sendto ioprio_set sched_setattr sched_setaffinity set_mempolicy execve write"
  ).split(" "),
);

/** What of an operation's arguments has to be found in which of its calls. */
const shown: Readonly<Record<string, readonly (readonly [call: string, argument: string])[]>> = {
  open: [["openat2", "path"]],
  mkdir: [["mkdirat", "path"]],
  write: [
    ["openat2", "path"],
    ["write", "data"],
  ],
  mount_point: [["openat2", "path"]],
  fsopen: [["fsopen", "type"]],
  fsconfig: [
    ["fsconfig", "key"],
    ["fsconfig", "value"],
  ],
  mount: [
    ["mount", "source"],
    ["mount", "type"],
    ["mount", "data"],
  ],
  umount: [["umount2", "path"]],
  symlink: [["symlinkat", "target"]],
  chdir: [["chdir", "path"]],
  mask_path: [["openat2", "path"]],
  sethostname: [["sethostname", "name"]],
  setdomainname: [["setdomainname", "name"]],
  keyring: [["keyctl", "name"]],
  connect: [["connect", "path"]],
};

/** The slots whose descriptor a call gives, and the calls that have to use it. */
const gives: Readonly<Record<string, string>> = {
  fsopen: "fsopen",
  fsmount: "fsmount",
  open_tree: "open_tree",
};
const uses: Readonly<Record<string, readonly [call: string, slot: string]>> = {
  fsconfig: ["fsconfig", "slot"],
  fsmount: ["fsmount", "slot"],
  mount_setattr: ["mount_setattr", "slot"],
  move_mount: ["move_mount", "from"],
};

/**
 * Walks one process's calls along the operations of its stage: each operation's calls have to come in its turn, with its texts and
 * descriptors, and no telling call may be left over. Gives the calls that belong to each operation, and what was wrong.
 */
export function follow(
  operations: readonly ExplainedOperation[],
  calls: readonly Call[],
): { matched: Map<number, Call[]>; wrong: string[] } {
  const walk = new Walk(calls);
  let skip = 0;
  for (const operation of operations) {
    if (skip > 0) skip--;
    else skip = walk.step(operation);
    // After the first thing that is wrong everything is.
    if (walk.wrong.length > 0) return walk;
  }
  if (operations.at(-1)?.operation !== "exec") walk.finish();
  return walk;
}

class Walk {
  constructor(calls: readonly Call[]) {
    this.#calls = calls;
  }
  readonly #calls: readonly Call[];
  #at = 0;
  /** The names of calls that the operation before may still make. */
  #allowed = new Set<string>();
  /** Of these the ones that it may still make in any number; a call of its own kind with another text may be one of them. */
  #optional = new Set<string>();
  readonly #descriptors = new Map<number, string>();
  readonly matched = new Map<number, Call[]>();
  readonly wrong: string[] = [];

  /** Gives how many of the next operations are left out. */
  step(operation: ExplainedOperation): number {
    const names = operation.systemCalls;
    for (const name of names) this.#allowed.add(name.replace("?", ""));
    const own: Call[] = [];
    this.matched.set(operation.index, own);
    for (const name of names.filter((each) => !each.endsWith("?"))) {
      const call = this.#find(name, operation);
      if (call === undefined) return 0;
      own.push(call);
      this.#compare(operation, call);
      if (isTolerated(operation, call)) return operation.tolerate?.skip ?? 0;
    }
    this.#allowed = new Set(names.map((name) => name.replace("?", "")));
    this.#optional = new Set(names.filter((name) => name.endsWith("?")).map((name) => name.slice(0, -1)));
    return 0;
  }

  finish(): void {
    const rest = this.#calls.slice(this.#at).filter((call) => !isReport(call));
    for (const call of rest) this.#expectQuiet(call, "after the last operation");
  }

  #find(name: string, operation: ExplainedOperation): Call | undefined {
    for (; this.#at < this.#calls.length; this.#at++) {
      const call = this.#calls[this.#at];
      if (call?.name === name && !(this.#optional.has(name) && differs(operation, call))) {
        this.#at++;
        return call;
      }
      if (call) this.#expectQuiet(call, `before ${label(operation)}`);
      if (this.wrong.length > 0) return undefined;
    }
    this.wrong.push(`${label(operation)}: no ${name}`);
    return undefined;
  }

  #expectQuiet(call: Call, where: string): void {
    if (telling.has(call.name) && !this.#allowed.has(call.name))
      this.wrong.push(`${call.name}(${call.args}) ${where} is in no operation`);
  }

  #compare(operation: ExplainedOperation, call: Call): void {
    const other = differs(operation, call);
    if (other !== undefined)
      this.wrong.push(`${label(operation)}: ${other} is not in ${call.name}(${call.args})`);
    const size = filterSize(operation);
    if (call.name === "seccomp" && !call.args.includes(`len=${size},`))
      this.wrong.push(`${label(operation)}: ${size} instructions were wanted in seccomp(${call.args})`);
    const [user, slot] = uses[operation.operation] ?? [];
    const wanted = this.#descriptors.get(Number(operation.arguments[slot ?? ""]));
    if (user === call.name && wanted !== undefined && !call.args.startsWith(`${wanted},`))
      this.wrong.push(`${label(operation)}: descriptor ${wanted} was wanted in ${call.name}(${call.args})`);
    const out = Number(operation.arguments["out"] ?? -1);
    if (gives[operation.operation] === call.name) this.#descriptors.set(out, call.result);
    else this.#descriptors.delete(out);
  }
}

/** The argument of the operation that has to stand in the call and does not. */
function differs(operation: ExplainedOperation, call: Call): string | undefined {
  for (const [name, argument] of shown[operation.operation] ?? []) {
    const text = operation.arguments[argument];
    // The type of a bind mount is nothing to the kernel: strace prints where it stands.
    if (name !== call.name || typeof text !== "string" || text === "" || text === "bind") continue;
    if (!call.args.includes(`"${text.replaceAll("\n", "\\n")}"`)) return `${argument} "${text}"`;
  }
  return undefined;
}

/** struct sock_filter has 8 bytes. */
function filterSize({ arguments: args }: ExplainedOperation): number {
  const { base64 = "" } = (args["filter"] ?? {}) as { base64?: string };
  return Buffer.from(base64, "base64").length / 8;
}

/** The launcher's last word to whoever started it. */
function isReport({ name, args }: Call): boolean {
  return name === "sendto" && args.includes(", 256, MSG_NOSIGNAL, ");
}

function isTolerated({ tolerate }: ExplainedOperation, { result }: Call): boolean {
  const [, name = ""] = /^-1 (E\w+)/.exec(result) ?? [];
  if (name === "" || tolerate === undefined) return false;
  const number = (errno as Readonly<Record<string, number>>)[name] ?? -1;
  return tolerate.errnos === "any" || tolerate.errnos.includes(number);
}

function label({ stage, index, operation, text }: ExplainedOperation): string {
  return `${stage} ${index} ${operation} (${text})`;
}
