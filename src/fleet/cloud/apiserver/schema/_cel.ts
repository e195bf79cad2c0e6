/** The engine for rules in CEL, with a budget that no rule can overrun. */
import { addFunctions } from "./_cel-functions.ts";
import { celLibrary, type Environment } from "./_cel-library.ts";
import { isFields } from "./json.ts";

/** Steps that all rules of one write may take: some tenths of a second at most. */
const budgetOfWrite = 1_000_000;
const maxRule = 8192;
const maxKept = 2000;

export class BudgetSpent extends Error {}

export interface Budget {
  left: number;
}

export function newBudget(steps = budgetOfWrite): Budget {
  return { left: steps };
}

export interface Variables {
  readonly self: unknown;
  readonly oldSelf: unknown;
}

export interface Rule {
  readonly usesOldSelf: boolean;
  /** Throws BudgetSpent, or what the rule itself runs into. */
  run(variables: Variables, budget: Budget): unknown;
}

const kept = new Map<string, Rule | Error>();

/** The rule, or why it is none. With `optional` its oldSelf is an optional value, there or not. */
export function compileRule(text: string, optional = false): Rule | Error {
  const name = `${optional ? "optional" : "plain"} ${text}`;
  const known = kept.get(name);
  if (known) return known;
  const rule = compile(text, optional);
  if (kept.size >= maxKept) kept.clear();
  kept.set(name, rule);
  return rule;
}

function compile(text: string, optional: boolean): Rule | Error {
  if (text.length > maxRule) return new Error(`the rule is longer than ${maxRule} characters`);
  try {
    return compiled(text, environment(optional));
  } catch (error) {
    return new Error(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
  }
}

let base: Environment | undefined;
const environments = new Map<boolean, Environment>();

/** Made with the first rule: most servers never see one. */
function environment(optional: boolean): Environment {
  const known = environments.get(optional);
  if (known) return known;
  const library = celLibrary();
  base ??= addFunctions(
    new library.Environment({
      enableOptionalTypes: true,
      homogeneousAggregateLiterals: false,
      limits: { maxAstNodes: 5000, maxDepth: 100 },
    }).registerVariable("self", "dyn"),
    spend,
  );
  const made = base.clone().registerVariable("oldSelf", optional ? "optional<dyn>" : "dyn");
  environments.set(optional, made);
  return made;
}

function compiled(text: string, engine: Environment): Rule {
  const parsed = engine.parse(text);
  const nodes = nodesBelow(parsed.ast);
  // Theirs is JavaScript's expression, which one bad pattern stops for good.
  for (const { args } of nodes) if (Array.isArray(args) && args[0] === "matches") args[0] = "matchesRe2";
  const check = parsed.check();
  if (!check.valid) throw check.error ?? new Error("the rule has no type");
  for (const node of nodesBelow(parsed.ast)) metered(node);
  return {
    usesOldSelf: nodes.some(({ op, args }) => op === "id" && args === "oldSelf"),
    run: ({ self, oldSelf }, budget) => {
      meter.budget = budget;
      try {
        return parsed({ self, ...(oldSelf === undefined ? {} : { oldSelf }) });
      } finally {
        // "or" and "exists" go on after an error in one of their parts, and may hide it.
        mustBeLeft(budget);
      }
    },
  };
}

/** Of the rule that runs: one at a time does. */
const meter: { budget: Budget } = { budget: newBudget(0) };

function spend(steps: number): void {
  meter.budget.left -= steps;
  mustBeLeft(meter.budget);
}

function mustBeLeft({ left }: Budget): void {
  if (left < 0) throw new BudgetSpent("the budget is spent");
}

/** The value of an optional oldSelf. */
export function optionalValue(value: unknown): unknown {
  const engine = environment(true);
  return value === undefined
    ? engine.evaluate("optional.none()", {})
    : engine.evaluate("optional.of(self)", { self: value });
}

/** What of the library's tree is looked at. */
interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta: Readonly<Record<string, unknown>>;
  evaluate: (...given: unknown[]) => unknown;
}

function nodesBelow(root: unknown): readonly Node[] {
  const found = new Set<object>();
  const kind = (root as object).constructor;
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || found.has(value)) return;
    if (Array.isArray(value)) value.forEach(visit);
    else if (value.constructor === kind) {
      found.add(value);
      const { args, meta } = value as Node;
      visit(args);
      visit(meta["alternate"]);
      if (isFields(meta["macro"])) Object.values(meta["macro"]).forEach(visit);
    } else if (value.constructor === Object) Object.values(value).forEach(visit);
  };
  visit(root);
  return [...found] as Node[];
}

/** An error costs more than a step: it remembers where it came from. */
const stepsOfError = 20;

/** Steps into a value, which copy nothing, and steps that hand on what was paid for already. */
const free = new Set(["id", "value", ".", ".?", "[]", "[?]", "?:", "accuValue", "accuInc", "accuPush"]);

/**
 * Each step of the tree pays for itself and for what it makes, and all that is compared or handed to a function pays by its size: loops, doubled lists and deep comparisons all come down to
 * that. The library sets a node's `evaluate` when it first runs, and calls it for each step.
 */
function metered(node: Node): void {
  let inner = node.evaluate.bind(node);
  const pays = !free.has(node.op);
  for (const operand of pays && node.op !== "comprehension" ? operandsOf(node) : []) sized.add(operand);
  const run = (given: readonly unknown[]): unknown => {
    try {
      return inner(...given);
    } catch (error) {
      if (!(error instanceof BudgetSpent)) spend(stepsOfError);
      throw error;
    }
  };
  const counted = (...given: unknown[]): unknown => {
    spend(1);
    const result = run(given);
    if (pays || sized.has(node)) spend(sizeOf(result, meter.budget.left));
    return result;
  };
  Object.defineProperty(node, "evaluate", {
    get: () => counted,
    set: (next: Node["evaluate"]) => {
      inner = next.bind(node);
    },
  });
}

/** Nodes whose value is compared or handed to a function as a whole. */
const sized = new WeakSet<object>();

function operandsOf({ args }: Node): readonly object[] {
  const list = Array.isArray(args) ? args.flat(2) : [args];
  return list.filter((each): each is object => typeof each === "object" && each !== null);
}

const charactersOfStep = 10;

/** How many steps it takes to walk the whole value, shared parts as often as they are met; stops counting at `most`. */
export function sizeOf(value: unknown, most: number): number {
  const count = (inner: unknown, left: number): number => {
    if (typeof inner === "string") return inner.length / charactersOfStep;
    if (typeof inner !== "object" || inner === null) return 0;
    let size = 0;
    for (const element of Array.isArray(inner)
      ? inner
      : inner.constructor === Object
        ? Object.values(inner)
        : []) {
      size += 1 + count(element, left - size);
      if (size > left) return size;
    }
    return size;
  };
  return Math.ceil(count(value, Math.max(0, most)));
}
