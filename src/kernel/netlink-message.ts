/** Netlink messages as bytes: the header, a fixed body, attributes (netlink(7)). Little endian, as both of our machines are. */

export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

/** Length of struct nlmsghdr. */
export const headerLength = 16;

export interface Attribute {
  readonly type: number;
  readonly data: Uint8Array;
}

/** One struct rtattr, padded to 4 bytes. */
export function attribute(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((4 + data.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + data.length, true);
  view.setUint16(2, type, true);
  bytes.set(data, 4);
  return bytes;
}

export const u8 = (value: number): Uint8Array => new Uint8Array([value]);
export const u16 = (value: number): Uint8Array => new Uint8Array([value & 0xff, value >> 8]);

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** A text with its NUL. */
export const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An attribute that holds attributes. */
export const nested = (type: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  attribute(type, joined(...parts));

/** A request; NLM_F_REQUEST and NLM_F_ACK are always set. */
export function request(
  type: number,
  flags: number,
  { body, attributes = [] }: { body: Uint8Array; attributes?: readonly Uint8Array[] },
): Uint8Array {
  const header = new Uint8Array(headerLength);
  const rest = joined(body, ...attributes);
  const view = new DataView(header.buffer);
  view.setUint32(0, headerLength + rest.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK | flags, true);
  view.setUint32(8, 1, true);
  return joined(header, rest);
}

/** Asks for one of a kind; the answer is all that comes. */
export function question(type: number, body: Uint8Array, attributes: readonly Uint8Array[] = []): Uint8Array {
  return unacknowledged(request(type, 0, { body, attributes }));
}

/** Asks for everything of a kind. */
export function dump(type: number, body: Uint8Array): Uint8Array {
  return unacknowledged(request(type, NLM_F_DUMP, { body }));
}

function unacknowledged(message: Uint8Array): Uint8Array {
  const view = new DataView(message.buffer);
  view.setUint16(6, view.getUint16(6, true) & ~NLM_F_ACK, true);
  return message;
}

/** The attributes from an offset on; a cut one ends the list. */
export function attributesFrom(bytes: Uint8Array, from: number): readonly Attribute[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Attribute[] = [];
  for (let at = from; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    found.push({ type: view.getUint16(at + 2, true) & 0x3fff, data: bytes.subarray(at + 4, at + length) });
    at += (length + 3) & ~3;
  }
  return found;
}

export function textOf(data: Uint8Array): string {
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}
