/**
 * From runs to instructions: a tree over the numbers whose likely leaves lie near its root, and under it the rules that
 * look at arguments. seccomp_data (linux/seccomp.h): nr at 0, arch at 4, the six 64-bit arguments from 16 on.
 */
import { answer, opcode, type Assembler, type Target } from "./_assembler.ts";
import type { Chain, Run } from "./_runs.ts";
import type { Condition, Rule } from "./_policy.ts";

const numberOffset = 0;
const argumentsOffset = 16;

/** Writes the tree of one machine; the result loads the number and finds its treatment. */
export function emitRuns(out: Assembler, runs: Run[], defaultAction: number): Target {
  const before = [0];
  let sum = 0;
  for (const run of runs) before.push((sum += run.weight));
  const chains = new Map<Chain, Target>();

  function leaf(index: number): Target {
    const { treatment } = runs[index]!;
    if (typeof treatment === "number") return answer(treatment);
    let target = chains.get(treatment);
    if (target === undefined) {
      target = emitChain(out, treatment, answer(defaultAction));
      chains.set(treatment, target);
    }
    return target;
  }

  /** The treatment of a number that is known to lie in runs[from] to runs[to - 1]. */
  function tree(from: number, to: number): Target {
    if (to - from === 1) return leaf(from);
    if (to - from === 3 && isException(runs, from + 1)) {
      const general = leaf(from);
      return out.branch(opcode.ifEqual, runs[from + 1]!.start, leaf(from + 1), general);
    }
    const middle = split(before, from, to);
    const above = tree(middle, to);
    const below = tree(from, middle);
    return out.branch(opcode.ifGreaterOrEqual, runs[middle]!.start, above, below);
  }

  return out.load(numberOffset, tree(0, runs.length));
}

/** A single number between two runs of equal treatment: one comparison tells it from both. */
function isException(runs: Run[], index: number): boolean {
  const [lower, run, upper] = [runs[index - 1], runs[index], runs[index + 1]];
  return lower?.treatment === upper?.treatment && upper?.start === run!.start + 1;
}

/** The first run of the upper half, so that both halves weigh about the same and neither is empty. */
function split(before: number[], from: number, to: number): number {
  const half = (before[from]! + before[to]!) / 2;
  let low = from + 1;
  let high = to - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before[middle]! < half) low = middle + 1;
    else high = middle;
  }
  const closer = low > from + 1 && half - before[low - 1]! < before[low]! - half;
  return closer ? low - 1 : low;
}

/** Writes the rules from the last to the first; a rule that does not match goes on to the next. */
function emitChain(out: Assembler, chain: Chain, fallback: Target): Target {
  let next = fallback;
  for (let end = chain.rules.length; end > 0;) {
    const start = startOfEqualities(chain.rules, end);
    next =
      end - start > 1
        ? emitEqualities(out, chain.rules.slice(start, end), chain.wide, next)
        : emitRule(out, chain.rules[end - 1]!, chain.wide, next);
    end = Math.min(start, end - 1);
  }
  return out.follow(next);
}

function emitRule(out: Assembler, rule: Rule, wide: boolean, no: Target): Target {
  let yes = answer(rule.action);
  for (let index = rule.conditions.length; index > 0; index--) {
    yes = emitCondition(out, rule.conditions[index - 1]!, wide, yes, no);
  }
  return yes;
}

function emitCondition(out: Assembler, condition: Condition, wide: boolean, yes: Target, no: Target): Target {
  switch (condition.op) {
    case "SCMP_CMP_EQ":
    case "SCMP_CMP_MASKED_EQ":
      return emitEqual(out, condition, wide, yes, no);
    case "SCMP_CMP_NE":
      return emitEqual(out, condition, wide, no, yes);
    case "SCMP_CMP_GT":
      return emitAbove(out, opcode.ifGreater, condition, wide, yes, no);
    case "SCMP_CMP_GE":
      return emitAbove(out, opcode.ifGreaterOrEqual, condition, wide, yes, no);
    case "SCMP_CMP_LT":
      return emitAbove(out, opcode.ifGreaterOrEqual, condition, wide, no, yes);
    case "SCMP_CMP_LE":
      return emitAbove(out, opcode.ifGreater, condition, wide, no, yes);
  }
}

function emitEqual(out: Assembler, condition: Condition, wide: boolean, yes: Target, no: Target): Target {
  const { index, high, low, maskHigh, maskLow } = condition;
  let target = yes;
  if (maskLow !== 0) {
    target = out.load(lowWord(index), out.branch(opcode.ifEqual, low, target, no), maskLow);
  }
  if (wide && maskHigh !== 0) {
    target = out.load(highWord(index), out.branch(opcode.ifEqual, high, target, no), maskHigh);
  }
  return target;
}

/** `code` compares the low words: greater, or greater or equal. The high words decide first unless they are equal. */
function emitAbove(
  out: Assembler,
  code: number,
  { index, high, low }: Condition,
  wide: boolean,
  yes: Target,
  no: Target,
): Target {
  const lower = out.load(lowWord(index), out.branch(code, low, yes, no));
  if (!wide) return lower;
  const equal = out.branch(opcode.ifEqual, high, lower, no);
  return out.load(highWord(index), out.branch(opcode.ifGreater, high, yes, equal));
}

/** Where the rules before `end` that each compare one and the same argument for equality, and nothing else, begin. */
function startOfEqualities(rules: Rule[], end: number): number {
  const argument = equalityOf(rules[end - 1]!)?.index;
  let start = end;
  while (start > 0 && argument !== undefined && equalityOf(rules[start - 1]!)?.index === argument) start--;
  return start;
}

function equalityOf(rule: Rule): Condition | undefined {
  return rule.conditions.length === 1 && rule.conditions[0]!.op === "SCMP_CMP_EQ"
    ? rule.conditions[0]
    : undefined;
}

/** Many values of one argument: each of its words is loaded once. */
function emitEqualities(out: Assembler, rules: Rule[], wide: boolean, no: Target): Target {
  const byHigh = new Map<number, Map<number, number>>();
  for (const rule of rules) {
    const { high, low } = rule.conditions[0]!;
    const key = wide ? high : 0;
    let lows = byHigh.get(key);
    if (lows === undefined) byHigh.set(key, (lows = new Map()));
    // The first rule for a value wins.
    if (!lows.has(low)) lows.set(low, rule.action);
  }
  const { index } = rules[0]!.conditions[0]!;
  let target = no;
  for (const [high, lows] of byHigh) {
    let values = no;
    for (const [low, action] of lows) values = out.branch(opcode.ifEqual, low, answer(action), values);
    const lower = out.load(lowWord(index), values);
    target = wide ? out.branch(opcode.ifEqual, high, lower, target) : lower;
  }
  return wide ? out.load(highWord(index), target) : target;
}

function lowWord(index: number): number {
  return argumentsOffset + 8 * index;
}

function highWord(index: number): number {
  return lowWord(index) + 4;
}
