/** Rates as a driver option says them. Pure. */
import { invalid } from "../../base/errors.ts";

export const egressRate = "org.sampan.egress-rate";
export const ingressRate = "org.sampan.ingress-rate";

const units: Readonly<Record<string, number>> = {
  bit: 1 / 8,
  kbit: 1000 / 8,
  mbit: 1e6 / 8,
  gbit: 1e9 / 8,
  "": 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
};

/** Bytes a second of `10mbit` (bits, thousands) or `512k` (bytes). Errors: `invalid_argument`. */
export function parseRate(option: string, value: string): number {
  const [, number = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)([a-z]*)$/i.exec(value) ?? [];
  const factor = units[unit.toLowerCase()];
  const rate = Math.round(Number(number) * (factor ?? 0));
  if (number === "" || factor === undefined || rate < 1000 || rate > 1e12)
    throw invalid(
      `cannot use ${option}=${value}: wanted a rate as 10mbit, or bytes as 512k, of at least 8kbit`,
    );
  return rate;
}
