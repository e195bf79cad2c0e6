/**
 * Sets of fields, in the form in which managedFields keeps them (FieldsV1): a tree whose steps are `f:<name>`, `k:<keys of a list's element>`, `v:<value of a set>`.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ (fieldsV1)
 */
import { type Fields, get, isFields } from "../schema/json.ts";

export interface FieldSet {
  /** The field itself belongs to the set. */
  member: boolean;
  readonly inside: Map<string, FieldSet>;
}

export function emptySet(): FieldSet {
  return { member: false, inside: new Map() };
}

export function isEmpty(set: FieldSet): boolean {
  return !set.member && [...set.inside.values()].every(isEmpty);
}

/** The set one step further in, made when it is not there. */
export function enter(set: FieldSet, step: string): FieldSet {
  let inner = set.inside.get(step);
  if (!inner) {
    inner = emptySet();
    set.inside.set(step, inner);
  }
  return inner;
}

/** Drops branches in which there is no member. */
function tidy(set: FieldSet): FieldSet {
  for (const [step, inner] of set.inside) {
    tidy(inner);
    if (!inner.member && inner.inside.size === 0) set.inside.delete(step);
  }
  return set;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const result = { member: a.member || b.member, inside: new Map<string, FieldSet>() };
  for (const step of new Set([...a.inside.keys(), ...b.inside.keys()]))
    result.inside.set(step, union(a.inside.get(step) ?? emptySet(), b.inside.get(step) ?? emptySet()));
  return result;
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const result = { member: a.member && !b.member, inside: new Map<string, FieldSet>() };
  for (const [step, inner] of a.inside) {
    const other = b.inside.get(step);
    result.inside.set(step, other ? difference(inner, other) : inner);
  }
  return tidy(result);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result = { member: a.member && b.member, inside: new Map<string, FieldSet>() };
  for (const [step, inner] of a.inside) {
    const other = b.inside.get(step);
    if (other) result.inside.set(step, intersection(inner, other));
  }
  return tidy(result);
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  return isEmpty(difference(a, b)) && isEmpty(difference(b, a));
}

/** Whether FieldsV1 and a set have a member in common. Their roots are no members. */
export function touches(fields: unknown, { inside }: FieldSet): boolean {
  for (const [step, inner] of inside) {
    const own = isFields(fields) ? get(fields, step) : undefined;
    if (own !== undefined && ((inner.member && isMember(own)) || touches(own, inner))) return true;
  }
  return false;
}

/** Whether FieldsV1 have all members of a set. Their roots are no members. */
export function covers(fields: unknown, { inside }: FieldSet): boolean {
  for (const [step, inner] of inside) {
    const own = isFields(fields) ? get(fields, step) : undefined;
    if (own === undefined || (inner.member && !isMember(own)) || !covers(own, inner)) return false;
  }
  return true;
}

/** Of a field in FieldsV1: one without fields inside is a member, and one that says so. */
function isMember(fields: unknown): boolean {
  return isFields(fields) && (Object.hasOwn(fields, ".") || Object.keys(fields).length === 0);
}

/** The members' paths as messages name them: `.spec.containers[name="a"].image`. */
export function paths(set: FieldSet, path = ""): readonly string[] {
  const inner = [...set.inside].flatMap(([step, next]) => paths(next, path + stepText(step)));
  return set.member ? [path, ...inner] : inner;
}

function stepText(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith("f:")) return `.${rest}`;
  if (step.startsWith("v:")) return `[=${rest}]`;
  if (!step.startsWith("k:")) return `[${rest}]`;
  const keys: unknown = JSON.parse(rest);
  const parts = Object.entries(isFields(keys) ? keys : {}).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  return `[${parts.join(",")}]`;
}

export function toFieldsV1(set: FieldSet): Fields {
  const entries = [...set.inside].map(([step, inner]) => [step, toFieldsV1(inner)] as const);
  if (entries.length === 0) return {};
  const own = set.member ? [[".", {}] as const] : [];
  return Object.fromEntries([...own, ...entries.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

/** Undefined when it is no FieldsV1. Steps that nobody writes are an error too. */
export function fromFieldsV1(fields: unknown): FieldSet | undefined {
  if (!isFields(fields)) return undefined;
  const result = emptySet();
  return fill(result, fields, 0) ? result : undefined;
}

const maxLevels = 500;

function fill(set: FieldSet, fields: Fields, level: number): boolean {
  if (level > maxLevels) return false;
  const names = Object.keys(fields);
  if (names.length === 0 && level > 0) set.member = true;
  return names.every((name) => {
    const inner = fields[name];
    if (!isFields(inner)) return false;
    if (name === ".") {
      set.member = true;
      return true;
    }
    return isStep(name) && fill(enter(set, name), inner, level + 1);
  });
}

function isStep(name: string): boolean {
  if (name.startsWith("f:")) return true;
  if (name.startsWith("i:")) return /^i:\d+$/.test(name);
  if (!name.startsWith("k:") && !name.startsWith("v:")) return false;
  try {
    const value: unknown = JSON.parse(name.slice(2));
    return name.startsWith("v:") || isFields(value);
  } catch {
    return false;
  }
}
