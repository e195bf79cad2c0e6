/** Fields of small JSON bodies, checked one by one. Absent and null mean the same. */
import { invalid } from "../../base/errors.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** `what`: as errors name it. */
export function record(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`cannot read ${what}: wanted an object of JSON`);
}

export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw refused(name, "a text");
}

export function flagOf(fields: Fields, name: string): boolean | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw refused(name, "true or false");
}

export function textsOf(fields: Fields, name: string): Readonly<Record<string, string>> | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  const found = record(value, `"${name}"`);
  if (Object.values(found).every((each) => typeof each === "string"))
    return found as Readonly<Record<string, string>>;
  throw refused(name, "a map of texts");
}

export function recordsOf(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw refused(name, "a list");
  return value.map((each) => record(each, `"${name}"`));
}

function refused(name: string, wanted: string): Error {
  return invalid(`cannot read the body: "${name}" is not ${wanted}`);
}
