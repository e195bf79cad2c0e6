/**
 * Readers of an untrusted JSON body. Each takes a value and its path and gives the value checked; unknown fields are passed over, null is the same as absent, and what is
 * too long, too many or of another type is refused with its path. Field names are taken in any case of letters, as Docker's daemon takes them.
 */
import { invalid } from "../../base/errors.ts";

export type Reader<T> = (value: unknown, path: string) => T;

const most = { text: 128 << 10, items: 10_000, words: 1 << 18 } as const;

export function fault(path: string, value: unknown, wanted: string): Error {
  return invalid(`cannot read the request: ${path || "the body"} is ${shown(value)}, wanted ${wanted}`);
}

function shown(value: unknown): string {
  if (value === undefined) return "absent";
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

export interface TextOptions {
  /** Bytes at most, about. */
  readonly length?: number;
  readonly like?: RegExp;
  readonly wanted?: string;
}

/** A string without NUL bytes. */
export function text({ length = most.text, like, wanted = "a text" }: TextOptions = {}): Reader<string> {
  return (value, path) => {
    if (typeof value !== "string") throw fault(path, value, wanted);
    if (value.length > length)
      throw invalid(
        `cannot read the request: ${path} has ${value.length} characters, wanted at most ${length}`,
      );
    if (value.includes("\0"))
      throw invalid(`cannot read the request: ${path} holds a NUL byte, wanted a text without`);
    if (like && value !== "" && !like.test(value)) throw fault(path, value, wanted);
    return value;
  };
}

export const string = text();

export const flag: Reader<boolean> = (value, path) => {
  if (typeof value === "boolean") return value;
  throw fault(path, value, "true or false");
};

/** 64-bit ones beyond 2^53 arrive as the nearest number that JSON.parse has. */
export function integer(from = -(2 ** 63), to = 2 ** 63): Reader<number> {
  const range = from <= -(2 ** 63) ? "of 64 bits" : `from ${from} to ${to}`;
  return (value, path) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= from && value <= to)
      return value === 0 ? 0 : value;
    throw fault(path, value, `an integer ${range}`);
  };
}

export const int64 = integer();
export const natural = integer(0);

export function oneOf<const T extends string>(...words: readonly T[]): Reader<T> {
  return (value, path) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw fault(path, value, `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`);
  };
}

export function list<T>(of: Reader<T>, count: number = most.items): Reader<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw fault(path, value, "a list");
    if (value.length > count)
      throw invalid(`cannot read the request: ${path} has ${value.length} items, wanted at most ${count}`);
    return value.map((each, index) => of(each, `${path}[${index}]`));
  };
}

export const strings = list(string);

/** A command's words, as many as execve(2) may take. */
export const words = list(string, most.words);

export function map<T>(of: Reader<T>, key: Reader<string> = string): Reader<Record<string, T>> {
  return (value, path) => {
    const entries = entriesOf(value, path);
    return Object.fromEntries(
      entries.map(([name, each]) => [key(name, `${path}'s key`), of(each, `${path}[${quoted(name)}]`)]),
    );
  };
}

export const stringMap = map(string);

/** Docker's sets: `{"80/tcp": {}}`. */
export function keys(key: Reader<string> = string): Reader<Record<string, object>> {
  return map(() => ({}), key);
}

/** Null stays null. */
export function nullable<T>(of: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null || value === undefined ? null : of(value, path));
}

export type Fields<T> = { readonly [K in keyof T]-?: Reader<NonNullable<T[K]>> };

export function object<T extends object>(
  fields: Fields<T>,
  needs: readonly (keyof T & string)[] = [],
): Reader<T> {
  const known = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  return (value, path) => {
    const result: Record<string, unknown> = {};
    for (const [given, each] of entriesOf(value, path)) {
      const name = Object.hasOwn(fields, given) ? given : known.get(given.toLowerCase());
      if (name === undefined || each === null || each === undefined) continue;
      const read = fields[name as keyof T] as Reader<unknown>;
      result[name] = read(each, path === "" ? name : `${path}.${name}`);
    }
    for (const name of needs)
      if (result[name] === undefined) throw fault(path === "" ? name : `${path}.${name}`, undefined, "it");
    return result as T;
  };
}

function entriesOf(value: unknown, path: string): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw fault(path, value, "an object");
  const entries = Object.entries(value);
  if (entries.length > most.items)
    throw invalid(
      `cannot read the request: ${path} has ${entries.length} fields, wanted at most ${most.items}`,
    );
  return entries;
}

const quoted = (name: string) => JSON.stringify(name.slice(0, 100));
