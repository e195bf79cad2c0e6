/** Messages of rtnetlink(7), encoded; sent by the launcher. All numbers little endian (host order of both machines). */

const RTM_NEWLINK = 16;
const NLM_F_REQUEST_ACK = 1 | 4;
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
  view.setUint16(6, NLM_F_REQUEST_ACK, true);
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
