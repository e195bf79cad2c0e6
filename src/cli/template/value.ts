/**
 * Values as a template sees them. A plain object is one of Go's structs: its fields are known, another one is an error. A Map is one of Go's maps (labels,
 * ports): a key that is not there is no value.
 */
import { printableJson } from "../text/identifier.ts";

/** Go's notion of true. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return typeof value === "object" ? value !== null : Boolean(value);
}

/** As fmt's %v prints it. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(inner).join(" ")}]`;
  if (value instanceof Map)
    return `map[${sorted(value)
      .map(([key, each]) => `${key}:${inner(each)}`)
      .join(" ")}]`;
  if (typeof value === "object") return `{${Object.values(value).map(inner).join(" ")}}`;
  return typeof value === "string" ? value : String(value as number | boolean);
}

function inner(value: unknown): string {
  return value === null || value === undefined ? "<nil>" : show(value);
}

export function sorted(map: ReadonlyMap<unknown, unknown>): [string, unknown][] {
  return [...map]
    .map(([key, value]): [string, unknown] => [String(key), value])
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** As docker's json function writes it. */
export function toJson(value: unknown, indent?: number): string {
  const plain = (_: string, each: unknown) => (each instanceof Map ? Object.fromEntries(sorted(each)) : each);
  return printableJson(JSON.stringify(value ?? null, plain, indent));
}

/** What it is, for errors. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Map) return "a map";
  return typeof value === "object" ? "an object" : `the ${typeof value} ${JSON.stringify(value)}`;
}
