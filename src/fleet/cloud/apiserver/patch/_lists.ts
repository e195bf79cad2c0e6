/** Merging of lists in strategic merge patches, and the order of what results. */
import { type Fields, get, isFields } from "../schema/json.ts";
import { kindOfPatch, short } from "./_directives.ts";
import { badRequest } from "./_result.ts";

interface Keyed {
  readonly key: string;
  readonly order: readonly unknown[] | undefined;
  /** One element with its patch. */
  readonly merge: (original: Fields, patch: Fields) => Fields;
}

/** Lists of objects with a merge key: elements of the same key are merged, `$patch: delete` takes one out, a lone `$patch: replace` makes the patch the list. */
export function mergeKeyed(
  original: readonly unknown[],
  patch: readonly unknown[],
  options: Keyed,
): readonly unknown[] {
  const { key, merge } = options;
  const elements = patch.map(asFields);
  const replaces = elements.some(
    (element) => kindOfPatch(element) === "replace" && !Object.hasOwn(element, key),
  );
  if (replaces)
    return elements
      .filter((element) => kindOfPatch(element) === undefined)
      .map((element) => merge({}, element));
  const result: (Fields | undefined)[] = original.map(asFields);
  const places = Map.groupBy(result.keys(), (at) => get(result[at] ?? {}, key));
  const given: unknown[] = [];
  for (const element of elements) {
    const name = keyOf(element, key);
    const found = places.get(name) ?? [];
    if (kindOfPatch(element) === "delete") {
      for (const at of found) result[at] = undefined;
      places.delete(name);
      continue;
    }
    given.push(element);
    const [at = result.length] = found;
    result[at] = merge(result[at] ?? {}, element);
    if (found.length === 0) places.set(name, [at]);
  }
  if (options.order) refuseStrangers(given, options.order, key);
  const left = result.filter((element) => element !== undefined);
  return inOrder(left, original, { key, order: options.order ?? given });
}

/** Lists of plain values: the union, without what is deleted. */
export function mergePrimitives(
  original: readonly unknown[],
  patch: readonly unknown[],
  {
    deleted,
    order,
  }: { readonly deleted: readonly unknown[]; readonly order: readonly unknown[] | undefined },
): readonly unknown[] {
  if (patch.some((value) => typeof value === "object" && value !== null))
    throw badRequest("invalid patch format of primitive list");
  if (order) refuseStrangers(patch, order, undefined);
  const union = new Set([...original, ...patch]);
  for (const value of deleted) union.delete(value);
  return inOrder([...union], original, { key: undefined, order: order ?? patch });
}

/**
 * Elements that the order names come in that order; those that only the server has keep their places among them as well as that can be: before the first that stood after them.
 */
export function inOrder(
  elements: readonly unknown[],
  original: readonly unknown[],
  { key, order }: { readonly key: string | undefined; readonly order: readonly unknown[] },
): readonly unknown[] {
  const identity = (element: unknown): unknown =>
    key === undefined ? element : isFields(element) ? get(element, key) : undefined;
  const wanted = positions(order.map(identity));
  const before = positions(original.map(identity));
  const rank = (element: unknown): number => wanted.get(identity(element)) ?? -1;
  const ordered = elements.filter((element) => rank(element) >= 0).toSorted((a, b) => rank(a) - rank(b));
  const others = elements.filter((element) => rank(element) < 0);
  const result: unknown[] = [];
  let next = 0;
  for (const element of ordered) {
    const place = before.get(identity(element));
    while (
      place !== undefined &&
      next < others.length &&
      (before.get(identity(others[next])) ?? Infinity) < place
    )
      result.push(others[next++]);
    result.push(element);
  }
  return [...result, ...others.slice(next)];
}

function positions(identities: readonly unknown[]): ReadonlyMap<unknown, number> {
  const result = new Map<unknown, number>();
  for (const [at, identity] of identities.entries()) if (!result.has(identity)) result.set(identity, at);
  return result;
}

/** $setElementOrder names all elements of its patch, in their order. */
function refuseStrangers(
  given: readonly unknown[],
  order: readonly unknown[],
  key: string | undefined,
): void {
  const identity = (element: unknown): unknown =>
    key === undefined || !isFields(element) ? element : keyOf(element, key);
  const wanted = positions(order.map(identity));
  let last = -1;
  for (const element of given) {
    const at = wanted.get(identity(element));
    if (at === undefined || at < last)
      throw badRequest(
        `The order in patch list: ${short(given)} doesn't match $setElementOrder list: ${short(order)}`,
      );
    last = at;
  }
}

function keyOf(element: Fields, key: string): unknown {
  const value = get(element, key);
  if (value === undefined || value === null)
    throw badRequest(`map: ${short(element)} does not contain declared merge key: ${key}`);
  return value;
}

function asFields(element: unknown): Fields {
  if (!isFields(element))
    throw badRequest(`expected a list of objects, but one element is ${short(element)}`);
  return element;
}
