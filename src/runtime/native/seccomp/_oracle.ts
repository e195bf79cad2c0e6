/**
 * What a profile means for one system call, said the slow and plain way, for tests: no runs, no tree, no halves of
 * words, nothing shared with the compiler but the tables of numbers.
 */
import { machines, x32Bit, type Abi } from "./_abi.ts";
import type { SeccompData } from "./_interpreter.ts";
import type { SeccompArg, SeccompProfile, SeccompSyscall } from "./profile.ts";

interface Alternative {
  action: number;
  args: { index: number; op: string; value: bigint; mask: bigint }[];
}

const allOnes = 0xffffffffffffffffn;
const ENOSYS = 0x00050026;

/** The number of every system call of an ABI by its name, the x32 bit included. */
export function tableOf(abi: Abi): Map<string, number> {
  const kept = tables.get(abi);
  if (kept !== undefined) return kept;
  const table = new Map<string, number>();
  let number = 0;
  for (const token of abi.numbers.split(" ")) {
    if (/^\d/.test(token)) number = Number(token);
    else table.set(token, abi.base + number++);
  }
  tables.set(abi, table);
  return table;
}

const tables = new Map<Abi, Map<string, number>>();

export function evaluate(profile: SeccompProfile, processor: "x64" | "arm64", data: SeccompData): number {
  const machine = machines[processor].find((candidate) => candidate.audit === data.arch >>> 0);
  if (machine === undefined) return 0;
  const nr = data.nr >>> 0;
  const fallback = numberOf(profile.defaultAction, profile.defaultErrnoRet);
  const abi: Abi = machine.abis.find((candidate) => candidate.base === (nr & x32Bit)) ?? machine.abis[0];
  const native = abi === machines[processor][0].abis[0];
  if (!native && !profile.architectures?.includes(abi.architecture)) {
    const skipped = nr === 0xffffffff && machine === machines.x64[0];
    return skipped ? fallback : 0;
  }
  const table = tableOf(abi);
  if (nr > lastKnown(profile, abi, table)) return ENOSYS;
  const alternatives = (profile.syscalls ?? [])
    .filter((entry) => numberOf(entry.action, entry.errnoRet) !== fallback)
    .flatMap((entry) => entry.names.flatMap((name) => alternativesOf(entry, name, nr, abi, table)));
  const settled = alternatives.find(({ args }) => args.every(({ op, mask }) => isAlways(op, mask, abi)));
  if (settled !== undefined) return settled.action;
  alternatives.sort(narrowFirst);
  const match = alternatives.find(({ args }) => args.every((arg) => holds(arg, data.args[arg.index]!, abi)));
  return match?.action ?? fallback;
}

function isAlways(op: string, mask: bigint, abi: Abi): boolean {
  return op === "SCMP_CMP_MASKED_EQ" && (abi.wide ? mask : mask & 0xffffffffn) === 0n;
}

function numberOf(action: string, errno = 1): number {
  const bases: Record<string, number> = {
    SCMP_ACT_KILL: 0,
    SCMP_ACT_KILL_THREAD: 0,
    SCMP_ACT_KILL_PROCESS: 0x80000000,
    SCMP_ACT_TRAP: 0x30000,
    SCMP_ACT_ERRNO: 0x50000 + errno,
    SCMP_ACT_NOTIFY: 0x7fc00000,
    SCMP_ACT_TRACE: 0x7ff00000 + errno,
    SCMP_ACT_LOG: 0x7ffc0000,
    SCMP_ACT_ALLOW: 0x7fff0000,
  };
  return bases[action]!;
}

/** Numbers above it answer ENOSYS, as in runc's patched filters; Infinity where none do. */
export function lastKnown(profile: SeccompProfile, abi: Abi, table: Map<string, number>): number {
  if (["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(profile.defaultAction)) return Infinity;
  if (profile.defaultErrnoRet === 38) return Infinity;
  const named = new Set((profile.syscalls ?? []).flatMap((entry) => entry.names));
  const carried = abi.multiplexers.flatMap(({ calls }) => Object.keys(calls));
  const numbers = [...named].filter((name) => !carried.includes(name)).map((name) => table.get(name) ?? 0);
  const last = Math.max(0, ...numbers);
  return last === 0 ? Infinity : last;
}

function alternativesOf(
  entry: SeccompSyscall,
  name: string,
  nr: number,
  abi: Abi,
  table: Map<string, number>,
): Alternative[] {
  const action = numberOf(entry.action, entry.errnoRet);
  const args = (entry.args ?? []).map(plainArg);
  const twice = args.some((arg, index) => args.findIndex((other) => other.index === arg.index) !== index);
  const lists = twice ? args.map((arg) => [arg]) : [args.toSorted((a, b) => a.index - b.index)];
  const found: Alternative[] = [];
  if (table.get(name) === nr) {
    found.push(...lists.map((list) => ({ action, args: list })));
  }
  for (const { number, mask, calls } of abi.multiplexers) {
    const call = calls[name];
    if (number !== nr || call === undefined) continue;
    const which = { index: 0, op: "SCMP_CMP_MASKED_EQ", value: BigInt(call), mask: BigInt(mask) };
    found.push(...lists.map((list) => ({ action, args: [which, ...list.filter((arg) => arg.index > 0)] })));
  }
  return found;
}

function plainArg(arg: SeccompArg): Alternative["args"][number] {
  const value = BigInt(arg.value);
  if (arg.op !== "SCMP_CMP_MASKED_EQ") return { index: arg.index, op: arg.op, value, mask: allOnes };
  return { index: arg.index, op: arg.op, value: BigInt(arg.valueTwo ?? 0) & value, mask: value };
}

function holds(arg: Alternative["args"][number], argument: bigint, abi: Abi): boolean {
  const width = abi.wide ? allOnes : 0xffffffffn;
  const actual = argument & arg.mask & width;
  const wanted = arg.value & width;
  switch (arg.op) {
    case "SCMP_CMP_NE":
      return actual !== wanted;
    case "SCMP_CMP_LT":
      return actual < wanted;
    case "SCMP_CMP_LE":
      return actual <= wanted;
    case "SCMP_CMP_GE":
      return actual >= wanted;
    case "SCMP_CMP_GT":
      return actual > wanted;
    default:
      return actual === wanted;
  }
}

function narrowFirst(a: Alternative, b: Alternative): number {
  const [one, other] = [a.args[0]!, b.args[0]!];
  if (one.index !== other.index) return other.index - one.index;
  const [left, right] = [rank(one.op), rank(other.op)];
  if (left !== right) return left - right;
  if (one.value === other.value) return 0;
  return one.value < other.value === (left === 1) ? -1 : 1;
}

function rank(op: string): number {
  if (op === "SCMP_CMP_LE" || op === "SCMP_CMP_LT") return 1;
  return op === "SCMP_CMP_GE" || op === "SCMP_CMP_GT" ? 2 : 0;
}
