/** The numbers of tar headers: octal text, GNU's base-256, PAX decimals. Each gives undefined for what is none. */

/**
 * POSIX.1-2018, pax, "ustar Interchange Format": octal digits, ended by a space, NUL or the field's end; old writers put spaces in front. GNU: the first bit
 * set means that the rest is a big-endian number, in two's complement.
 */
export function headerNumber(block: Uint8Array, offset: number, length: number): number | undefined {
  const first = block[offset] as number;
  if (first & 0x80) return binary(block, offset, length);
  const end = offset + length;
  let at = offset;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const byte = block[at] as number;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return undefined;
    value = value * 8 + byte - 0x30;
  }
  for (; at < end; at++) if (block[at] !== 0x20 && block[at] !== 0) return undefined;
  return value;
}

function binary(block: Uint8Array, offset: number, length: number): number | undefined {
  const negative = ((block[offset] as number) & 0x40) !== 0;
  let value = (block[offset] as number) & 0x3f;
  if (negative) value -= 64;
  for (let at = offset + 1; at < offset + length; at++) value = value * 256 + (block[at] as number);
  return Number.isSafeInteger(value) ? value : undefined;
}

export function decimal(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

export interface Instant {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** PAX times: decimal seconds with any number of decimals; what is finer than a nanosecond is cut, towards the past. */
export function instant(text: string): Instant | undefined {
  const match = /^(-?)(\d{1,15})(?:\.(\d{0,64}))?$/.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[2]);
  const decimals = match[3] ?? "";
  const nanoseconds = Number(decimals.padEnd(9, "0").slice(0, 9));
  if (match[1] === "") return { seconds, nanoseconds };
  const finer = /[1-9]/.test(decimals.slice(9)) ? 1 : 0;
  const down = nanoseconds + finer;
  return down === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - down };
}
