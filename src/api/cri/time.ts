/** The CRI counts time in nanoseconds since 1970; 0 is never. */
export function nanoseconds(time: Date | number | undefined): bigint {
  if (time === undefined) return 0n;
  // Of a fraction of a millisecond as much as a double holds.
  return BigInt(Math.round(Number(time) * 1000)) * 1000n;
}
