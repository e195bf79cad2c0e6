/** Numbers in registers of 16 bits. Pure. */
import { SampanError } from "../../base/errors.ts";

export interface Layout {
  /** 1, 2 or 4 registers. */
  readonly count: number;
  readonly scale: number;
  readonly isByteSwapped: boolean;
  readonly isWordSwapped: boolean;
  readonly isUnsigned: boolean;
  readonly isFloat: boolean;
}

function ordered(bytes: Buffer, { isByteSwapped, isWordSwapped }: Layout): Buffer {
  const words = Array.from({ length: bytes.length / 2 }, (_, index) =>
    bytes.subarray(index * 2, index * 2 + 2),
  );
  const inOrder = isWordSwapped ? words.toReversed() : words;
  return Buffer.concat(inOrder.map((word) => (isByteSwapped ? Buffer.from(word).swap16() : word)));
}

/** Registers as they came, the high byte first, as the number that they mean. */
export function numberFrom(registers: Buffer, layout: Layout): number {
  const bytes = ordered(registers.subarray(0, layout.count * 2), layout);
  const value = plain(bytes, layout) * layout.scale;
  // 214 × 0.1 is 21.400000000000002.
  return Number(value.toPrecision(12));
}

function plain(bytes: Buffer, { isFloat, isUnsigned }: Layout): number {
  if (isFloat) return bytes.length === 4 ? bytes.readFloatBE() : bytes.readDoubleBE();
  if (bytes.length === 8) return Number(isUnsigned ? bytes.readBigUInt64BE() : bytes.readBigInt64BE());
  return isUnsigned ? bytes.readUIntBE(0, bytes.length) : bytes.readIntBE(0, bytes.length);
}

/** Errors: `invalid_argument` when the registers cannot hold it. */
export function bytesOf(value: number, layout: Layout): Buffer {
  const bytes = Buffer.alloc(layout.count * 2);
  try {
    put(bytes, value / layout.scale, layout);
  } catch (cause) {
    throw new SampanError("invalid_argument", `${value} does not fit into ${layout.count} registers`, {
      cause,
    });
  }
  return ordered(bytes, layout);
}

function put(bytes: Buffer, amount: number, { isFloat, isUnsigned }: Layout): number {
  if (isFloat) return bytes.length === 4 ? bytes.writeFloatBE(amount) : bytes.writeDoubleBE(amount);
  const whole = Math.round(amount);
  if (bytes.length === 8)
    return isUnsigned ? bytes.writeBigUInt64BE(BigInt(whole)) : bytes.writeBigInt64BE(BigInt(whole));
  return isUnsigned ? bytes.writeUIntBE(whole, 0, bytes.length) : bytes.writeIntBE(whole, 0, bytes.length);
}
