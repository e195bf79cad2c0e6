/** Requests about addresses and routes (rtnetlink(7)). Addresses are 4 or 16 bytes. */
import { attribute, headerLength, NLM_F_CREATE, NLM_F_REPLACE, request, u32 } from "./netlink-message.ts";

const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8 } as const;
/** No duplicate address detection: the address serves at once. */
const IFA_F_NODAD = 2;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PREFSRC: 7 } as const;
const RT_TABLE_MAIN = 254;
const RT_TABLE_LOCAL = 255;
const RT_SCOPE_HOST = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;

/** AF_INET or AF_INET6. */
export const familyOf = (address: Uint8Array): number => (address.length === 4 ? 2 : 10);

/** Where the index of the device lies in `newAddress`. */
export const addressIndexOffset = headerLength + 4;

/** Gives a device an address with its prefix; the same again changes nothing. Index 0 is to be filled in. */
export function newAddress(index: number, address: Uint8Array, prefix: number): Uint8Array {
  const body = new Uint8Array(8);
  body[0] = familyOf(address);
  body[1] = prefix;
  body[2] = IFA_F_NODAD;
  new DataView(body.buffer).setUint32(4, index, true);
  const attributes = [attribute(IFA.LOCAL, address), attribute(IFA.ADDRESS, address)];
  if (address.length === 4) attributes.push(attribute(IFA.BROADCAST, broadcastOf(address, prefix)));
  else attributes.push(attribute(IFA.FLAGS, u32(IFA_F_NODAD)));
  return request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, { body, attributes });
}

function broadcastOf(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefix - 8 * i))));
}

export interface Route {
  /** Absent: the default route of the gateway's family. */
  readonly to?: { readonly address: Uint8Array; readonly prefix: number };
  /** The kernel finds the device by it. */
  readonly gateway: Uint8Array;
}

/** Makes or replaces a route of the main table. */
export function setRoute({ to, gateway }: Route): Uint8Array {
  const body = new Uint8Array(12);
  body[0] = familyOf(gateway);
  body[1] = to?.prefix ?? 0;
  body[4] = RT_TABLE_MAIN;
  body[5] = RTPROT_BOOT;
  body[7] = RTN_UNICAST;
  const attributes = [attribute(RTA.GATEWAY, gateway)];
  if (to) attributes.push(attribute(RTA.DST, to.address));
  return request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, { body, attributes });
}

/** What is sent to an address of this machine's own, over the device `index`, comes from `source`, which must be an address of this machine too. Made or replaced. */
export function setLocalSource(index: number, address: Uint8Array, source: Uint8Array): Uint8Array {
  const body = new Uint8Array(12);
  body[0] = familyOf(address);
  body[1] = 8 * address.length;
  body[4] = RT_TABLE_LOCAL;
  body[5] = RTPROT_BOOT;
  body[6] = RT_SCOPE_HOST;
  body[7] = RTN_LOCAL;
  const attributes = [
    attribute(RTA.DST, address),
    attribute(RTA.OIF, u32(index)),
    attribute(RTA.PREFSRC, source),
  ];
  return request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, { body, attributes });
}
