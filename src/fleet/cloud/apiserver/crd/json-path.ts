/**
 * The JSON paths that definitions use for columns, scales and selectable fields: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `['a.b']`, `[0]`, `[*]`.
 * https://kubernetes.io/docs/reference/kubectl/jsonpath/ , without ranges, unions and recursive descent.
 */
import { get, isFields } from "../schema/json.ts";

const maxLength = 1024;
const maxSteps = 64;
const maxResults = 1000;

type Step =
  | { readonly type: "field"; readonly name: string }
  | { readonly type: "index"; readonly index: number }
  | { readonly type: "all" }
  | {
      readonly type: "filter";
      readonly path: readonly Step[];
      readonly operator: string;
      readonly value: unknown;
    };

export type JsonPath = readonly Step[];

/** The path, or what is wrong with it. */
export function parseJsonPath(text: string): JsonPath | string {
  if (text.length > maxLength) return `longer than ${maxLength} characters`;
  const steps: Step[] = [];
  let rest = text.replace(/^\$/, "");
  while (rest !== "") {
    if (steps.length >= maxSteps) return `more than ${maxSteps} steps`;
    const found = nextStep(rest);
    if (typeof found === "string") return found;
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps.length === 0 ? "empty" : steps;
}

interface Found {
  readonly step: Step;
  readonly length: number;
}

function nextStep(rest: string): Found | string {
  const field = /^\.((?:[^.[\]\\'"\s()]|\\.)+)/.exec(rest);
  if (field) {
    const name = (field[1] ?? "").replaceAll(/\\(.)/g, "$1");
    return { step: name === "*" ? { type: "all" } : { type: "field", name }, length: field[0].length };
  }
  const all = /^\.?\[\*\]/.exec(rest);
  if (all) return { step: { type: "all" }, length: all[0].length };
  const index = /^\.?\[(-?\d{1,9})\]/.exec(rest);
  if (index) return { step: { type: "index", index: Number(index[1]) }, length: index[0].length };
  const quoted = /^\.?\[(?:'([^']*)'|"([^"]*)")\]/.exec(rest);
  if (quoted)
    return { step: { type: "field", name: quoted[1] ?? quoted[2] ?? "" }, length: quoted[0].length };
  return nextFilter(rest) ?? `unrecognized at "${rest.slice(0, 40)}"`;
}

function nextFilter(rest: string): Found | string | undefined {
  const filter =
    /^\.?\[\?\(\s*@([^=!<>()]*?)\s*(?:(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|[^\s()]+)\s*)?\)\]/.exec(rest);
  if (!filter) return undefined;
  const [whole, path = "", operator = "exists", literal = ""] = filter;
  const steps = path === "" ? [] : parseJsonPath(path);
  if (typeof steps === "string") return steps;
  const value = operator === "exists" ? undefined : literalOf(literal);
  if (operator !== "exists" && value === undefined) return `unrecognized value "${literal}"`;
  return { step: { type: "filter", path: steps, operator, value }, length: whole.length };
}

function literalOf(literal: string): unknown {
  if (/^["']/.test(literal)) return literal.slice(1, -1);
  if (literal === "true" || literal === "false") return literal === "true";
  return /^-?\d+(?:\.\d+)?$/.test(literal) ? Number(literal) : undefined;
}

/** All values that the path leads to; none where there is nothing. */
export function findByPath(value: unknown, path: JsonPath): readonly unknown[] {
  let found: readonly unknown[] = [value];
  for (const step of path) found = found.flatMap((one) => stepInto(one, step)).slice(0, maxResults);
  return found;
}

function stepInto(value: unknown, step: Step): readonly unknown[] {
  switch (step.type) {
    case "field": {
      const inner = isFields(value) ? get(value, step.name) : undefined;
      return inner === undefined ? [] : [inner];
    }
    case "index": {
      const inner: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return inner === undefined ? [] : [inner];
    }
    case "all":
      return typeof value === "object" && value !== null ? Object.values(value) : [];
    case "filter":
      return Array.isArray(value) ? value.filter((element) => passes(element, step)) : [];
  }
}

function passes(element: unknown, { path, operator, value }: Extract<Step, { type: "filter" }>): boolean {
  const [found] = findByPath(element, path);
  if (operator === "exists") return found !== undefined;
  if (operator === "==") return found === value;
  if (operator === "!=") return found !== undefined && found !== value;
  if (typeof found !== typeof value || (typeof found !== "number" && typeof found !== "string")) return false;
  const [a, b] = [found, value as typeof found];
  return operator === "<" ? a < b : operator === "<=" ? a <= b : operator === ">" ? a > b : a >= b;
}
