/** Objects seen through their schema, as server-side apply sees them: which parts are merged, which stand or fall as a whole, and by which step each part is reached. */
import { anything, fieldSchema, itemSchema, listKind, own } from "../schema/resolve.ts";
import type { Definitions, Schema } from "../schema/schema.ts";
import { type Fields, equal, get, isFields, put } from "../schema/json.ts";
import { emptySet, enter, type FieldSet } from "./_set.ts";

/** A part that is merged: its steps in order, each with its value and schema. `map` for fields, `list` for elements that have a name of their own. */
export interface Granular {
  readonly kind: "map" | "list";
  readonly parts: ReadonlyMap<string, Part>;
}

export interface Part {
  readonly value: unknown;
  readonly schema: Schema;
  /** A field that the schema does not name: an entry of a map, whose being there is owned too. */
  readonly entry: boolean;
  /** All elements of the same keys, where a list has several: ports and variables of pods may repeat. Nobody owns these one by one. */
  readonly repeats?: readonly unknown[];
}

/** Undefined: the value is one piece (a plain value, an atomic list or map, or a list whose elements lack their keys). */
export function granular(value: unknown, schema: Schema, definitions: Definitions): Granular | undefined {
  if (isFields(value)) return granularMap(value, schema, definitions);
  return Array.isArray(value) ? granularList(value, schema, definitions) : undefined;
}

function granularMap(value: Fields, schema: Schema, definitions: Definitions): Granular | undefined {
  if (schema["x-kubernetes-map-type"] === "atomic") return undefined;
  const parts = new Map<string, Part>();
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined) continue;
    const entry = own(schema.properties, name) === undefined;
    parts.set(`f:${name}`, {
      value: field,
      schema: fieldSchema(schema, name, definitions) ?? anything,
      entry,
    });
  }
  return { kind: "map", parts };
}

function granularList(
  value: readonly unknown[],
  schema: Schema,
  definitions: Definitions,
): Granular | undefined {
  const parts = new Map<string, Part & { repeats?: unknown[] }>();
  if (listKind(schema).type === "atomic") return undefined;
  const items = itemSchema(schema, definitions);
  for (const element of value) {
    const step = elementStep(element, schema, definitions);
    if (step === undefined) return undefined;
    const before = parts.get(step);
    if (before) (before.repeats ??= [before.value]).push(element);
    else parts.set(step, { value: element, schema: items, entry: true });
  }
  return { kind: "list", parts };
}

/** The elements that a part stands for: one, as a rule. */
function elementsOf(part: Part | undefined): readonly unknown[] {
  return part === undefined ? [] : (part.repeats ?? [part.value]);
}

/** `k:{"name":"a"}` or `v:"a"`; undefined when the element has not got its keys. Keys that the schema defaults need not be there. */
export function elementStep(element: unknown, schema: Schema, definitions: Definitions): string | undefined {
  const kind = listKind(schema);
  if (kind.type === "set")
    return typeof element === "object" && element !== null ? undefined : `v:${JSON.stringify(element)}`;
  if (kind.type !== "map" || !isFields(element) || kind.keys.length === 0) return undefined;
  const items = itemSchema(schema, definitions);
  const keys: [string, unknown][] = [];
  for (const name of kind.keys.toSorted()) {
    const value = get(element, name) ?? fieldSchema(items, name, definitions)?.default;
    if (value === undefined) return undefined;
    keys.push([name, value]);
  }
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}

/** The fields that an applied object is an opinion on. */
export function fieldsOf(value: unknown, schema: Schema, definitions: Definitions): FieldSet {
  const set = emptySet();
  const whole = granular(value, schema, definitions);
  for (const [step, part] of whole?.parts ?? []) {
    const inner = fieldsOf(part.value, part.schema, definitions);
    // Without fields inside, the part itself is the opinion: a plain value, an atomic one, an empty map.
    if (part.entry || inner.inside.size === 0) inner.member = true;
    set.inside.set(step, inner);
  }
  return set;
}

export interface Comparison {
  /** Added or with another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** What differs, part by part. Undefined stands for what is not there. */
export function compare(
  before: unknown,
  after: unknown,
  schema: Schema,
  definitions: Definitions,
): Comparison {
  const comparison = { changed: emptySet(), removed: emptySet() };
  compareInto(before, after, { schema, definitions, ...comparison });
  return comparison;
}

interface Comparing extends Comparison {
  readonly schema: Schema;
  readonly definitions: Definitions;
}

function compareInto(before: unknown, after: unknown, at: Comparing): void {
  const { schema, definitions, changed, removed } = at;
  const [a, b] = [granular(before, schema, definitions), granular(after, schema, definitions)];
  const together = a !== undefined && b !== undefined && a.kind === b.kind;
  if (!together && before !== undefined && after !== undefined) {
    changed.member = true;
    if (a) everything(a, removed, definitions);
    if (b) everything(b, changed, definitions);
    return;
  }
  if (before === undefined) changed.member = true;
  if (after === undefined) removed.member = true;
  for (const step of new Set([...(a?.parts.keys() ?? []), ...(b?.parts.keys() ?? [])])) {
    const [left, right] = [a?.parts.get(step), b?.parts.get(step)];
    if (left?.repeats || right?.repeats) {
      const set = right ? changed : removed;
      if (!equal(elementsOf(left), elementsOf(right))) enter(set, step).member = true;
      continue;
    }
    // Most of an object stays as it is: nothing is taken apart for that.
    if (left && right && equal(left.value, right.value)) continue;
    compareInto(left?.value, right?.value, {
      schema: (right ?? left)?.schema ?? anything,
      definitions,
      changed: enter(changed, step),
      removed: enter(removed, step),
    });
  }
}

function everything(whole: Granular, set: FieldSet, definitions: Definitions): void {
  for (const [step, part] of whole.parts) {
    const inner = enter(set, step);
    inner.member = true;
    const deeper = granular(part.value, part.schema, definitions);
    if (deeper) everything(deeper, inner, definitions);
  }
}

/** The live value with what is applied over it. */
export function mergeTyped(
  live: unknown,
  applied: unknown,
  schema: Schema,
  definitions: Definitions,
): unknown {
  const [a, b] = [granular(live, schema, definitions), granular(applied, schema, definitions)];
  if (!a || !b || a.kind !== b.kind) return structuredClone(applied);
  const merged = (step: string): unknown => {
    const [left, right] = [a.parts.get(step), b.parts.get(step)];
    if (!left || !right) return right ? structuredClone(right.value) : left?.value;
    return mergeTyped(left.value, right.value, right.schema, definitions);
  };
  if (b.kind === "list")
    return mergedOrder([...a.parts.keys()], [...b.parts.keys()]).flatMap((step) =>
      b.parts.has(step) ? [merged(step)] : elementsOf(a.parts.get(step)),
    );
  const result: Fields = {};
  for (const step of new Set([...a.parts.keys(), ...b.parts.keys()]))
    put(result, step.slice(2), merged(step));
  return result;
}

/** Applied elements in the order in which they are applied; those that only the live list has stay behind the element that they stood behind. */
function mergedOrder(live: readonly string[], applied: readonly string[]): readonly string[] {
  const wanted = new Set(applied);
  const followers = new Map<string | undefined, string[]>();
  let leader: string | undefined;
  for (const step of live) {
    if (wanted.has(step)) leader = step;
    else {
      const behind = followers.get(leader);
      if (behind) behind.push(step);
      else followers.set(leader, [step]);
    }
  }
  return [
    ...(followers.get(undefined) ?? []),
    ...applied.flatMap((step) => [step, ...(followers.get(step) ?? [])]),
  ];
}

/** The value without the parts of `gone` that `kept` has nothing of: a field in which `kept` holds something, and an element that it holds itself, is looked into instead. */
export function withoutParts(
  value: unknown,
  {
    gone,
    kept,
    schema,
    definitions,
  }: { gone: FieldSet; kept: FieldSet; schema: Schema; definitions: Definitions },
): unknown {
  const whole = granular(value, schema, definitions);
  if (!whole) return value;
  const left: [string, unknown][] = [];
  const keep = (step: string, part: Part): void => {
    for (const element of elementsOf(part)) left.push([step, element]);
  };
  for (const [step, part] of whole.parts) {
    const [going, keeping] = [gone.inside.get(step), kept.inside.get(step)];
    // An element is its owners': who only changed a field of it does not hold it.
    const held = keeping && (whole.kind === "map" || keeping.member || !going?.member);
    if (!going || (held && part.repeats)) keep(step, part);
    else if (held)
      left.push([
        step,
        withoutParts(part.value, { gone: going, kept: keeping, schema: part.schema, definitions }),
      ]);
  }
  if (whole.kind === "list") return left.map(([, element]) => element);
  const result: Fields = {};
  for (const [step, field] of left) put(result, step.slice(2), field);
  return result;
}
