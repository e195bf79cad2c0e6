/** Hears of tables of nftables that are deleted in this network namespace (nfnetlink, group NFNLGRP_NFTABLES). */
import { ptr } from "bun:ffi";
import { errno, systemError } from "./errno.ts";
import { closeFd, lastErrno, openLibc } from "./libc.ts";
import { attributesFrom, headerLength, textOf } from "./netlink-message.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const MSG_DONTWAIT = 0x40;
const ENOBUFS = 105;
/** NFNL_SUBSYS_NFTABLES and NFT_MSG_DELTABLE. */
const DELTABLE = (10 << 8) | 2;
const NFTA_TABLE_NAME = 1;

const signatures = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "i64", "i32"], returns: "i64" },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

export interface TableWatch extends Disposable {
  /** Whether the table was deleted since the last call, or so much happened that some of it was lost. Never waits. */
  lost(table: string): boolean;
}

/** Errors: those of socket(2) and bind(2). */
export function watchTables(): TableWatch {
  const fd = libc().socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) throw systemError("listen to changes of rules", lastErrno());
  // struct sockaddr_nl: family, padding, port, groups.
  const address = new Uint8Array(12);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, 1 << (NFNLGRP_NFTABLES - 1), true);
  if (libc().bind(fd, ptr(address), address.length) < 0) {
    const number = lastErrno();
    closeFd(fd);
    throw systemError("listen to changes of rules", number);
  }
  const block = new Uint8Array(65_536);
  return {
    lost(table) {
      let lost = false;
      for (;;) {
        const size = Number(libc().recv(fd, ptr(block), block.length, MSG_DONTWAIT));
        if (size >= 0) {
          lost ||= deletedTables(block.subarray(0, size)).includes(table);
          continue;
        }
        const number = lastErrno();
        if (number === ENOBUFS) lost = true;
        else if (number !== errno.EINTR) return lost;
      }
    },
    [Symbol.dispose]: () => closeFd(fd),
  };
}

/** The names of the tables that a datagram of nfnetlink says are deleted. Pure. */
export function deletedTables(datagram: Uint8Array): string[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const found: string[] = [];
  for (let at = 0; at + headerLength <= datagram.length;) {
    const length = view.getUint32(at, true);
    if (length < headerLength || at + length > datagram.length) break;
    if (view.getUint16(at + 4, true) === DELTABLE) {
      // Behind the header lies struct nfgenmsg, four bytes.
      const attributes = attributesFrom(datagram.subarray(at, at + length), headerLength + 4);
      const name = attributes.find(({ type }) => type === NFTA_TABLE_NAME);
      if (name) found.push(textOf(name.data));
    }
    at += (length + 3) & ~3;
  }
  return found;
}
