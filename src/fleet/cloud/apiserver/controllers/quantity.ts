/** Quantities as numbers. Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The value, 0 for what is none (the server checked it when it was written). */
export function quantity(text: string | number | undefined): number {
  if (typeof text === "number") return text;
  const parts = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text ?? "");
  if (!parts) return 0;
  return Number((parts[1] ?? "0") + (parts[2] ?? "")) * (suffixes[parts[3] ?? ""] ?? 1);
}

/** An amount of a resource in whole units: thousandths of a processor for `cpu`, the plain number for all others; parts count as one. */
export function amount(name: string, value: string | number | undefined): number {
  const whole = quantity(value) * (name === "cpu" ? 1000 : 1);
  // 0.1 × 1000 is not quite 100 in binary: what is off by less than a millionth is no part.
  return Math.ceil(whole - 1e-6);
}
