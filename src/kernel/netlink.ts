/** Messages of rtnetlink(7) that the runtime needs: changes are sent by the launcher. */
import {
  attribute,
  attributesFrom,
  dump,
  headerLength,
  joined,
  NLM_F_CREATE,
  question,
  request,
  text,
  textOf,
  u32,
} from "./netlink-message.ts";

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFF_UP = 1;

/** Lengths of struct ifinfomsg and struct ifaddrmsg. */
const linkLength = 16;
const addressLength = 8;

/** struct ifinfomsg of the family AF_UNSPEC. */
function linkBody(index: number, flags: { readonly set: number; readonly change: number }): Uint8Array {
  return joined(new Uint8Array(4), u32(index), u32(flags.set), u32(flags.change));
}

/** Sets a device up; with index 0 the launcher fills in the index of the named device at `linkIndexAt`. */
export function linkUp(index: number): Uint8Array {
  return request(RTM_NEWLINK, 0, { body: linkBody(index, { set: IFF_UP, change: IFF_UP }) });
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
  return request(RTM_NEWLINK, 0, {
    body: linkBody(index, { set: 0, change: IFF_UP }),
    attributes: [attribute(IFLA_NET_NS_FD, u32(0)), attribute(IFLA_IFNAME, text(name))],
  });
}

/** Asks for the device of this name. */
export function getLink(name: string): Uint8Array {
  return question(RTM_GETLINK, new Uint8Array(linkLength), [attribute(IFLA_IFNAME, text(name))]);
}

/** Asks for all addresses of all devices. */
export const getAddresses = (): Uint8Array => dump(RTM_GETADDR, new Uint8Array(addressLength));

/** Asks for all devices. */
export const getLinks = (): Uint8Array => dump(RTM_GETLINK, new Uint8Array(linkLength));

/** ifinfomsg.ifi_index of an RTM_NEWLINK message. */
export function linkIndex(message: Uint8Array): number {
  return new DataView(message.buffer, message.byteOffset).getInt32(20, true);
}

/** IFLA_IFNAME of an RTM_NEWLINK message; empty when it has none. */
export function linkName(message: Uint8Array): string {
  const found = attributesFrom(message, headerLength + linkLength).find(({ type }) => type === IFLA_IFNAME);
  return found ? textOf(found.data) : "";
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
  for (const { type, data } of attributesFrom(message, 24)) {
    if (type === IFA_FLAGS) flags = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
    // A label is the device's old name, which it has no longer.
    else if (addressAttributes.includes(type) && type !== IFA_LABEL) parts.push(attribute(type, data));
  }
  if (view.getUint8(19) !== RT_SCOPE_UNIVERSE || (flags & IFA_F_PERMANENT) === 0) return undefined;
  const kept = flags & ~ownFlags;
  const body = message.slice(16, 24);
  body[2] = kept & 0xff;
  body.set(u32(0), addressIndexAt - headerLength);
  return request(RTM_NEWADDR, NLM_F_CREATE, {
    body,
    attributes: [...parts, attribute(IFA_FLAGS, u32(kept))],
  });
}
