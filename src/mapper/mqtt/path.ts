/** Places in JSON documents, with dots. Pure. */
import type { Value } from "../driver.ts";

const largest = 1 << 20;

/** The value at a place of a payload; undefined when there is none, or when it is neither a text, a number nor a truth value. */
export function valueAt(payload: Buffer, path: string): Value | undefined {
  if (payload.length > largest) return undefined;
  const text = payload.toString();
  if (path === "") return text;
  let at: unknown;
  try {
    at = JSON.parse(text);
  } catch {
    return undefined;
  }
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === "string" || typeof at === "number" || typeof at === "boolean" ? at : undefined;
}

/** The document that has nothing but the value at that place. */
export function withValueAt(path: string, value: Value): unknown {
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}
