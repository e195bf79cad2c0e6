/**
 * Flags as runc's callers write them: `--name value`, `--name=value`, `-n value`, `-name value`, flags first, then the words. What follows the
 * first word is left alone (`exec ID ls -l`). Own code because start-up time is a feature, and libraries permute words and flags.
 */
import { invalid } from "../../base/errors.ts";

export interface FlagSpec {
  /** `text` takes one value, `list` may come several times, `yes` takes none (or =true, =false), `number` a whole number. */
  readonly kind: "text" | "list" | "yes" | "number";
  readonly short?: string;
  /** For help: the value's name and what it does. */
  readonly value?: string;
  readonly help: string;
}

export type FlagTable = Readonly<Record<string, FlagSpec>>;

type ValueOf<F extends FlagSpec> = F["kind"] extends "yes"
  ? boolean
  : F["kind"] extends "list"
    ? string[]
    : F["kind"] extends "number"
      ? number
      : string;

/** Flags that were given; `yes` and `list` are always there. */
export type Flags<T extends FlagTable> = {
  [K in keyof T]: T[K]["kind"] extends "yes" | "list" ? ValueOf<T[K]> : ValueOf<T[K]> | undefined;
};

export interface Parsed<T extends FlagTable> {
  readonly flags: Flags<T>;
  readonly words: readonly string[];
}

function find(table: FlagTable, name: string): [string, FlagSpec] | undefined {
  const spec = Object.hasOwn(table, name) ? table[name] : undefined;
  if (spec) return [name, spec];
  return Object.entries(table).find(([, each]) => each.short === name);
}

/** Errors: `invalid_argument` in the words of runc's library (`flag provided but not defined`, `flag needs an argument`). */
export function parseFlags<const T extends FlagTable>(table: T, args: readonly string[]): Parsed<T> {
  const flags: Record<string, unknown> = {};
  for (const [name, { kind }] of Object.entries(table)) {
    if (kind === "yes") flags[name] = false;
    else if (kind === "list") flags[name] = [];
  }
  let at = 0;
  for (; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      at++;
      break;
    }
    if (!arg.startsWith("-") || arg === "-") break;
    const [, given = "", inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    const found = find(table, given);
    if (!found) throw invalid(`flag provided but not defined: -${given}`);
    const [name, spec] = found;
    if (spec.kind === "yes") {
      flags[name] = inline === undefined || !["false", "0", "f", "F", "FALSE", "False"].includes(inline);
      continue;
    }
    const value = inline ?? args[++at];
    if (value === undefined) throw invalid(`flag needs an argument: ${arg}`);
    if (spec.kind === "list") (flags[name] as string[]).push(value);
    else flags[name] = spec.kind === "number" ? wholeNumber(given, value) : value;
  }
  return { flags: flags as Flags<T>, words: args.slice(at) };
}

function wholeNumber(name: string, value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isSafeInteger(number)) return number;
  throw invalid(`invalid value "${value}" for flag -${name}: not a whole number`);
}
