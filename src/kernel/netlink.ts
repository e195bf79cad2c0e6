/** Messages of rtnetlink(7), encoded and decoded: changes are sent by the launcher. All numbers little endian (host order of both machines). */

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const IFF_UP = 1;

/** struct nlmsghdr and struct ifinfomsg (family AF_UNSPEC), 32 bytes; `attributes` follow. */
function linkMessage(
  index: number,
  flags: { set: number; change: number },
  attributes: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(32 + attributes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, RTM_NEWLINK, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK, true);
  view.setUint32(8, 1, true);
  view.setInt32(20, index, true);
  view.setUint32(24, flags.set, true);
  view.setUint32(28, flags.change, true);
  bytes.set(attributes, 32);
  return bytes;
}

/** One struct rtattr, padded to 4 bytes. */
function attribute(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((4 + data.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + data.length, true);
  view.setUint16(2, type, true);
  bytes.set(data, 4);
  return bytes;
}

/** Sets a device up; with index 0 the launcher fills in the index of the named device at `linkIndexAt`. */
export function linkUp(index: number): Uint8Array {
  return linkMessage(index, { set: IFF_UP, change: IFF_UP }, new Uint8Array());
}

export const linkIndexAt = 20;
/** Where ifa_index lies in RTM_NEWADDR. */
export const addressIndexAt = 20;
/** Where the value of IFLA_NET_NS_FD lies in the message of `moveLink`. */
export const moveFdAt = 36;

const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;

/** Takes a device down, gives it to another network namespace (its descriptor goes to `moveFdAt`) under a name. */
export function moveLink(index: number, name: string): Uint8Array {
  const namespace = attribute(IFLA_NET_NS_FD, new Uint8Array(4));
  const label = attribute(IFLA_IFNAME, new TextEncoder().encode(`${name}\0`));
  const both = new Uint8Array(namespace.length + label.length);
  both.set(namespace, 0);
  both.set(label, namespace.length);
  return linkMessage(index, { set: 0, change: IFF_UP }, both);
}

/** Asks for the device of this name. */
export function getLink(name: string): Uint8Array {
  const message = linkMessage(
    0,
    { set: 0, change: 0 },
    attribute(IFLA_IFNAME, new TextEncoder().encode(`${name}\0`)),
  );
  const view = new DataView(message.buffer);
  view.setUint16(4, RTM_GETLINK, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  return message;
}

/** Asks for all addresses of all devices. */
export const getAddresses = (): Uint8Array => dumpRequest(RTM_GETADDR, 24);

/** Asks for all devices. */
export const getLinks = (): Uint8Array => dumpRequest(RTM_GETLINK, 32);

function dumpRequest(type: number, length: number): Uint8Array {
  const message = new Uint8Array(length);
  const view = new DataView(message.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, 1, true);
  return message;
}

/** ifinfomsg.ifi_index of an RTM_NEWLINK message. */
export function linkIndex(message: Uint8Array): number {
  return new DataView(message.buffer, message.byteOffset).getInt32(20, true);
}

/** IFLA_IFNAME of an RTM_NEWLINK message. */
export function linkName(message: Uint8Array): string {
  const data = attributesOf(message, 32).find(({ type }) => type === IFLA_IFNAME)?.data ?? new Uint8Array(1);
  return new TextDecoder().decode(data.subarray(0, data.indexOf(0)));
}

const RT_SCOPE_UNIVERSE = 0;
const IFA_F_PERMANENT = 0x80;
const IFA_FLAGS = 8;
/** The attributes that say what an address is: address, local, label, broadcast, anycast, flags, metric, protocol. */
const addressAttributes: readonly number[] = [1, 2, 3, 4, 5, IFA_FLAGS, 9, 11];
const IFA_LABEL = 3;
/** Flags that the kernel sets by itself: tentative, detection failed, permanent, deprecated. */
const ownFlags = 0x40 | 0x08 | IFA_F_PERMANENT | 0x20;

/**
 * The RTM_NEWADDR request that gives another device the address of an RTM_NEWADDR answer: its index is 0, to be filled in. Undefined when the
 * address is not one of device `index`, not global or not permanent (config-linux.md, "Network Devices").
 */
export function addressToKeep(message: Uint8Array, index: number): Uint8Array | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint16(4, true) !== RTM_NEWADDR || view.getInt32(20, true) !== index) return undefined;
  const parts: Uint8Array[] = [];
  let flags = view.getUint8(18);
  for (const { type, data } of attributesOf(message, 24)) {
    if (type === IFA_FLAGS) flags = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
    // A label is the device's old name, which it has no longer.
    else if (addressAttributes.includes(type) && type !== IFA_LABEL) parts.push(attribute(type, data));
  }
  if (view.getUint8(19) !== RT_SCOPE_UNIVERSE || (flags & IFA_F_PERMANENT) === 0) return undefined;
  const kept = flags & ~ownFlags;
  parts.push(attribute(IFA_FLAGS, new Uint8Array(new Uint32Array([kept]).buffer)));
  return addressRequest(message.subarray(16, 24), { flags: kept, attributes: parts });
}

function addressRequest(
  address: Uint8Array,
  { flags, attributes }: { flags: number; attributes: readonly Uint8Array[] },
): Uint8Array {
  const length = 24 + attributes.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, RTM_NEWADDR, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, true);
  view.setUint32(8, 1, true);
  bytes.set(address, 16);
  bytes[18] = flags & 0xff;
  view.setInt32(addressIndexAt, 0, true);
  let at = 24;
  for (const part of attributes) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The struct rtattr of a message from an offset on. */
function attributesOf(message: Uint8Array, from: number): { type: number; data: Uint8Array }[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const found: { type: number; data: Uint8Array }[] = [];
  for (let at = from; at + 4 <= message.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > message.length) break;
    found.push({ type: view.getUint16(at + 2, true) & 0x3fff, data: message.slice(at + 4, at + length) });
    at += (length + 3) & ~3;
  }
  return found;
}
