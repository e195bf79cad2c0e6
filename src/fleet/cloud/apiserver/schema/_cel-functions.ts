/** What Kubernetes adds to CEL and the library has not: https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries */
import { isIP } from "node:net";
import { celLibrary, type Environment } from "./_cel-library.ts";
import { hasFormat } from "./formats.ts";
import { equal } from "./json.ts";
import { compilePattern, effortOf } from "./pattern.ts";
import { parseQuantity } from "../../../../spec/kubernetes/quantity.ts";

type Handler = (...given: never[]) => unknown;
const sync = { async: false } as const;

/** `spend` is told the steps that a function takes beyond what its arguments pay; it throws when none are left. */
export function addFunctions(environment: Environment, spend: Spend): Environment {
  environment.registerType("Quantity", Amount);
  for (const [signature, handler] of [...functions, ...searches(spend)])
    environment.registerFunction(signature, handler as () => unknown, sync);
  return environment;
}

type Spend = (steps: number) => void;

/** Patterns are searched for in steps of their own: a large one takes long over a short text. */
const searches = (spend: Spend): readonly (readonly [string, Handler])[] => [
  [
    "string.matchesRe2(string): bool",
    (text: string, pattern: string) => found(text, pattern, { most: 1, spend }).length > 0,
  ],
  [
    "string.find(string): string",
    (text: string, pattern: string) => found(text, pattern, { most: 1, spend })[0] ?? "",
  ],
  [
    "string.findAll(string): list<string>",
    (text: string, pattern: string) => found(text, pattern, { most: Infinity, spend }),
  ],
  [
    "string.findAll(string, int): list<string>",
    (text: string, pattern: string, most: bigint) =>
      found(text, pattern, { most: most < 0n ? Infinity : Number(most), spend }),
  ],
];

const functions: readonly (readonly [string, Handler])[] = [
  ["string.charAt(int): string", (text: string, at: bigint) => charAt(text, at)],
  [
    "string.replace(string, string): string",
    (text: string, from: string, to: string) => replace(text, from, to, Infinity),
  ],
  [
    "string.replace(string, string, int): string",
    (text: string, from: string, to: string, most: bigint) =>
      replace(text, from, to, most < 0n ? Infinity : Number(most)),
  ],
  [
    "list.isSorted(): bool",
    (list: readonly Ordered[]) => list.every((each, at) => at === 0 || (list[at - 1] as Ordered) <= each),
  ],
  ["list.sum(): dyn", (list: readonly (bigint | number)[]) => sum(list)],
  ["list.min(): dyn", (list: readonly Ordered[]) => extreme(list, (a, b) => a < b)],
  ["list.max(): dyn", (list: readonly Ordered[]) => extreme(list, (a, b) => a > b)],
  [
    "list.indexOf(dyn): int",
    (list: readonly unknown[], wanted: unknown) => BigInt(list.findIndex((each) => equal(each, wanted))),
  ],
  [
    "list.lastIndexOf(dyn): int",
    (list: readonly unknown[], wanted: unknown) => BigInt(list.findLastIndex((each) => equal(each, wanted))),
  ],
  [
    "isURL(string): bool",
    (text: string) => URL.canParse(text) || (text.startsWith("/") && URL.canParse(text, "http://a")),
  ],
  ["isIP(string): bool", (text: string) => isIP(text) !== 0],
  ["isCIDR(string): bool", (text: string) => hasFormat(text, "cidr")],
  ["isQuantity(string): bool", (text: string) => parseQuantity(text) !== undefined],
  ["quantity(string): Quantity", (text: string) => quantity(text)],
  ["Quantity.isGreaterThan(Quantity): bool", (a: Amount, b: Amount) => a.nano > b.nano],
  ["Quantity.isLessThan(Quantity): bool", (a: Amount, b: Amount) => a.nano < b.nano],
  [
    "Quantity.compareTo(Quantity): int",
    (a: Amount, b: Amount) => (a.nano < b.nano ? -1n : a.nano > b.nano ? 1n : 0n),
  ],
  ["Quantity.sign(): int", (a: Amount) => (a.nano < 0n ? -1n : a.nano > 0n ? 1n : 0n)],
  ["Quantity.isInteger(): bool", (a: Amount) => a.nano % billion === 0n],
  ["Quantity.asInteger(): int", (a: Amount) => asInteger(a)],
  ["Quantity.asApproximateFloat(): double", (a: Amount) => Number(a.nano) / 1e9],
];

type Ordered = bigint | number | string | boolean | Date;

const billion = 1_000_000_000n;

class Amount {
  /** Billionths. */
  readonly nano: bigint;

  constructor(nano: bigint) {
    this.nano = nano;
  }
}

function quantity(text: string): Amount {
  const parsed = parseQuantity(text);
  if (!parsed)
    throw new Error(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  return new Amount(parsed.nano);
}

function asInteger({ nano }: Amount): bigint {
  if (nano % billion !== 0n) throw new Error("cannot convert value to integer");
  return nano / billion;
}

function expression(pattern: string) {
  const compiled = compilePattern(pattern);
  if (compiled instanceof Error) throw compiled;
  return compiled;
}

/** States times characters that take as long as a step of a rule. */
const effortOfStep = 25;

/** Each search may look at all that is left of the text. */
function found(
  text: string,
  pattern: string,
  { most, spend }: { readonly most: number; readonly spend: Spend },
): string[] {
  const compiled = expression(pattern);
  const matcher = compiled.matcher(text);
  const all: string[] = [];
  let from = 0;
  while (all.length < most) {
    spend(Math.ceil(effortOf(compiled, text.length - from) / effortOfStep));
    if (!matcher.find()) break;
    all.push(matcher.group() ?? "");
    from = matcher.end();
  }
  return all;
}

function charAt(text: string, at: bigint): string {
  if (at < 0n || at > BigInt(text.length)) throw new Error(`index out of range: ${at}`);
  return text.charAt(Number(at));
}

/** The result may not outgrow its arguments by much: each replacement is paid for by nothing else. */
const maxReplaced = 1 << 20;

function replace(text: string, from: string, to: string, most: number): string {
  const parts = text.split(from);
  if (text.length + parts.length * to.length > maxReplaced) throw new Error("the text is too long");
  const head = parts.slice(0, Math.min(parts.length, most + 1));
  const rest = parts.slice(head.length);
  return [head.join(to), ...rest].join(from);
}

function sum(list: readonly (bigint | number)[]): bigint | number {
  if (list.every((each) => typeof each === "bigint")) return list.reduce((total, each) => total + each, 0n);
  return list.reduce<number>((total, each) => total + Number(each), 0);
}

function extreme(list: readonly Ordered[], before: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error("the list is empty");
  return rest.reduce((found, each) => (before(each, found) ? each : found), first);
}

/** The library makes durations only from their text. */
export function celDuration(milliseconds: number): unknown {
  return celLibrary().evaluate("duration(text)", { text: `${milliseconds}ms` });
}
