/** Addresses and prefixes as numbers: parsing, writing, comparing. Pure. */
import { isIPv4, isIPv6 } from "node:net";
import { invalid } from "../../base/errors.ts";

export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** The value is the first address of it. */
export interface Prefix extends Address {
  readonly length: number;
}

export const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** Undefined when it is none. No zone, no leading zeros in the parts of an IPv4 address. */
export function tryAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, value: fold(text.split(".").map(Number), 8n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return { family: 6, value: fold(wordsOf(text), 16n) };
}

/** Errors: `invalid_argument`. */
export function parseAddress(text: string, what = "address"): Address {
  const address = tryAddress(text);
  if (!address) throw invalid(`cannot use ${what} "${text}": it is no IP address`);
  return address;
}

function fold(parts: readonly number[], bits: bigint): bigint {
  return parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);
}

/** The eight words of an IPv6 address, with what `::` stands for, and an IPv4 address at the end as two. */
function wordsOf(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const words = (part: string): number[] =>
    part === ""
      ? []
      : part.split(":").flatMap((word) => {
          if (!word.includes(".")) return [Number.parseInt(word, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = word.split(".").map(Number);
          return [(a << 8) | b, (c << 8) | d];
        });
  const first = words(head);
  if (tail === undefined) return first;
  const last = words(tail);
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

/** As RFC 5952 writes it. */
export function formatAddress({ family, value }: Address): string {
  const bytes = bytesOf({ family, value });
  if (family === 4) return bytes.join(".");
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const zeros = longestZeros(words);
  const hex = (part: readonly number[]) => part.map((word) => word.toString(16)).join(":");
  if (zeros.length < 2) return hex(words);
  return `${hex(words.slice(0, zeros.from))}::${hex(words.slice(zeros.from + zeros.length))}`;
}

function longestZeros(words: readonly number[]): { from: number; length: number } {
  let best = { from: 0, length: 0 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (from + length < 8 && words[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  return best;
}

export function bytesOf({ family, value }: Address): Uint8Array {
  const length = bitsOf(family) / 8;
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
}

export function addressFromBytes(bytes: Uint8Array): Address {
  return { family: bytes.length === 4 ? 4 : 6, value: fold([...bytes], 8n) };
}

/** `172.17.0.0/16`; bits behind the prefix are dropped. Errors: `invalid_argument`. */
export function parsePrefix(text: string, what = "subnet"): Prefix {
  const [start = "", length = "", more] = text.split("/");
  const address = tryAddress(start);
  const bits = Number(length);
  if (!address || more !== undefined || !/^\d{1,3}$/.test(length) || bits > bitsOf(address.family))
    throw invalid(
      `cannot use ${what} "${text}": wanted an address and the length of its prefix, as 172.20.0.0/16`,
    );
  return prefixOf(address, bits);
}

/** The prefix of this length that an address lies in. */
export function prefixOf({ family, value }: Address, length: number): Prefix {
  const rest = BigInt(bitsOf(family) - length);
  return { family, length, value: (value >> rest) << rest };
}

export const formatPrefix = (prefix: Prefix): string => `${formatAddress(prefix)}/${prefix.length}`;

export const lastOf = ({ family, value, length }: Prefix): bigint =>
  value | ((1n << BigInt(bitsOf(family) - length)) - 1n);

export const contains = (prefix: Prefix, { family, value }: Address): boolean =>
  family === prefix.family && value >= prefix.value && value <= lastOf(prefix);

export const overlap = (a: Prefix, b: Prefix): boolean => contains(a, b) || contains(b, a);
