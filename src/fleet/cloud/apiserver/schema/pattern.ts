/** Regular expressions of strangers. Kubernetes' patterns are RE2: a syntax of its own, and a time that grows with the text and never explodes; JavaScript's are neither. */
import type * as Re2 from "re2js";

type Compiled = Re2.RE2JS;

/** Longer patterns, and such as RE2 cannot read, are refused with the CRD that brings them. */
export const maxPattern = 4096;
const maxKept = 1000;

const kept = new Map<string, Compiled | Error>();

/** The compiled pattern, or why it is none. */
export function compilePattern(pattern: string): Compiled | Error {
  const known = kept.get(pattern);
  if (known) return known;
  const compiled = compile(pattern);
  if (kept.size >= maxKept) kept.clear();
  kept.set(pattern, compiled);
  return compiled;
}

function compile(pattern: string): Compiled | Error {
  if (pattern.length > maxPattern) return new Error(`the pattern is longer than ${maxPattern} characters`);
  try {
    // Loaded with the first pattern: built-in kinds have none.
    const { RE2JS } = require("re2js") as typeof Re2;
    return RE2JS.compile(pattern);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Whether the pattern is found anywhere in the text. A pattern that is none matches nothing. */
export function matches(pattern: string, text: string): boolean {
  const compiled = compilePattern(pattern);
  return compiled instanceof Error ? false : compiled.matcher(text).find();
}
