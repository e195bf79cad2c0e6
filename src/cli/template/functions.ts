/** The functions of a template: those of Go's text/template that make sense here, and docker's own. Each throws a plain text that the caller adds the place to. */
import { format } from "./printf.ts";
import { isTrue, kindOf, show, toJson } from "./value.ts";

type Values = readonly unknown[];

interface TemplateFunction {
  readonly least: number;
  readonly most?: number;
  readonly call: (values: Values) => unknown;
}

export class Mismatch extends Error {}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new Mismatch(`wanted text, got ${kindOf(value)}`);
}

function number(value: unknown): number {
  if (typeof value === "number") return value;
  throw new Mismatch(`wanted a number, got ${kindOf(value)}`);
}

function length(value: unknown): number {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (value === null || value === undefined) return 0;
  throw new Mismatch(`${kindOf(value)} has no length`);
}

function at(of: unknown, key: unknown): unknown {
  if (Array.isArray(of)) {
    const index = number(key);
    if (!Number.isInteger(index) || index < 0 || index >= of.length)
      throw new Mismatch(`index ${index} is out of range, there are ${of.length}`);
    return of[index];
  }
  if (of instanceof Map) return of.has(key) ? of.get(key) : absent(of);
  if (typeof of !== "object" || of === null) throw new Mismatch(`${kindOf(of)} cannot be indexed`);
  const name = text(key);
  if (Object.hasOwn(of, name)) return (of as Record<string, unknown>)[name];
  throw new Mismatch(`no field "${name}"; there are ${Object.keys(of).join(", ")}`);
}

/** Of a map of texts a missing key is the empty text, as Go's zero value. */
function absent(map: ReadonlyMap<unknown, unknown>): unknown {
  return [...map.values()].every((value) => typeof value === "string") ? "" : null;
}

function slice([of, from = 0, to]: Values): unknown {
  if (typeof of !== "string" && !Array.isArray(of)) throw new Mismatch(`${kindOf(of)} cannot be sliced`);
  const [start, end] = [number(from), to === undefined ? of.length : number(to)];
  if (start < 0 || end > of.length || start > end)
    throw new Mismatch(`${start}:${end} is out of range, the length is ${of.length}`);
  return of.slice(start, end);
}

function same(a: unknown, b: unknown): boolean {
  const simple = (value: unknown) => value === null || value === undefined || typeof value !== "object";
  if (!simple(a) || !simple(b)) throw new Mismatch(`${kindOf(simple(a) ? b : a)} cannot be compared`);
  if ((a ?? null) === null || (b ?? null) === null) return (a ?? null) === (b ?? null);
  if (typeof a !== typeof b) throw new Mismatch(`${kindOf(a)} and ${kindOf(b)} cannot be compared`);
  return a === b;
}

function order([a, b]: Values): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw new Mismatch(`${kindOf(a)} and ${kindOf(b)} have no order`);
}

function list(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw new Mismatch(`wanted a list, got ${kindOf(value)}`);
}

/** As fmt.Sprint: a space between two values where neither is text. */
function print(values: Values): string {
  return values
    .map((value, index) => {
      const before = values[index - 1];
      const apart = index > 0 && typeof value !== "string" && typeof before !== "string";
      return (apart ? " " : "") + show(value);
    })
    .join("");
}

const one = (call: (value: unknown) => unknown): TemplateFunction => ({
  least: 1,
  most: 1,
  call: ([value]) => call(value),
});
const two = (call: (values: Values) => unknown): TemplateFunction => ({ least: 2, most: 2, call });

const html: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  '"': "&#34;",
  "'": "&#39;",
};

/** `and` and `or` are here for their names; the evaluation stops at the first value that decides. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  and: { least: 1, call: (values) => values.find((value) => !isTrue(value)) ?? values.at(-1) },
  or: { least: 1, call: (values) => values.find(isTrue) ?? values.at(-1) },
  not: one((value) => !isTrue(value)),
  len: one(length),
  index: { least: 1, call: ([of, ...keys]) => keys.reduce(at, of) },
  slice: { least: 1, most: 3, call: slice },
  eq: { least: 2, call: ([first, ...rest]) => rest.some((value) => same(first, value)) },
  ne: two(([a, b]) => !same(a, b)),
  lt: two((values) => order(values) < 0),
  le: two((values) => order(values) <= 0),
  gt: two((values) => order(values) > 0),
  ge: two((values) => order(values) >= 0),
  print: { least: 0, call: print },
  println: { least: 0, call: (values) => `${values.map(show).join(" ")}\n` },
  printf: { least: 1, call: ([form, ...values]) => format(text(form), values) },
  html: one((value) => show(value).replaceAll(/[<>&"']/g, (character) => html[character] ?? "")),
  urlquery: one((value) => encodeURIComponent(show(value)).replaceAll("%20", "+")),
  json: one((value) => toJson(value)),
  join: two(([values, by]) => list(values).map(show).join(text(by))),
  split: two(([value, by]) => text(value).split(text(by))),
  lower: one((value) => text(value).toLowerCase()),
  upper: one((value) => text(value).toUpperCase()),
  title: one((value) =>
    text(value).replaceAll(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (found) => found.toUpperCase()),
  ),
  pad: {
    least: 3,
    most: 3,
    call: ([value, left, right]) =>
      text(value) === "" ? "" : " ".repeat(number(left)) + text(value) + " ".repeat(number(right)),
  },
  truncate: two(([value, most]) => text(value).slice(0, Math.max(0, number(most)))),
};

/** In a table's head the cells are names already: what shapes a value leaves them alone. */
export const headFunctions: ReadonlySet<string> = new Set([
  "json",
  "join",
  "split",
  "lower",
  "upper",
  "title",
  "truncate",
]);
