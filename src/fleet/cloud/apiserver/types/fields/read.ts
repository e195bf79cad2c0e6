/** Reads and makes parts of objects whose types nobody has checked yet: what is no object reads as an empty one, what is no list as an empty list. */
export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object at a path of names; an empty one that belongs to nobody where there is none. */
export function at(value: unknown, ...path: readonly string[]): Fields {
  let found = value;
  for (const name of path) found = isFields(found) ? found[name] : undefined;
  return isFields(found) ? found : {};
}

/** The value at a path of names. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) found = isFields(found) ? found[name] : undefined;
  return found;
}

/** The entries of a list, each as an object, with the indexes that they have. */
export function entries(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map((entry) => at(entry)) : [];
}

export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function number(value: unknown, otherwise = 0): number {
  return typeof value === "number" ? value : otherwise;
}

/** The object in a field, made where the field is absent. */
export function made(object: Fields, name: string): Fields {
  if (object[name] === undefined || object[name] === null) object[name] = {};
  return at(object[name]);
}

/** Gives a field its value where it has none. */
export function give(object: Fields, name: string, value: unknown): void {
  if (object[name] === undefined || object[name] === null) object[name] = value;
}

/** What a table of ours has under a key that a client chose: never what all objects inherit. */
export function entryOf<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
