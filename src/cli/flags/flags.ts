/**
 * Flags as docker takes them (pflag's ways): `--name value`, `--name=value`, `-n value`, `-nvalue`, `-abc`, `--yes=false`, `--` ends them. node:util's
 * parseArgs splits; the table gives each its kind, and the values their checks.
 */
import { parseArgs } from "node:util";
import { invalid } from "../../base/errors.ts";
import { parseBytes } from "../text/size.ts";
import { nearest } from "./nearest.ts";

export interface FlagSpec {
  /** `text` takes one value, the last one counts; `list` may come several times; `bytes` is a size as `512m`; `maybe` is a `yes` that may be left open. */
  readonly kind: "yes" | "maybe" | "text" | "list" | "number" | "bytes";
  readonly short?: string;
  /** The value's name in help. */
  readonly value?: string;
  readonly help: string;
  /** The closed set of values. */
  readonly among?: readonly string[];
  /** A `yes` that holds unless it is set to false. */
  readonly preset?: true;
  /** Docker has it and Sampan has not: why not. It is refused by this sentence, and help does not list it. */
  readonly absent?: string;
  /** A second name of this flag of the table, which help does not list. */
  readonly as?: string;
}

export type FlagTable = Readonly<Record<string, FlagSpec>>;

type ValueOf<F extends FlagSpec> = F["kind"] extends "yes" | "maybe"
  ? boolean
  : F["kind"] extends "list"
    ? readonly string[]
    : F["kind"] extends "number" | "bytes"
      ? number
      : F extends { readonly among: readonly (infer Word)[] }
        ? Word
        : string;

/** What was given; `yes` and `list` are always there. */
export type Flags<T extends FlagTable> = {
  readonly [K in keyof T]: T[K]["kind"] extends "yes" | "list" ? ValueOf<T[K]> : ValueOf<T[K]> | undefined;
};

export interface Parsed<T extends FlagTable> {
  readonly flags: Flags<T>;
  readonly words: readonly string[];
}

export interface ParseOptions {
  /** Flags end at the first word, as in `run IMAGE ls -l`. */
  readonly flagsFirst?: boolean;
}

interface Token {
  readonly kind: string;
  readonly index: number;
  readonly name?: string;
  readonly rawName?: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** Errors: `invalid_argument`: an unknown flag, with the nearest known one; a flag without its value; a value that does not fit. */
export function parseFlags<const T extends FlagTable>(
  table: T,
  args: readonly string[],
  { flagsFirst = false }: ParseOptions = {},
): Parsed<T> {
  const tokens = split(table, args);
  const first = tokens.find(({ kind }) => kind === "positional");
  const kept = flagsFirst && first ? tokens.filter(({ index }) => index < first.index) : tokens;
  const words = kept.flatMap((token) => (token.kind === "positional" ? (token.value ?? "") : []));
  const flags: Record<string, unknown> = {};
  for (const [name, { kind, as, preset = false }] of Object.entries(table)) {
    if (as !== undefined) continue;
    if (kind === "yes") flags[name] = preset;
    else if (kind === "list") flags[name] = [];
  }
  for (const token of kept) if (token.kind === "option") take(table, flags, token);
  return {
    flags: flags as Flags<T>,
    words: flagsFirst && first ? args.slice(first.index) : words,
  };
}

function split(table: FlagTable, args: readonly string[]): readonly Token[] {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { kind, short }]) => [
      name,
      { type: isSwitch(kind) ? "boolean" : "string", ...(short ? { short } : {}) } as const,
    ]),
  );
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

const isSwitch = (kind: FlagSpec["kind"]) => kind === "yes" || kind === "maybe";

function take(table: FlagTable, flags: Record<string, unknown>, token: Token): void {
  const { name: given = "", rawName = "" } = token;
  const spec = Object.hasOwn(table, given) ? table[given] : undefined;
  if (!spec) throw invalid(unknownFlag(table, rawName));
  const name = spec.as ?? given;
  if (spec.absent) throw invalid(`cannot use ${rawName}: ${spec.absent}`);
  if (isSwitch(spec.kind)) {
    flags[name] = yesOrNo(rawName, token.value);
    return;
  }
  if (token.value === undefined) throw invalid(`flag needs an argument: ${rawName}`);
  // `-m=5` is 5 for pflag.
  const shortWithSign = !rawName.startsWith("--") && token.inlineValue && token.value.startsWith("=");
  const value = shortWithSign ? token.value.slice(1) : token.value;
  flags[name] = spec.kind === "list" ? [...(flags[name] as string[]), value] : convert(spec, rawName, value);
}

function convert(spec: FlagSpec, rawName: string, value: string): string | number {
  const refuse = (wanted: string) => invalid(`invalid argument "${value}" for ${rawName}: wanted ${wanted}`);
  if (spec.among && !spec.among.includes(value)) throw refuse(spec.among.join(", "));
  if (spec.kind === "bytes") {
    const bytes = parseBytes(value);
    if (bytes === undefined) throw refuse("a size, as 512m or 1g");
    return bytes;
  }
  if (spec.kind !== "number") return value;
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number)) throw refuse("a number");
  return number;
}

const words: Readonly<Record<string, boolean>> = {
  true: true,
  t: true,
  "1": true,
  false: false,
  f: false,
  "0": false,
};

function yesOrNo(rawName: string, value: string | undefined): boolean {
  if (value === undefined) return true;
  const lower = value.toLowerCase();
  const yes = Object.hasOwn(words, lower) ? words[lower] : undefined;
  if (yes === undefined) throw invalid(`invalid argument "${value}" for ${rawName}: wanted true or false`);
  return yes;
}

function unknownFlag(table: FlagTable, rawName: string): string {
  const long = Object.entries(table).flatMap(([name, { absent }]) => (absent ? [] : `--${name}`));
  const meant = rawName.startsWith("--") ? nearest(rawName, [...long, "--help"]) : undefined;
  const what = rawName.startsWith("--") ? `unknown flag: ${rawName}` : `unknown shorthand flag: ${rawName}`;
  return meant ? `${what}; did you mean ${meant}?` : what;
}
