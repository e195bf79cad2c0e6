/** Requests about network devices: bridges, pairs of veth, and what is changed about a device (rtnetlink(7), linux/if_link.h). */
import {
  attribute,
  headerLength,
  joined,
  nested,
  NLM_F_CREATE,
  NLM_F_EXCL,
  request,
  text,
  u32,
  u8,
} from "./netlink-message.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_SETLINK = 19;
const AF_BRIDGE = 7;
const IFF_UP = 1;

const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  PROTINFO: 12,
  LINKINFO: 18,
  NET_NS_FD: 28,
} as const;
const INFO = { KIND: 1, DATA: 2 } as const;
const BR = { FORWARD_DELAY: 1, STP_STATE: 5 } as const;
const BRPORT = { MODE: 4, ISOLATED: 33 } as const;
const VETH_INFO_PEER = 1;

/** struct ifinfomsg. */
function linkBody(
  index: number,
  { up = false, family = 0 }: { up?: boolean; family?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  bytes[0] = family;
  view.setInt32(4, index, true);
  view.setUint32(8, up ? IFF_UP : 0, true);
  view.setUint32(12, up ? IFF_UP : 0, true);
  return bytes;
}

/** `02:42:ac:11:00:02` as bytes. */
export function macBytes(mac: string): Uint8Array {
  return new Uint8Array(mac.split(":").map((part) => Number.parseInt(part, 16)));
}

/** Where the index of the device lies in each message of this file: the launcher fills it in from the device's name. */
export const linkIndexOffset = headerLength + 4;

/** A bridge that is up, without a spanning tree: it forwards at once. */
export function newBridge({ name, mac, mtu }: { name: string; mac: string; mtu: number }): Uint8Array {
  return request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, {
    body: linkBody(0, { up: true }),
    attributes: [
      attribute(IFLA.IFNAME, text(name)),
      attribute(IFLA.ADDRESS, macBytes(mac)),
      attribute(IFLA.MTU, u32(mtu)),
      nested(
        IFLA.LINKINFO,
        attribute(INFO.KIND, text("bridge")),
        nested(INFO.DATA, attribute(BR.FORWARD_DELAY, u32(0)), attribute(BR.STP_STATE, u32(0))),
      ),
    ],
  });
}

export interface VethPair {
  /** The end here: its name and the index of its bridge. */
  readonly name: string;
  readonly master: number;
  /** The end inside. */
  readonly peer: string;
  readonly mac: string;
  readonly mtu: number;
}

/** Both ends in one request, one of them in another namespace, whose descriptor goes to `fdAt`. That one is down: the kernel refuses it otherwise. */
export function newVeth(pair: VethPair): { readonly message: Uint8Array; readonly fdAt: number } {
  const mtu = attribute(IFLA.MTU, u32(pair.mtu));
  const peer = nested(
    VETH_INFO_PEER,
    linkBody(0),
    // First, so that its place is known.
    attribute(IFLA.NET_NS_FD, u32(0)),
    attribute(IFLA.IFNAME, text(pair.peer)),
    attribute(IFLA.ADDRESS, macBytes(pair.mac)),
    mtu,
  );
  const before = joined(
    attribute(IFLA.IFNAME, text(pair.name)),
    mtu,
    attribute(IFLA.MASTER, u32(pair.master)),
  );
  const kind = attribute(INFO.KIND, text("veth"));
  const message = request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, {
    body: linkBody(0, { up: true }),
    attributes: [before, nested(IFLA.LINKINFO, kind, nested(INFO.DATA, peer))],
  });
  // Header and ifinfomsg; IFLA_LINKINFO, the kind, INFO_DATA, VETH_INFO_PEER, ifinfomsg, and the head of IFLA_NET_NS_FD.
  const fdAt = headerLength + 16 + before.length + 4 + kind.length + 4 + 4 + 16 + 4;
  return { message, fdAt };
}

/** Removes a device; index 0 is to be filled in. */
export function deleteLink(index: number): Uint8Array {
  return request(RTM_DELLINK, 0, { body: linkBody(index) });
}

/** Sets a device up; index 0 is to be filled in. */
export function setLinkUp(index: number): Uint8Array {
  return request(RTM_NEWLINK, 0, { body: linkBody(index, { up: true }) });
}

export interface PortOptions {
  /** Reaches the bridge itself, but no other port that is isolated, too (Linux 4.18). */
  readonly isolated: boolean;
  /** What came in here may go out here again. */
  readonly hairpin: boolean;
}

/** Options of a port of a bridge. */
export function setPort(index: number, { isolated, hairpin }: PortOptions): Uint8Array {
  const flags = [
    attribute(BRPORT.MODE, u8(Number(hairpin))),
    attribute(BRPORT.ISOLATED, u8(Number(isolated))),
  ];
  return request(RTM_SETLINK, 0, {
    body: linkBody(index, { family: AF_BRIDGE }),
    attributes: [nested(IFLA.PROTINFO | 0x8000, ...flags)],
  });
}
