/** Regular expressions of strangers. Kubernetes' patterns are RE2: a syntax of its own, and a time that grows with the text and never explodes; JavaScript's are neither. */
import type * as Re2 from "re2js";

type Compiled = Re2.RE2JS;

/** Longer patterns, and such as RE2 cannot read, are refused with the CRD that brings them. */
export const maxPattern = 4096;
/** States that a pattern may have: `a{1000}` has a thousand, and each takes hundreds of bytes. */
export const maxStates = 10_000;
const maxKept = 1000;
const maxKeptStates = 100_000;

const kept = new Map<string, Compiled | Error>();
let keptStates = 0;

/** How much more may be matched for one write: states of patterns times characters of texts, each some 40 ns at worst. */
export interface Effort {
  left: number;
}

export const newEffort = (): Effort => ({ left: 20_000_000 });

/** What it takes at worst to look for the pattern in so many characters. */
export const effortOf = (compiled: Compiled, characters: number): number =>
  compiled.programSize() * (characters + 1);

/** The compiled pattern, or why it is none. */
export function compilePattern(pattern: string): Compiled | Error {
  const known = kept.get(pattern);
  if (known) return known;
  const compiled = compile(pattern);
  const states = compiled instanceof Error ? 0 : compiled.programSize();
  if (kept.size >= maxKept || keptStates + states > maxKeptStates) {
    kept.clear();
    keptStates = 0;
  }
  kept.set(pattern, compiled);
  keptStates += states;
  return compiled;
}

function compile(pattern: string): Compiled | Error {
  if (pattern.length > maxPattern) return new Error(`the pattern is longer than ${maxPattern} characters`);
  if (statesOf(pattern) > maxStates) return new Error(`the pattern has more than ${maxStates} states`);
  try {
    // Loaded with the first pattern: built-in kinds have none.
    const { RE2JS } = require("re2js") as typeof Re2;
    return RE2JS.compile(pattern);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const piece = /\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[^]/gy;

/** About how many states the pattern has, counted without making them: what is repeated counts as often. */
function statesOf(pattern: string): number {
  const outer: number[] = [];
  let [total, last] = [0, 0];
  for (const [text, least, most] of pattern.matchAll(piece)) {
    if (text === "(") {
      outer.push(total);
      total = last = 0;
    } else if (text === ")") {
      last = total + 1;
      total = last + (outer.pop() ?? 0);
    } else if (least !== undefined) {
      const times = Math.max(1, Number(least), Number(most ?? 0));
      total += last * (times - 1);
      last *= times;
    } else {
      last = 1;
      total += last;
    }
  }
  return outer.reduce((sum, each) => sum + each, total);
}

/** Whether the pattern is found anywhere in the text. A pattern that is none matches nothing, and none does when the effort is spent: `left` is below zero then. */
export function matches(pattern: string, text: string, effort: Effort): boolean {
  const compiled = compilePattern(pattern);
  if (compiled instanceof Error) return false;
  effort.left -= effortOf(compiled, text.length);
  return effort.left >= 0 && compiled.matcher(text).find();
}
