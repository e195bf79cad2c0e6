import type { OciConfig } from "./config.ts";
import { invalid } from "../../base/errors.ts";

/** A number of 16 digits or more, outside of strings or at least looking so: 2^53 has 16. */
const longNumber = /[\s:,[]-?\d{16}/;

/**
 * The JSON text of a config.json as it stands there, unchecked: validateConfig comes next. Integers above 2^53, which
 * JSON.parse alone would round, become bigint. The slower way that keeps them is gone only when there are any.
 * @throws SampanError invalid_argument when the text is not JSON.
 */
export function parseConfig(text: string): OciConfig {
  return parseDocument(text, "config.json") as OciConfig;
}

/** The same for any document of the specification; `name` is for the error. */
export function parseDocument(text: string, name: string): unknown {
  try {
    return longNumber.test(text) ? JSON.parse(text, keepExact) : JSON.parse(text);
  } catch (error) {
    throw invalid(`cannot use ${name}: the document: is not JSON: ${(error as Error).message}`);
  }
}

// The third parameter is ECMA-262's "JSON.parse source text access" (2025); the library's types lack it.
function keepExact(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/**
 * A document of the specification as JSON text, bigint as plain digits. JSON.stringify alone refuses bigint.
 * @param indent as in JSON.stringify; left out: one line.
 */
export function formatDocument(document: object, indent?: string): string {
  return JSON.stringify(document, writeExact, indent);
}

// JSON.rawJSON is of the same addition to ECMA-262.
function writeExact(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value));
}
