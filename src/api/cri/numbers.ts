/** 64-bit numbers of messages as the engine takes them. */
import { invalid } from "../../base/errors.ts";

/** Errors: `invalid_argument` for one that a double cannot carry. */
export function numberOf(value: bigint, what: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw invalid(`cannot use ${what} ${value}: it is too large`);
}

/** A limit: what no machine has is no limit. */
export function limitOf(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? -1 : Number(value < 0n ? -1n : value);
}

/** Errors: `invalid_argument` for what is no user's or group's number: 31 bits, as what is larger turns negative somewhere below. */
export function idOf(value: bigint, what: string): string {
  if (value >= 0n && value <= 2n ** 31n - 1n) return String(value);
  throw invalid(`cannot use ${what} ${value}: wanted a number from 0 to ${2 ** 31 - 1}`);
}
