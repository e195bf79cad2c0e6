/**
 * x-kubernetes-validations: rules in CEL over the values of custom resources.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules and docs/decisions/022.
 */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";
import { type Budget, BudgetSpent, compileRule, newBudget, optionalValue, type Rule } from "./_cel.ts";
import { celValue } from "./_cel-values.ts";
import { cause, show } from "./_causes.ts";
import { get, isFields, joinPath, typeOf } from "./json.ts";
import { fieldSchema, itemSchema, listKind, resolve } from "./resolve.ts";
import type { Definitions, Schema } from "./schema.ts";

const none: Definitions = () => undefined;
const maxRules = 500;

type Validation = NonNullable<Schema["x-kubernetes-validations"]>[number];

/** Complaints on the rules of a schema themselves; none can be run. */
export function ruleCauses(schema: Schema, path: string): readonly StatusCause[] {
  const found = rulesBelow(schema, path, 0);
  if (found.length > maxRules)
    return [
      cause(
        "FieldValueForbidden",
        path,
        `Forbidden: more than ${maxRules} validation rules are not supported`,
      ),
    ];
  return found.flatMap(({ validation, at }) => {
    const compiled = compileRule(validation.rule, validation["optionalOldSelf"] === true);
    if (!(compiled instanceof Error)) return [];
    const message = `Invalid value: ${show(validation.rule)}: compilation failed: ${compiled.message}`;
    return [cause("FieldValueInvalid", `${at}.rule`, message)];
  });
}

interface Found {
  readonly validation: Validation;
  readonly at: string;
}

function rulesBelow(schema: Schema, path: string, level: number): readonly Found[] {
  const own = (schema["x-kubernetes-validations"] ?? []).map((validation, index) => ({
    validation,
    at: `${path}.x-kubernetes-validations[${index}]`,
  }));
  const { properties = {}, additionalProperties, items } = schema;
  const inner = [
    ...Object.entries(properties).map(([name, field]) => [`properties[${name}]`, field] as const),
    ...(typeof additionalProperties === "object"
      ? [["additionalProperties", additionalProperties] as const]
      : []),
    ...(items ? [["items", items] as const] : []),
  ];
  return [...own, ...inner.flatMap(([at, one]) => rulesBelow(one, `${path}.${at}`, level + 1))];
}

const withRules = new WeakMap<Schema, boolean>();

/** Whether there is a rule in the schema at all: most have none, and cost nothing then. */
export function hasRules(schema: Schema): boolean {
  const known = withRules.get(schema);
  if (known !== undefined) return known;
  const found = rulesBelow(schema, "", 0).length > 0;
  withRules.set(schema, found);
  return found;
}

/**
 * What the rules say against a valid value. Rules that speak of `oldSelf` are asked only where there is an old value of the same place.
 * All rules of one call share one budget; where it ends, the value is refused.
 */
export function validateRules(
  value: unknown,
  old: unknown,
  schema: Schema,
  definitions: Definitions = none,
): readonly StatusCause[] {
  if (!hasRules(schema)) return [];
  const at: Walk = { definitions, causes: [], path: "", budget: newBudget(), values: new WeakMap() };
  try {
    walk(value, old, resolve(schema, definitions), at);
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    const text =
      "validation failed due to running out of cost budget, no further validation rules will be run";
    at.causes.push(cause("FieldValueInvalid", "", `Invalid value: "object": ${text}`));
  }
  return at.causes;
}

interface Walk {
  readonly definitions: Definitions;
  readonly causes: StatusCause[];
  readonly path: string;
  readonly budget: Budget;
  /** Values in the form of CEL, each made once. */
  readonly values: WeakMap<object, unknown>;
}

function walk(value: unknown, old: unknown, schema: Schema, at: Walk): void {
  if (!hasRules(schema) || value === null || value === undefined) return;
  for (const validation of schema["x-kubernetes-validations"] ?? [])
    ask(validation, { value, old, schema, at });
  if (Array.isArray(value)) walkElements(value, old, schema, at);
  else if (isFields(value))
    for (const [name, field] of Object.entries(value)) {
      const inner = fieldSchema(schema, name, at.definitions);
      const before = isFields(old) ? get(old, name) : undefined;
      if (inner) walk(field, before, inner, { ...at, path: joinPath(at.path, name) });
    }
}

/** Elements of a list with keys have an old self: the element of the same keys. */
function walkElements(value: readonly unknown[], old: unknown, schema: Schema, at: Walk): void {
  const items = itemSchema(schema, at.definitions);
  const kind = listKind(schema);
  const identity = (element: unknown): string =>
    kind.type === "map" && isFields(element) ? JSON.stringify(kind.keys.map((key) => get(element, key))) : "";
  const before = new Map(
    kind.type === "map" && Array.isArray(old)
      ? old.map((element) => [identity(element), element as unknown])
      : [],
  );
  for (const [index, element] of value.entries())
    walk(element, before.get(identity(element)), items, { ...at, path: joinPath(at.path, index) });
}

interface Question {
  readonly value: unknown;
  readonly old: unknown;
  readonly schema: Schema;
  readonly at: Walk;
}

function ask(validation: Validation, question: Question): void {
  const { value, old, schema, at } = question;
  const optional = validation["optionalOldSelf"] === true;
  const rule = compileRule(validation.rule, optional);
  // The CRD was refused with such a rule; what is stored from before is told as it is.
  if (rule instanceof Error) {
    at.causes.push(complaint(validation, question, `rule cannot be compiled: ${rule.message}`));
    return;
  }
  if (rule.usesOldSelf && old === undefined && !optional) return;
  const before = old === undefined ? undefined : celValue(old, schema, at);
  const variables = {
    self: celValue(value, schema, at),
    oldSelf: optional ? optionalValue(before) : before,
  };
  const answer = run(rule, variables, at.budget);
  if (answer === true) return;
  if (answer instanceof Error)
    at.causes.push(complaint(validation, question, `${answer.message} evaluating rule: ${validation.rule}`));
  else at.causes.push(complaint(validation, question, messageOf(validation, variables, at.budget)));
}

function run(rule: Rule, variables: Parameters<Rule["run"]>[0], budget: Budget): unknown {
  try {
    return rule.run(variables, budget);
  } catch (error) {
    if (error instanceof BudgetSpent) throw error;
    return error instanceof Error ? new Error(error.message.split("\n")[0] ?? "") : new Error(String(error));
  }
}

function messageOf(validation: Validation, variables: Parameters<Rule["run"]>[0], budget: Budget): string {
  const { message, rule } = validation;
  const expression = validation["messageExpression"];
  const compiled =
    typeof expression === "string" && expression !== ""
      ? compileRule(expression, validation["optionalOldSelf"] === true)
      : undefined;
  const made = compiled && !(compiled instanceof Error) ? run(compiled, variables, budget) : undefined;
  if (typeof made === "string" && made.trim() !== "" && made.length <= 5120 && !made.includes("\n"))
    return made;
  return message ?? `failed rule: ${rule}`;
}

const ruleReasons: readonly unknown[] = [
  "FieldValueInvalid",
  "FieldValueForbidden",
  "FieldValueRequired",
  "FieldValueDuplicate",
];

function complaint(validation: Validation, { value, at }: Question, text: string): StatusCause {
  const reason = ruleReasons.includes(validation["reason"])
    ? String(validation["reason"])
    : "FieldValueInvalid";
  const below = validation["fieldPath"];
  const path =
    typeof below === "string" ? `${at.path}${at.path === "" ? below.replace(/^\./, "") : below}` : at.path;
  if (reason === "FieldValueForbidden") return cause(reason, path, `Forbidden: ${text}`);
  if (reason === "FieldValueRequired") return cause(reason, path, `Required value: ${text}`);
  const shown = JSON.stringify(typeOf(value));
  return cause(
    reason,
    path,
    reason === "FieldValueDuplicate" ? `Duplicate value: ${shown}` : `Invalid value: ${shown}: ${text}`,
  );
}
