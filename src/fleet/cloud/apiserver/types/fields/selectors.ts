/** Label selectors within objects: what they must be, and what they match. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { forbidden, invalid, required } from "./complaints.ts";
import { labelValue, qualified } from "./names.ts";
import { at, entries, text, texts } from "./read.ts";
import { labelCauses } from "./metadata.ts";

export function selectorCauses(selector: unknown, field: string): StatusCause[] {
  const { matchLabels, matchExpressions } = at(selector);
  return [
    ...labelCauses(matchLabels, `${field}.matchLabels`),
    ...entries(matchExpressions).flatMap((expression, index) =>
      expressionCauses(expression, `${field}.matchExpressions[${index}]`),
    ),
  ];
}

function expressionCauses(expression: Record<string, unknown>, field: string): StatusCause[] {
  const operator = text(expression.operator);
  const values = texts(expression.values);
  const needs = operator === "In" || operator === "NotIn";
  const refuses = operator === "Exists" || operator === "DoesNotExist";
  return [
    ...(needs && values.length === 0
      ? [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
      : []),
    ...(refuses && values.length > 0
      ? [forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
      : []),
    ...qualified(text(expression.key)).map((detail) => invalid(`${field}.key`, expression.key, detail)),
    ...values.flatMap((value, index) =>
      labelValue(value).map((detail) => invalid(`${field}.values[${index}]`, value, detail)),
    ),
  ];
}

export function isEmptySelector(selector: unknown): boolean {
  const { matchLabels, matchExpressions } = at(selector);
  return Object.keys(at(matchLabels)).length === 0 && entries(matchExpressions).length === 0;
}

export function selects(selector: unknown, labels: unknown): boolean {
  const { matchLabels, matchExpressions } = at(selector);
  const own = at(labels);
  const has = (key: string): boolean => Object.hasOwn(own, key);
  return (
    Object.entries(at(matchLabels)).every(([key, value]) => has(key) && own[key] === value) &&
    entries(matchExpressions).every(({ key, operator, values }) => {
      const name = text(key);
      const among = has(name) && texts(values).includes(text(own[name]));
      if (operator === "In") return among;
      if (operator === "NotIn") return !among;
      return operator === "Exists" ? has(name) : !has(name);
    })
  );
}

/** `a=b,c in (d,e)`: for columns and for scale. */
export function selectorText(selector: unknown): string {
  const { matchLabels, matchExpressions } = at(selector);
  const equal = Object.entries(at(matchLabels))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${text(value)}`);
  const others = entries(matchExpressions).map(({ key, operator, values }) => {
    const name = text(key);
    if (operator === "Exists") return name;
    if (operator === "DoesNotExist") return `!${name}`;
    return `${name} ${text(operator).toLowerCase()} (${texts(values).join(",")})`;
  });
  return [...equal, ...others].join(",");
}

/** `a=b,c=d`, or <none>. */
export function labelText(labels: unknown): string {
  const pairs = Object.entries(at(labels)).map(([key, value]) => `${key}=${text(value)}`);
  return pairs.length === 0 ? "<none>" : pairs.sort().join(",");
}
