/** Makes the kernel forget connections that it tracks (nfnetlink, subsystem ctnetlink; filters: Linux 6.3). */
import { ptr } from "bun:ffi";
import { systemError, errno } from "./errno.ts";
import { closeFd, lastErrno, openLibc } from "./libc.ts";
import { attribute, joined, nested, request, u32, u8 } from "./netlink-message.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
/** NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_DELETE. */
const CT_DELETE = (1 << 8) | 2;
const NESTED = 0x8000;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, FILTER: 25 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const IP = { V4_SRC: 1, V6_SRC: 3 } as const;
const PROTO = { NUM: 1, DST_PORT: 3 } as const;
const FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const;
/** Which parts of a tuple a filter looks at. */
const LOOK = { IP_SRC: 1, PROTO_NUM: 8, DST_PORT: 32 } as const;
const NLMSG_ERROR = 2;

export type Flows =
  /** Those that somebody began to a port, wherever it led. */
  | { readonly family: 4 | 6; readonly protocol: number; readonly port: number }
  /** Those that are answered from an address, as a container's. */
  | { readonly answeredBy: Uint8Array };

/** The request that deletes all of these at once. Pure. */
export function forgetRequest(flows: Flows): Uint8Array {
  const parts = "port" in flows ? toPort(flows) : answeredBy(flows.answeredBy);
  const family = "port" in flows ? (flows.family === 4 ? 2 : 10) : flows.answeredBy.length === 4 ? 2 : 10;
  return request(CT_DELETE, 0, { body: new Uint8Array([family, 0, 0, 0]), attributes: parts });
}

function toPort({ protocol, port }: { protocol: number; port: number }): Uint8Array[] {
  const proto = nested(
    TUPLE.PROTO | NESTED,
    attribute(PROTO.NUM, u8(protocol)),
    attribute(PROTO.DST_PORT, new Uint8Array([port >> 8, port & 0xff])),
  );
  return [nested(CTA.TUPLE_ORIG | NESTED, proto), filter(LOOK.PROTO_NUM | LOOK.DST_PORT, 0)];
}

function answeredBy(address: Uint8Array): Uint8Array[] {
  const type = address.length === 4 ? IP.V4_SRC : IP.V6_SRC;
  const source = nested(TUPLE.IP | NESTED, attribute(type, address));
  return [nested(CTA.TUPLE_REPLY | NESTED, source), filter(0, LOOK.IP_SRC)];
}

const filter = (orig: number, reply: number): Uint8Array =>
  nested(
    CTA.FILTER | NESTED,
    joined(attribute(FILTER.ORIG_FLAGS, u32(orig)), attribute(FILTER.REPLY_FLAGS, u32(reply))),
  );

const signatures = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "i64", "i32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "i64", "i32"], returns: "i64" },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

/** False where the kernel cannot: it is too old, or tracks nothing. None of that kind is no failure. Errors: those of socket(2). */
export function forgetFlows(flows: Flows): boolean {
  const doing = "forget connections";
  const fd = libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) throw systemError(doing, lastErrno());
  try {
    const message = forgetRequest(flows);
    if (Number(libc().send(fd, ptr(message), message.length, 0)) < 0) throw systemError(doing, lastErrno());
    const answer = new Uint8Array(4096);
    const size = Number(libc().recv(fd, ptr(answer), answer.length, 0));
    if (size < 20) throw systemError(doing, size < 0 ? lastErrno() : errno.EIO);
    const view = new DataView(answer.buffer);
    const result = view.getUint16(4, true) === NLMSG_ERROR ? -view.getInt32(16, true) : 0;
    return result === 0 || result === errno.ENOENT;
  } finally {
    closeFd(fd);
  }
}
