/**
 * From a policy to what each number of one machine's system call table gets, as runs of equal treatment.
 */
import type { Abi, Machine } from "./_abi.ts";
import type { Condition, Policy, Rule } from "./profile.ts";

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

const noRules: Rule[] = [];

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

function addAbi(runs: Run[], abi: Abi, policy: Policy): void {
  const { rules, lastNamed } = rulesByNumber(abi, policy);
  const weight = abi.base === 0 ? 1 : rareWeight;
  const treatments = new Map<Rule[], Treatment>([[noRules, policy.defaultAction]]);
  const end =
    policy.unknownIsNoSystemCall && lastNamed >= 0 && abi.base + lastNamed > 0 ? lastNamed + 1 : Infinity;
  let expected = 0;
  for (const [number, list] of rules) {
    if (number >= end) break;
    if (number > expected) add(runs, abi.base + expected, policy.defaultAction, 0);
    let treatment = treatments.get(list);
    if (treatment === undefined) {
      treatment = treat(list, abi.wide);
      treatments.set(list, treatment);
    }
    add(runs, abi.base + number, treatment, typeof treatment === "number" ? weight : weight * chainWeight);
    expected = number + 1;
  }
  add(runs, abi.base + expected, end === Infinity ? policy.defaultAction : noSystemCall, 0);
}

function add(runs: Run[], start: number, treatment: Treatment, weight: number): void {
  const last = runs.at(-1);
  if (last?.treatment === treatment) last.weight += weight;
  else runs.push({ start, treatment, weight });
}

/**
 * The rules of every number of the table, ascending, and the last number that the profile names. As in runc, a name
 * that socketcall or ipc carries does not count for the latter, even where it has a number of its own.
 */
function rulesByNumber(abi: Abi, policy: Policy): { rules: Map<number, Rule[]>; lastNamed: number } {
  const rules = new Map<number, Rule[]>();
  let number = 0;
  let lastNamed = -1;
  for (const token of abi.numbers.split(" ")) {
    if (token.charCodeAt(0) <= digitNine) {
      number = Number(token);
      continue;
    }
    const named = policy.rules.get(token);
    if (named === undefined) {
      if (!rules.has(number)) rules.set(number, noRules);
    } else {
      rules.set(number, inOrder(rules.get(number) ?? noRules, named));
      if (!abi.multiplexers.some((multiplexer) => token in multiplexer.calls)) lastNamed = number;
    }
    number++;
  }
  for (const { number: carrier, mask, calls } of abi.multiplexers) {
    const carried = Object.entries(calls).flatMap(([name, call]) =>
      (policy.rules.get(name) ?? noRules).map((rule) => carry(rule, call, mask)),
    );
    rules.set(carrier, inOrder(rules.get(carrier) ?? noRules, carried));
  }
  return { rules, lastNamed };
}

const digitNine = 57;

function inOrder(a: Rule[], b: Rule[]): Rule[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  return [...a, ...b].sort((one, other) => one.order - other.order);
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
  return { ...rule, conditions: [which, ...rule.conditions.filter((condition) => condition.index !== 0)] };
}

function treat(rules: Rule[], wide: boolean): Treatment {
  const settled = rules.find((rule) => rule.conditions.every((condition) => isTautology(condition, wide)));
  if (settled !== undefined) return settled.action;
  return { wide, rules: rules.length === 1 ? rules : rules.toSorted(byNarrowness) };
}

/** MASKED_EQ with an empty mask holds for every value. */
function isTautology(condition: Condition, wide: boolean): boolean {
  return (
    condition.op === "SCMP_CMP_MASKED_EQ" && condition.maskLow === 0 && !(wide && condition.maskHigh !== 0)
  );
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
