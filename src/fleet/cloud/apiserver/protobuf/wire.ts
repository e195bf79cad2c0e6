/** The wire of protobuf: fields as number and value. https://protobuf.dev/programming-guides/encoding/ */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";

export interface WireField {
  readonly number: number;
  /** A varint as 64 bits, or the bytes of what has a length or a fixed size. */
  readonly value: bigint | Buffer;
}

const broken = () =>
  new KubeError("BadRequest", "the body of the request is no message of protobuf: it ends too early");

/** The fields of a message in their order. KubeError `BadRequest` for bytes that are none. */
export function* wireFields(bytes: Buffer): Generator<WireField> {
  for (let at = 0; at < bytes.length;) {
    const tag = readVarint(bytes, at);
    const number = Number(tag.value >> 3n);
    const field = readValue(bytes, tag.next, Number(tag.value & 7n));
    at = field.next;
    yield { number, value: field.value };
  }
}

function readVarint(bytes: Buffer, from: number): { value: bigint; next: number } {
  let value = 0n;
  for (let at = from, shift = 0n; shift < 70n; at += 1, shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw broken();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: at + 1 };
  }
  throw broken();
}

function readValue(bytes: Buffer, from: number, wire: number): { value: bigint | Buffer; next: number } {
  if (wire === 0) return readVarint(bytes, from);
  if (wire === 1) return cut(bytes, from, 8);
  if (wire === 5) return cut(bytes, from, 4);
  if (wire !== 2) throw broken();
  const { value: length, next } = readVarint(bytes, from);
  return cut(bytes, next, Number(length));
}

function cut(bytes: Buffer, from: number, length: number): { value: Buffer; next: number } {
  const next = from + length;
  if (next > bytes.length) throw broken();
  return { value: bytes.subarray(from, next), next };
}
