/**
 * Quantities: `100m`, `1.5`, `64Mi`, `2e3`. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 * Amounts are whole numbers of billionths, so that sums and comparisons are exact; what is smaller is rounded up.
 */

export interface Quantity {
  /** Billionths. */
  readonly nano: bigint;
  readonly form: "decimal" | "binary" | "exponent";
}

export const quantityRule =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const billion = 1_000_000_000n;
const most = (2n ** 63n - 1n) * billion;
const decimals = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const binaries = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const shape = /^([+-]?)(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?\d+))$/;
/** No quantity needs more; long ones would only cost time. */
const longest = 100;

/** Undefined for what is none. Numbers count as their decimal text. */
export function parseQuantity(value: unknown): Quantity | undefined {
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text !== "string" || text.length > longest) return undefined;
  const match = shape.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", binary, decimal = "", exponent] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole + fraction);
  const power = exponent === undefined ? 3 * (decimals.indexOf(decimal) - 3) : Number(exponent);
  const nano = binary
    ? ceiling(digits * billion * 1024n ** BigInt(binaries.indexOf(binary)), fraction.length)
    : scaled(digits, power + 9 - fraction.length);
  const form = binary ? "binary" : exponent === undefined ? "decimal" : "exponent";
  const bounded = nano > most ? most : nano;
  return { nano: sign === "-" ? -bounded : bounded, form };
}

/** Billionths of what the text says; 0 for what is no quantity. */
export function nanoOf(value: unknown): bigint {
  return parseQuantity(value)?.nano ?? 0n;
}

/** Whole units, rounded up: `1500m` is 2. What is no quantity is 0. */
export function unitsOf(value: unknown): number {
  return inParts(value, billion);
}

/** Thousandths, rounded up: `100m` is 100. */
export function milliOf(value: unknown): number {
  return inParts(value, billion / 1000n);
}

function inParts(value: unknown, nano: bigint): number {
  const amount = nanoOf(value);
  return Number(amount > 0n ? (amount + nano - 1n) / nano : amount / nano);
}

/** The one text of an amount: no fraction, and the largest unit that needs none. */
export function formatQuantity({ nano, form }: Quantity): string {
  if (nano === 0n) return "0";
  const size = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? "-" : "";
  if (form === "binary" && size >= 1024n * billion && size % billion === 0n) {
    const [count, step] = reduced(size / billion, 1024n, binaries.length - 1);
    return `${sign}${count}${binaries[step]}`;
  }
  const [count, step] = reduced(size, 1000n, decimals.length - 1);
  if (form === "exponent") return `${sign}${count}${step === 3 ? "" : `e${3 * (step - 3)}`}`;
  return `${sign}${count}${decimals[step]}`;
}

/** `1000m` → `1`, 0.5 → `500m`; what is no quantity stays. */
export function canonicalQuantity(value: unknown): unknown {
  const quantity = parseQuantity(value);
  return quantity ? formatQuantity(quantity) : value;
}

function scaled(digits: bigint, power: number): bigint {
  if (digits === 0n) return 0n;
  if (power > longest) return most;
  return power >= 0 ? digits * 10n ** BigInt(power) : ceiling(digits, -power);
}

/** Divided by a power of ten, rounded up. */
function ceiling(value: bigint, power: number): bigint {
  if (value === 0n) return 0n;
  if (power > 2 * longest) return 1n;
  const divisor = 10n ** BigInt(power);
  return (value + divisor - 1n) / divisor;
}

function reduced(value: bigint, base: bigint, steps: number): [bigint, number] {
  let count = value;
  let step = 0;
  while (step < steps && count % base === 0n) {
    count /= base;
    step += 1;
  }
  return [count, step];
}
