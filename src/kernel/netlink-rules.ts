/** Requests about rules of nftables (nfnetlink, subsystem nf_tables): the one rule that a container's own namespace has. linux/netfilter/nf_tables.h names what is here. */
import {
  attribute,
  joined,
  nested,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  request,
  text,
} from "./netlink-message.ts";

/** The protocol of these requests' socket. */
export const NETLINK_NETFILTER = 12;

const NFNL_SUBSYS_NFTABLES = 10;
const BATCH = { BEGIN: 0x10, END: 0x11 } as const;
const MSG = { NEWTABLE: 0, DELTABLE: 2, NEWCHAIN: 3, NEWRULE: 6 } as const;
const NLM_F_APPEND = 0x800;
const NFPROTO_IPV4 = 2;
const NF_INET_LOCAL_OUT = 3;
/** NF_IP_PRI_NAT_DST. */
const priorityDestination = -100;
const TABLE_NAME = 1;
const CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, TYPE: 7 } as const;
const HOOK = { NUMBER: 1, PRIORITY: 2 } as const;
const RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
const LIST_ELEMENT = 1;
const EXPRESSION = { NAME: 1, DATA: 2 } as const;
const PAYLOAD = { REGISTER: 1, BASE: 2, OFFSET: 3, LENGTH: 4 } as const;
const HEADER = { NETWORK: 1, TRANSPORT: 2 } as const;
const COMPARE = { REGISTER: 1, OPERATION: 2, DATA: 3 } as const;
const IMMEDIATE = { REGISTER: 1, DATA: 2 } as const;
const NAT = { TYPE: 1, FAMILY: 2, ADDRESS: 3 } as const;
const EQUAL = 0;
const DNAT = 1;
const VALUE = 1;
const REGISTER = 1;
/** Where an IPv4 header has the destination, and TCP's and UDP's the port. */
const offset = { destination: 16, port: 2 } as const;

export interface Redirect {
  readonly from: Uint8Array;
  readonly port: number;
  readonly to: Uint8Array;
}

/**
 * One transaction after which the table, of the family `ip`, holds nothing but this: what is sent from here to a port of one address goes to another address. Without `redirect`
 * the table is gone. `fresh`: no such table is there yet. All in one datagram, since a transaction ends with it; only its last request is acknowledged.
 */
export function setRedirect(
  table: string,
  { redirect, fresh = false }: { readonly redirect?: Redirect; readonly fresh?: boolean },
): Uint8Array {
  const named = [attribute(TABLE_NAME, text(table))];
  const create = part(MSG.NEWTABLE, NLM_F_CREATE, named);
  // What is not there cannot be deleted.
  const cleared = fresh ? [] : [create, part(MSG.DELTABLE, 0, named)];
  const made = redirect ? [create, ...chain(table), rule(table, redirect)] : [];
  const requests = [...cleared, ...made];
  const last = requests.at(-1);
  if (last) requests[requests.length - 1] = acknowledged(last);
  return joined(batch(BATCH.BEGIN), ...requests, batch(BATCH.END));
}

const chainName = "output";

function chain(table: string): Uint8Array[] {
  const hook = [
    attribute(HOOK.NUMBER, network32(NF_INET_LOCAL_OUT)),
    attribute(HOOK.PRIORITY, network32(priorityDestination)),
  ];
  return [
    part(MSG.NEWCHAIN, NLM_F_CREATE, [
      attribute(CHAIN.TABLE, text(table)),
      attribute(CHAIN.NAME, text(chainName)),
      nested(CHAIN.HOOK, ...hook),
      attribute(CHAIN.TYPE, text("nat")),
    ]),
  ];
}

function rule(table: string, { from, port, to }: Redirect): Uint8Array {
  const expressions = [
    payload(HEADER.NETWORK, offset.destination, from.length),
    equals(from),
    payload(HEADER.TRANSPORT, offset.port, 2),
    equals(new Uint8Array([port >> 8, port & 0xff])),
    expression(
      "immediate",
      attribute(IMMEDIATE.REGISTER, network32(REGISTER)),
      nested(IMMEDIATE.DATA, attribute(VALUE, to)),
    ),
    expression(
      "nat",
      attribute(NAT.TYPE, network32(DNAT)),
      attribute(NAT.FAMILY, network32(NFPROTO_IPV4)),
      attribute(NAT.ADDRESS, network32(REGISTER)),
    ),
  ];
  return part(MSG.NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [
    attribute(RULE.TABLE, text(table)),
    attribute(RULE.CHAIN, text(chainName)),
    nested(RULE.EXPRESSIONS, ...expressions),
  ]);
}

const expression = (name: string, ...data: readonly Uint8Array[]): Uint8Array =>
  nested(LIST_ELEMENT, attribute(EXPRESSION.NAME, text(name)), nested(EXPRESSION.DATA, ...data));

const payload = (base: number, at: number, length: number): Uint8Array =>
  expression(
    "payload",
    attribute(PAYLOAD.REGISTER, network32(REGISTER)),
    attribute(PAYLOAD.BASE, network32(base)),
    attribute(PAYLOAD.OFFSET, network32(at)),
    attribute(PAYLOAD.LENGTH, network32(length)),
  );

const equals = (value: Uint8Array): Uint8Array =>
  expression(
    "cmp",
    attribute(COMPARE.REGISTER, network32(REGISTER)),
    attribute(COMPARE.OPERATION, network32(EQUAL)),
    nested(COMPARE.DATA, attribute(VALUE, value)),
  );

/** Numbers of nfnetlink are in network order. */
function network32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

function part(type: number, flags: number, attributes: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array([NFPROTO_IPV4, 0, 0, 0]);
  return unacknowledged(request((NFNL_SUBSYS_NFTABLES << 8) | type, flags, { body, attributes }), flags);
}

const batch = (type: number): Uint8Array =>
  unacknowledged(request(type, 0, { body: new Uint8Array([0, 0, 0, NFNL_SUBSYS_NFTABLES]) }), 0);

/** Its flags, where `request` wants an answer to each. */
function unacknowledged(message: Uint8Array, flags: number): Uint8Array {
  new DataView(message.buffer).setUint16(6, NLM_F_REQUEST | flags, true);
  return message;
}

function acknowledged(message: Uint8Array): Uint8Array {
  const copy = message.slice();
  const view = new DataView(copy.buffer);
  view.setUint16(6, view.getUint16(6, true) | NLM_F_ACK, true);
  return copy;
}
