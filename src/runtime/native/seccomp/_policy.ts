/** The strict reading of a profile: what remains is numbers, and is right. */
import { invalid } from "../../../base/errors.ts";
import {
  actionReturns,
  filterFlags,
  knownActions,
  knownArchitectures,
  knownFlags,
  knownOperators,
  type SeccompAction,
  type SeccompArchitecture,
  type SeccompArg,
  type SeccompFlag,
  type SeccompOperator,
  type SeccompProfile,
  type SeccompSyscall,
} from "./profile.ts";

const bigEndian: readonly SeccompArchitecture[] = [
  "SCMP_ARCH_M68K",
  "SCMP_ARCH_MIPS",
  "SCMP_ARCH_MIPS64",
  "SCMP_ARCH_MIPS64N32",
  "SCMP_ARCH_PARISC",
  "SCMP_ARCH_PARISC64",
  "SCMP_ARCH_PPC",
  "SCMP_ARCH_PPC64",
  "SCMP_ARCH_S390",
  "SCMP_ARCH_S390X",
  "SCMP_ARCH_SHEB",
];

/** One comparison of one argument, its 64-bit operands in halves. For MASKED_EQ the value is already masked. */
export interface Condition {
  index: number;
  op: SeccompOperator;
  high: number;
  low: number;
  maskHigh: number;
  maskLow: number;
}

/** All conditions must hold; none means always. `order` is the place in the profile. */
export interface Rule {
  order: number;
  action: number;
  conditions: Condition[];
}

/** A profile that was read strictly. `rules` has every name of the profile, with no rules where all were redundant. */
export interface Policy {
  defaultAction: number;
  /** Numbers above the last one that the profile names answer ENOSYS. */
  unknownIsNoSystemCall: boolean;
  architectures: ReadonlySet<SeccompArchitecture>;
  flags: number;
  usesNotify: boolean;
  rules: Map<string, Rule[]>;
}

const EPERM = 1;
const ENOSYS = 38;

/**
 * (In this folder the common path uses loops rather than array methods: the engine compiles each method's own code
 * when it is first called, and a runtime compiles one filter in its life. It is half of the time.)
 *
 * Reads a profile; throws invalid_argument naming the field and the value. Beyond the types it refuses what runc
 * refuses (NOTIFY for write or as the default action, a listener without a path, a big-endian architecture), and what
 * the specification says to refuse: an errno for an action that carries none, listenerMetadata without listenerPath.
 */
export function readProfile(profile: SeccompProfile): Policy {
  const defaultAction = readAction(profile.defaultAction, profile.defaultErrnoRet, "default");
  if (profile.defaultAction === "SCMP_ACT_NOTIFY") {
    throw refuse("defaultAction", "SCMP_ACT_NOTIFY", "it cannot be the default action");
  }
  const syscalls = profile.syscalls ?? [];
  let usesNotify = false;
  for (const entry of syscalls) usesNotify ||= entry.action === "SCMP_ACT_NOTIFY";
  checkListener(profile, usesNotify);
  const permissive = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(profile.defaultAction);
  return {
    defaultAction,
    unknownIsNoSystemCall: !permissive && profile.defaultErrnoRet !== ENOSYS,
    architectures: readArchitectures(profile.architectures ?? []),
    flags: readFlags(profile.flags ?? [], usesNotify),
    usesNotify,
    rules: readRules(syscalls, defaultAction),
  };
}

function refuse(field: string, value: unknown, reason: string): Error {
  return invalid(`cannot use linux.seccomp.${field} "${String(value)}": ${reason}`);
}

function readAction(action: SeccompAction, errno: number | undefined, field: string): number {
  const name = field === "default" ? "defaultAction" : `${field}.action`;
  const base = actionReturns[action];
  if (base === undefined || !Object.hasOwn(actionReturns, action)) {
    throw refuse(name, action, `known are ${knownActions.join(", ")}`);
  }
  if (action !== "SCMP_ACT_ERRNO" && action !== "SCMP_ACT_TRACE") {
    if (errno === undefined) return base;
    throw refuse(errnoField(field), errno, `${action} carries no errno`);
  }
  const data = errno ?? EPERM;
  if (!Number.isInteger(data) || data < 0 || data > 0xffffffff) {
    throw refuse(errnoField(field), data, "an unsigned 32-bit number was wanted");
  }
  return base + (data & 0xffff);
}

function errnoField(field: string): string {
  return field === "default" ? "defaultErrnoRet" : `${field}.errnoRet`;
}

function checkListener(profile: SeccompProfile, usesNotify: boolean): void {
  if (usesNotify && !profile.listenerPath) {
    throw refuse("listenerPath", profile.listenerPath ?? "", "SCMP_ACT_NOTIFY needs the path of a socket");
  }
  if (profile.listenerMetadata && !profile.listenerPath) {
    throw refuse("listenerMetadata", profile.listenerMetadata, "it needs listenerPath");
  }
}

function readArchitectures(names: SeccompArchitecture[]): Set<SeccompArchitecture> {
  for (const name of names) {
    if (!knownArchitectures.includes(name)) {
      throw refuse("architectures", name, `known are ${knownArchitectures.join(", ")}`);
    }
    // libseccomp, and so runc, refuses to mix byte orders. Other machines' architectures do no harm.
    if (bigEndian.includes(name))
      throw refuse("architectures", name, "it is big-endian and this machine is not");
  }
  return new Set(names);
}

/** TSYNC has no effect on one thread and clashes with a listener; WAIT_KILLABLE_RECV needs one (linux/seccomp.h). */
function readFlags(names: SeccompFlag[], usesNotify: boolean): number {
  let bits = usesNotify ? filterFlags.SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  for (const name of names) {
    if (!knownFlags.includes(name)) throw refuse("flags", name, `known are ${knownFlags.join(", ")}`);
    if (name === "SECCOMP_FILTER_FLAG_TSYNC") continue;
    if (name === "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" && !usesNotify) continue;
    bits |= filterFlags[name];
  }
  return bits;
}

function readRules(entries: SeccompSyscall[], defaultAction: number): Map<string, Rule[]> {
  const rules = new Map<string, Rule[]>();
  let order = 0;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]!;
    const field = `syscalls[${index}]`;
    const added = readEntry(entry, field, order);
    order += added.length;
    // A rule that does what happens anyway is left out, as runc leaves it out.
    const effective = added[0]?.action === defaultAction ? [] : added;
    for (const name of entry.names) {
      if (typeof name !== "string" || name === "") throw refuse(`${field}.names`, name, "a name was wanted");
      const present = rules.get(name);
      rules.set(name, present === undefined ? effective : join(name, present, effective));
    }
  }
  return rules;
}

/** What follows a rule without conditions is never asked: libseccomp keeps the first rule that covers all. */
function join(name: string, present: Rule[], added: Rule[]): Rule[] {
  for (const rule of present) if (rule.conditions.length === 0) return present;
  const joined = [...present];
  for (const rule of added) {
    for (const rival of present) {
      if (rival.action !== rule.action && sameConditions(rule.conditions, rival.conditions)) {
        throw refuse("syscalls", name, "two rules with the same conditions have different actions");
      }
    }
    joined.push(rule);
  }
  return joined;
}

function sameConditions(some: Condition[], others: Condition[]): boolean {
  if (some.length !== others.length) return false;
  return some.every((one, index) => {
    const other = others[index]!;
    const sameValue = one.high === other.high && one.low === other.low;
    const sameMask = one.maskHigh === other.maskHigh && one.maskLow === other.maskLow;
    return one.index === other.index && one.op === other.op && sameValue && sameMask;
  });
}

function readEntry(entry: SeccompSyscall, field: string, order: number): Rule[] {
  if (!Array.isArray(entry.names) || entry.names.length === 0) {
    throw refuse(`${field}.names`, entry.names, "at least one name was wanted");
  }
  if (entry.action === "SCMP_ACT_NOTIFY" && entry.names.includes("write")) {
    // The runtime itself writes the listener to its parent after the filter is loaded, and would wait for ever.
    throw refuse(`${field}.names`, "write", "SCMP_ACT_NOTIFY cannot be used for the write syscall");
  }
  const action = readAction(entry.action, entry.errnoRet, field);
  const args = entry.args ?? [];
  const conditions: Condition[] = [];
  let seen = 0;
  let twice = false;
  for (let index = 0; index < args.length; index++) {
    const condition = readArg(args[index]!, `${field}.args[${index}]`);
    conditions.push(condition);
    twice ||= (seen & (1 << condition.index)) !== 0;
    seen |= 1 << condition.index;
  }
  // Two conditions on one argument are alternatives, and then so are all of the entry: runc's rule since 2016.
  if (twice) {
    return conditions.map((condition, index) => ({ order: order + index, action, conditions: [condition] }));
  }
  if (conditions.length > 1) conditions.sort((a, b) => a.index - b.index);
  return [{ order, action, conditions }];
}

function readArg(arg: SeccompArg, field: string): Condition {
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5) {
    throw refuse(`${field}.index`, arg.index, "a number from 0 to 5 was wanted");
  }
  if (!knownOperators.includes(arg.op)) {
    throw refuse(`${field}.op`, arg.op, `known are ${knownOperators.join(", ")}`);
  }
  const [high, low] = halves(arg.value, `${field}.value`);
  const [highTwo, lowTwo] = halves(arg.valueTwo ?? 0, `${field}.valueTwo`);
  if (arg.op !== "SCMP_CMP_MASKED_EQ") {
    return { index: arg.index, op: arg.op, high, low, maskHigh: 0xffffffff, maskLow: 0xffffffff };
  }
  return {
    index: arg.index,
    op: arg.op,
    high: (highTwo & high) >>> 0,
    low: (lowTwo & low) >>> 0,
    maskHigh: high,
    maskLow: low,
  };
}

function halves(value: number | bigint, field: string): [number, number] {
  if (typeof value === "bigint" && value >= 0n && value <= 0xffffffffffffffffn) {
    return [Number(value >> 32n), Number(value & 0xffffffffn)];
  }
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) {
    return [Math.floor(value / 0x100000000), value >>> 0];
  }
  const exact = typeof value === "number" && value > Number.MAX_SAFE_INTEGER;
  throw refuse(
    field,
    value,
    exact ? "above 2^53 - 1 only a bigint is exact" : "an unsigned 64-bit number was wanted",
  );
}
