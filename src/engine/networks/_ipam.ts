/** Which subnets and addresses are given out. Pure: what is taken comes in. */
import { randomBytes } from "node:crypto";
import { SampanError } from "../../base/errors.ts";
import {
  addressFromBytes,
  bitsOf,
  contains,
  formatPrefix,
  lastOf,
  overlap,
  parsePrefix,
  prefixOf,
  type Address,
  type Prefix,
} from "./_addresses.ts";

/** Where subnets of new networks are taken from: pieces of `base`, each with a prefix of `size` bits. */
export interface SubnetPool {
  readonly base: string;
  readonly size: number;
}

/** Docker's: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in parts of /20. */
export const dockerPools: readonly SubnetPool[] = [
  ...Array.from({ length: 15 }, (_, i) => ({ base: `172.${17 + i}.0.0/16`, size: 16 })),
  { base: "192.168.0.0/16", size: 20 },
];

function* piecesOf({ base, size }: SubnetPool): Generator<Prefix> {
  const whole = parsePrefix(base, "pool");
  const step = 1n << BigInt(bitsOf(whole.family) - size);
  for (let value = whole.value; value <= lastOf(whole); value += step)
    yield { family: whole.family, value, length: size };
}

/** The first piece of the IPv4 pools that touches nothing that is taken. Errors: `resource_exhausted`. */
export function choosePool(taken: readonly Prefix[], pools: readonly SubnetPool[] = dockerPools): Prefix {
  for (const pool of pools.filter(({ base }) => !base.includes(":")))
    for (const piece of piecesOf(pool)) if (!taken.some((each) => overlap(piece, each))) return piece;
  throw new SampanError(
    "resource_exhausted",
    "cannot choose a subnet: all predefined address pools have been fully subnetted; wanted --subnet",
  );
}

/** A /64 of a unique local prefix (RFC 4193). */
export function uniqueLocal(random: (size: number) => Uint8Array = randomBytes): Prefix {
  const bytes = new Uint8Array(16);
  bytes.set([0xfd, ...random(5)]);
  return prefixOf(addressFromBytes(bytes), 64);
}

export interface Pool {
  readonly subnet: Prefix;
  /** Where addresses are given out of; the subnet when absent. */
  readonly range?: Prefix | undefined;
  readonly gateway?: bigint | undefined;
  readonly reserved: readonly bigint[];
}

/** The first and the last address of a subnet that a host may have. */
function usable(subnet: Prefix): { first: bigint; last: bigint } {
  const size = bitsOf(subnet.family) - subnet.length;
  if (size < 2) return { first: subnet.value, last: lastOf(subnet) };
  return { first: subnet.value + 1n, last: lastOf(subnet) - (subnet.family === 4 ? 1n : 0n) };
}

/** The lowest free address. Errors: `resource_exhausted`. */
export function nextAddress(pool: Pool, taken: ReadonlySet<bigint>): Address {
  const { first, last } = usable(pool.subnet);
  const from = pool.range && pool.range.value > first ? pool.range.value : first;
  const end = pool.range ? lastOf(pool.range) : last;
  const to = end < last ? end : last;
  for (let value = from; value <= to; value++) {
    if (value !== pool.gateway && !taken.has(value) && !pool.reserved.includes(value))
      return { family: pool.subnet.family, value };
  }
  throw new SampanError(
    "resource_exhausted",
    `cannot give out an address: no available addresses in ${formatPrefix(pool.range ?? pool.subnet)}`,
  );
}

/** An address that was asked for. Errors: `invalid_argument` outside of the subnet, `already_exists`. */
export function checkAddress(pool: Pool, address: Address, taken: ReadonlySet<bigint>): void {
  const text = formatPrefix({ ...address, length: bitsOf(address.family) }).replace(/\/.*/, "");
  if (!contains(pool.subnet, address))
    throw new SampanError(
      "invalid_argument",
      `cannot use address "${text}": no configured subnet contains it, wanted one in ${formatPrefix(pool.subnet)}`,
    );
  if (address.value === pool.gateway || taken.has(address.value))
    throw new SampanError("already_exists", `cannot use address "${text}": Address already in use`);
}

/** `02:42:` and an IPv4 address, so that who gets the address again is found under what neighbours remember; else 4 bytes of what makes it unique. */
export function macOf(ipv4: Address | undefined, id: string): string {
  const bytes = ipv4
    ? [24n, 16n, 8n, 0n].map((shift) => Number((ipv4.value >> shift) & 0xffn))
    : [0, 2, 4, 6].map((at) => Number.parseInt(id.slice(at, at + 2), 16));
  return ["02", "42", ...bytes.map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}
