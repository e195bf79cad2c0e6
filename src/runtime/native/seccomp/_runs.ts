/**
 * From a policy to what each number of one machine's system call table gets, as runs of equal treatment.
 */
import type { Abi, Machine } from "./_abi.ts";
import type { Condition, Policy, Rule } from "./_policy.ts";

/** Rules in the order in which they are tried; if none matches, the default action. */
export interface Chain {
  wide: boolean;
  rules: Rule[];
}

/** An action, or rules that look at the arguments. */
export type Treatment = number | Chain;

/** All numbers from `start` to the next run's start. `weight` is how often they are likely to be called. */
export interface Run {
  start: number;
  weight: number;
  treatment: Treatment;
}

/** SECCOMP_RET_KILL_THREAD: libseccomp's answer to an ABI that the profile does not list. */
export const badArchitecture = 0;

const noSystemCall = 0x00050000 + 38;

/**
 * A number whose rules look at the arguments weighs more than others: the kernel (since 5.11) remembers which numbers
 * are always allowed and does not run the filter for those.
 */
const chainWeight = 16;

/** An ABI that hardly any program uses must not make the tree deeper for the others. */
const rareWeight = 1 / 1024;

/** The runs of one machine over all 2^32 numbers, ascending from 0. Its first ABI is filtered if `native` or listed. */
export function runsOf(machine: Machine, policy: Policy, native: boolean): Run[] {
  const runs: Run[] = [];
  for (const abi of machine.abis) {
    const listed = (native && abi.base === 0) || policy.architectures.has(abi.architecture);
    if (listed) addAbi(runs, abi, policy);
    else refuseAbi(runs, abi, policy);
  }
  return runs;
}

/** A tracer that skips a call sets its number to -1 (seccomp(2)); that is no call of the unlisted ABI. */
function refuseAbi(runs: Run[], abi: Abi, policy: Policy): void {
  add(runs, abi.base, badArchitecture, rareWeight);
  if (abi.base > 0) add(runs, 0xffffffff, policy.defaultAction, 0);
}

/**
 * Walks the table once, without a collection in between: this is most of the time that a filter takes to compile.
 */
function addAbi(runs: Run[], abi: Abi, policy: Policy): void {
  const { base, wide } = abi;
  const weight = base === 0 ? 1 : rareWeight;
  const chains = new Map<Rule[], Treatment>();
  const carried = abi.multiplexers.length > 0 ? carriedRules(abi, policy) : undefined;
  const tokens = abi.numbers.split(" ");
  let number = 0;
  let expected = 0;
  let lastNamed = -1;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token.charCodeAt(0) <= digitNine) {
      number = Number(token);
      continue;
    }
    let rules = policy.rules.get(token);
    // As in runc, a name that socketcall or ipc carries does not count, even where it has a number of its own.
    if (rules !== undefined && carried?.names.has(token) !== true) lastNamed = number;
    if (carried !== undefined && carried.rules.has(number))
      rules = inOrder(rules, carried.rules.get(number)!);
    let treatment: Treatment = policy.defaultAction;
    if (rules !== undefined && rules.length > 0) {
      treatment = chains.get(rules) ?? treat(rules, wide);
      chains.set(rules, treatment);
    }
    if (number > expected) add(runs, base + expected, policy.defaultAction, 0);
    add(runs, base + number, treatment, typeof treatment === "number" ? weight : weight * chainWeight);
    expected = ++number;
  }
  add(runs, base + expected, policy.defaultAction, 0);
  const last = base + lastNamed;
  if (policy.unknownIsNoSystemCall && lastNamed >= 0 && last > 0) {
    while (runs[runs.length - 1]!.start > last) runs.pop();
    add(runs, last + 1, noSystemCall, 0);
  }
}

const digitNine = 57;

function add(runs: Run[], start: number, treatment: Treatment, weight: number): void {
  const last = runs[runs.length - 1];
  if (last !== undefined && last.treatment === treatment) last.weight += weight;
  else runs.push({ start, treatment, weight });
}

function inOrder(own: Rule[] | undefined, carried: Rule[]): Rule[] {
  return [...(own ?? []), ...carried].sort((one, other) => one.order - other.order);
}

/** The rules that each multiplexer's number gets for the calls that it carries, and all their names. */
function carriedRules(abi: Abi, policy: Policy): { rules: Map<number, Rule[]>; names: Set<string> } {
  const rules = new Map<number, Rule[]>();
  const names = new Set<string>();
  for (const { number, mask, calls } of abi.multiplexers) {
    const list: Rule[] = [];
    for (const name in calls) {
      names.add(name);
      for (const rule of policy.rules.get(name) ?? []) list.push(carry(rule, calls[name]!, mask));
    }
    rules.set(number, list);
  }
  return { rules, names };
}

/**
 * The rule for a call that comes through a multiplexer: its first argument is the call, so a condition on the first
 * argument of the call itself cannot be kept, and the rule then holds whatever that argument is. libseccomp's choice.
 */
function carry(rule: Rule, call: number, mask: number): Rule {
  const which: Condition = {
    index: 0,
    op: mask === 0xffffffff ? "SCMP_CMP_EQ" : "SCMP_CMP_MASKED_EQ",
    high: 0,
    low: call,
    maskHigh: 0,
    maskLow: mask,
  };
  const conditions = [which];
  for (const condition of rule.conditions) if (condition.index !== 0) conditions.push(condition);
  return { order: rule.order, action: rule.action, conditions };
}

function treat(rules: Rule[], wide: boolean): Treatment {
  const first = rules[0]!;
  let mixed = false;
  for (const rule of rules) {
    if (isAlways(rule, wide)) return rule.action;
    mixed ||= rule.action !== first.action;
  }
  return { wide, rules: mixed ? rules.toSorted(byNarrowness) : rules };
}

/** MASKED_EQ with an empty mask holds for every value. */
function isAlways(rule: Rule, wide: boolean): boolean {
  for (const { op, maskLow, maskHigh } of rule.conditions) {
    if (op !== "SCMP_CMP_MASKED_EQ" || maskLow !== 0 || (wide && maskHigh !== 0)) return false;
  }
  return true;
}

const classes = {
  SCMP_CMP_EQ: 0,
  SCMP_CMP_MASKED_EQ: 0,
  SCMP_CMP_NE: 0,
  SCMP_CMP_LE: 1,
  SCMP_CMP_LT: 1,
  SCMP_CMP_GE: 2,
  SCMP_CMP_GT: 2,
} as const;

/**
 * The order in which libseccomp tries overlapping rules, by their first condition: later arguments first, equality
 * before ranges, narrow ranges before wide ones. It matters only where overlapping rules have different actions.
 */
function byNarrowness(a: Rule, b: Rule): number {
  const [one, other] = [a.conditions[0], b.conditions[0]];
  if (one === undefined || other === undefined) return 0;
  if (one.index !== other.index) return other.index - one.index;
  const kind = classes[one.op];
  if (kind !== classes[other.op]) return kind - classes[other.op];
  const difference = other.high - one.high || other.low - one.low;
  return kind === 1 ? -difference : difference;
}
