/** What the kernel says about devices, addresses and routes of this network namespace, or of one that a path names. */
import { SampanError } from "../base/errors.ts";
import { systemError } from "./errno.ts";
import { closeFd } from "./libc.ts";
import { attributesFrom, dump, headerLength, textOf, type Attribute } from "./netlink-message.ts";
import { getLink } from "./netlink.ts";
import { isNoDevice, netlinkRequest, netlinkSocket } from "./sockets.ts";

const RTM_GETLINK = 18;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** `bridge`, `veth` …; empty for devices of hardware. */
  readonly kind: string;
  /** Index of the bridge that it is a port of; 0 is none. */
  readonly master: number;
  readonly mtu: number;
  readonly mac: string;
  readonly counters: LinkCounters;
}

/** The first eight of struct rtnl_link_stats64. */
export interface LinkCounters {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

export interface HostAddress {
  readonly index: number;
  readonly address: Uint8Array;
  readonly prefix: number;
}

export interface HostRoute {
  readonly destination: Uint8Array;
  readonly prefix: number;
  readonly device: number;
}

function ask(message: Uint8Array, what: string, namespace?: string): readonly Uint8Array[] {
  const socket = netlinkSocket(namespace);
  try {
    const answers = netlinkRequest(socket, message);
    if (typeof answers === "number") throw systemError(`ask the kernel for ${what}`, answers);
    return answers;
  } finally {
    closeFd(socket);
  }
}

/** Of the network namespace that the path names; the caller's own without it. */
export const links = (namespace?: string): readonly Link[] =>
  ask(dump(RTM_GETLINK, new Uint8Array(16)), "network devices", namespace).map(linkOf);

/** The device of this name; undefined when there is none. */
export function linkNamed(name: string): Link | undefined {
  const socket = netlinkSocket();
  try {
    const answers = netlinkRequest(socket, getLink(name));
    if (typeof answers !== "number") return answers[0] && linkOf(answers[0]);
    if (isNoDevice(answers)) return undefined;
    throw systemError(`ask the kernel for network device "${name}"`, answers);
  } finally {
    closeFd(socket);
  }
}

export const addresses = (): readonly HostAddress[] =>
  ask(dump(RTM_GETADDR, new Uint8Array(8)), "addresses").flatMap(addressOf);

/** Of all tables; default routes have the prefix 0. */
export const routes = (): readonly HostRoute[] =>
  ask(dump(RTM_GETROUTE, new Uint8Array(12)), "routes").flatMap(routeOf);

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const number = (data: Uint8Array | undefined): number =>
  data && data.length >= 4 ? viewOf(data).getUint32(0, true) : 0;

function checked(message: Uint8Array, least: number): DataView {
  if (message.length < headerLength + least)
    throw new SampanError("data_loss", "cannot read an answer of the kernel: it is too short");
  return viewOf(message);
}

function finder(list: readonly Attribute[]): (type: number) => Uint8Array | undefined {
  return (type) => list.find((each) => each.type === type)?.data;
}

/** RTM_NEWLINK. */
export function linkOf(message: Uint8Array): Link {
  const view = checked(message, 16);
  const find = finder(attributesFrom(message, headerLength + 16));
  const info = find(18);
  const kind = info && attributesFrom(info, 0).find(({ type }) => type === 1)?.data;
  const stats = find(23);
  return {
    index: view.getInt32(20, true),
    name: textOf(find(3) ?? new Uint8Array()),
    up: (view.getUint32(24, true) & 1) !== 0,
    kind: kind ? textOf(kind) : "",
    master: number(find(10)),
    mtu: number(find(4)),
    mac: [...(find(1) ?? [])].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
    counters: countersOf(stats && stats.length >= 64 ? viewOf(stats) : new DataView(new ArrayBuffer(64))),
  };
}

function countersOf(view: DataView): LinkCounters {
  const at = (i: number) => Number(view.getBigUint64(8 * i, true));
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
  };
}

/** RTM_NEWADDR. */
export function addressOf(message: Uint8Array): HostAddress[] {
  const view = checked(message, 8);
  const find = finder(attributesFrom(message, headerLength + 8));
  const address = find(2) ?? find(1);
  return address ? [{ index: view.getUint32(20, true), address, prefix: view.getUint8(17) }] : [];
}

/** RTM_NEWROUTE. */
export function routeOf(message: Uint8Array): HostRoute[] {
  const view = checked(message, 12);
  const find = finder(attributesFrom(message, headerLength + 12));
  const length = view.getUint8(16) === 2 ? 4 : view.getUint8(16) === 10 ? 16 : 0;
  if (length === 0) return [];
  const destination = find(1) ?? new Uint8Array(length);
  return [{ destination, prefix: view.getUint8(17), device: number(find(4)) }];
}
