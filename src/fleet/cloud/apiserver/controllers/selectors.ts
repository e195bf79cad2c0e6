/** Selectors of the API's objects (not those of queries) against labels. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
import type { LabelSelector, Labels, Node, NodeSelector, NodeSelectorTerm, Requirement } from "./kinds.ts";

function number(text: string | undefined): number {
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : NaN;
}

/** Whether a value (undefined: there is none) meets one requirement. An operator that is not known is never met. */
export function meets(requirement: Requirement, value: string | undefined): boolean {
  const { operator, values = [] } = requirement;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return number(value) > number(values[0]);
    case "Lt":
      return number(value) < number(values[0]);
    default:
      return false;
  }
}

/** None selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return false;
  return (
    hasLabels(selector.matchLabels ?? {}, labels) &&
    (selector.matchExpressions ?? []).every((one) => meets(one, labels?.[one.key]))
  );
}

/** Whether all of the wanted labels are there. */
export function hasLabels(wanted: Labels, labels: Labels | undefined): boolean {
  // Asked for every pod of a namespace at every look: no list is made.
  for (const key in wanted) if (labels?.[key] !== wanted[key]) return false;
  return true;
}

/** A term without expressions and fields matches no node. */
export function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => meets(one, node.metadata.labels?.[one.key])) &&
    matchFields.every((one) => one.key === "metadata.name" && meets(one, node.metadata.name))
  );
}

/** Terms are alternatives. */
export function nodeSelectorMatches(selector: NodeSelector, node: Node): boolean {
  return selector.nodeSelectorTerms.some((term) => termMatches(term, node));
}
