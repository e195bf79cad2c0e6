/**
 * Sockets that node: modules lack, through bun:ffi: netlink, and datagrams on unix sockets. A file of its own, so that only who needs them
 * loads them. All calls are synchronous and throw a SampanError; descriptors are close-on-exec.
 */
import { dlopen, ptr } from "bun:ffi";
import { SampanError } from "../base/errors.ts";
import { errno, systemError } from "./errno.ts";
import { closeFd, lastErrno, openFile, readInto } from "./libc.ts";

const AF_UNIX = 1;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const CLONE_NEWNET = 0x40000000;

const signatures = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "i32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  chmod: { args: ["ptr", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "i64", "i32"], returns: "i64" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  poll: { args: ["ptr", "i64", "i32"], returns: "i32" },
  accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
} as const;

let library: ReturnType<typeof load> | undefined;

function load() {
  const names = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
  for (const name of names) {
    try {
      return dlopen(name, signatures).symbols;
    } catch (error) {
      if (name === names.at(-1)) throw error;
    }
  }
  throw new Error("unreachable");
}

function libc() {
  library ??= load();
  return library;
}

function orThrow(result: number | bigint, doing: string): number {
  if (Number(result) < 0) throw systemError(doing, lastErrno());
  return Number(result);
}

/** rtnetlink(7) of the caller's network namespace, or of the one that the path names (setns(2) of this thread, and back). */
export function netlinkSocket(namespace?: string): number {
  if (namespace === undefined)
    return orThrow(libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), "open a netlink socket");
  using _ = enterNetwork(namespace);
  return netlinkSocket();
}

/**
 * This thread is in the network namespace that the path names until the answer is disposed of: sockets that it opens and processes that it starts belong there. Nothing may be awaited meanwhile
 * by who shares the thread with others. Errors: the kernel's.
 */
export function enterNetwork(namespace: string): Disposable {
  const own = openOrThrow("/proc/thread-self/ns/net");
  try {
    const theirs = openOrThrow(namespace);
    try {
      orThrow(libc().setns(theirs, CLONE_NEWNET), `join the network namespace "${namespace}"`);
    } finally {
      closeFd(theirs);
    }
  } catch (error) {
    closeFd(own);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      try {
        orThrow(libc().setns(own, CLONE_NEWNET), "go back to the own network namespace");
      } finally {
        closeFd(own);
      }
    },
  };
}

function openOrThrow(path: string): number {
  const fd = openFile(path, 0);
  if (fd < 0) throw systemError(`open "${path}"`, -fd);
  return fd;
}

/**
 * Sends one request and gives the messages that answer it, headers included, up to NLMSG_DONE or, for one that is no dump, the first.
 * An NLMSG_ERROR comes back as its errno.
 */
export function netlinkRequest(fd: number, message: Uint8Array): readonly Uint8Array[] | number {
  const doing = "ask the kernel for network devices";
  orThrow(libc().send(fd, ptr(message), message.length, 0), doing);
  const dump = (new DataView(message.buffer, message.byteOffset).getUint16(6, true) & 0x300) !== 0;
  const answers: Uint8Array[] = [];
  // The kernel puts at most 32 KiB into one datagram of a dump.
  const block = new Uint8Array(65536);
  for (;;) {
    const size = readInto(fd, block);
    if (size < 0) throw systemError(doing, -size);
    const view = new DataView(block.buffer);
    for (let at = 0; at + 16 <= size;) {
      const length = view.getUint32(at, true);
      const type = view.getUint16(at + 4, true);
      if (length < 16 || at + length > size)
        throw new SampanError("data_loss", `cannot ${doing}: a message was cut off`);
      if (type === 2) return -view.getInt32(at + 16, true);
      if (type === 3) return answers;
      answers.push(block.slice(at, at + length));
      if (!dump) return answers;
      at += (length + 3) & ~3;
    }
  }
}

/** struct sockaddr_un: a path, or with "@" in front an abstract name. Errors: `invalid_argument` above 107 bytes. */
function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length > 107)
    throw new SampanError(
      "invalid_argument",
      `cannot use socket "${path}": it has ${name.length} bytes, at most 107 are possible`,
    );
  const abstract = path.startsWith("@");
  const bytes = new Uint8Array(2 + name.length + (abstract ? 0 : 1));
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, 2);
  if (abstract) bytes[2] = 0;
  return bytes;
}

function datagramSocket(): number {
  return orThrow(libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "open a socket");
}

function withAddress(call: "bind" | "connect", path: string): number {
  const address = unixAddress(path);
  const fd = datagramSocket();
  const result = libc()[call](fd, ptr(address), address.length);
  if (result >= 0) return fd;
  const number = lastErrno();
  closeFd(fd);
  throw systemError(`${call} socket "${path}"`, number);
}

/** A unix socket that receives datagrams at a path. */
export function bindDatagram(path: string): number {
  return withAddress("bind", path);
}

/** A unix socket whose datagrams go to a path. */
export function connectDatagram(path: string): number {
  return withAddress("connect", path);
}

/** One datagram, with a descriptor when `passed` is given. */
export function sendDatagram(fd: number, text: string, passed?: number): void {
  const data = new TextEncoder().encode(text);
  if (passed === undefined) {
    orThrow(libc().send(fd, ptr(data), data.length, 0), "send a datagram");
    return;
  }
  const control = new DataView(new ArrayBuffer(24));
  control.setBigUint64(0, 20n, true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  control.setInt32(16, passed, true);
  const controlBytes = new Uint8Array(control.buffer);
  const piece = new BigUint64Array([BigInt(ptr(data)), BigInt(data.length)]);
  const message = new BigUint64Array([
    0n,
    0n,
    BigInt(ptr(piece)),
    1n,
    BigInt(ptr(controlBytes)),
    BigInt(controlBytes.length),
    0n,
  ]);
  orThrow(libc().sendmsg(fd, ptr(message), 0), "send a descriptor");
}

/** pipe2(2): the end to read from, the end to write to. */
export function pipePair(): [number, number] {
  const ends = new Int32Array(2);
  orThrow(libc().pipe2(ptr(ends), SOCK_CLOEXEC), "make a pipe");
  return [ends[0] as number, ends[1] as number];
}

/** Waits until one or more of the descriptors are readable or at their end; gives those, or none after `ms`. */
export function waitAny(fds: readonly number[], ms?: number): number[] {
  const until = performance.now() + (ms ?? 0);
  for (;;) {
    const polled = new Int32Array(fds.flatMap((fd) => [fd, 1]));
    const left = ms === undefined ? -1 : Math.max(0, Math.ceil(until - performance.now()));
    const result = libc().poll(ptr(polled), fds.length, left);
    if (result < 0 && lastErrno() === errno.EINTR) continue;
    orThrow(result, "wait for descriptors");
    return fds.filter((_, i) => (polled[2 * i + 1] as number) >>> 16 !== 0);
  }
}

/** Whether an errno says that a device is not there. */
export function isNoDevice(number: number): boolean {
  return number === errno.ENODEV || number === errno.ENXIO;
}

/** Whether somebody listens at a path. */
export function isListening(path: string): boolean {
  const address = unixAddress(path);
  // A full queue would block: that somebody listens is told all the same.
  const fd = orThrow(libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "open a socket");
  try {
    return libc().connect(fd, ptr(address), address.length) >= 0 || lastErrno() === errno.EAGAIN;
  } finally {
    closeFd(fd);
  }
}

/** A listening stream socket at a path, for its owner alone. Close-on-exec. */
export function listenStream(path: string, backlog: number): number {
  const address = unixAddress(path);
  const fd = orThrow(libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "open a socket");
  try {
    orThrow(libc().bind(fd, ptr(address), address.length), `bind socket "${path}"`);
    orThrow(libc().chmod(ptr(new TextEncoder().encode(`${path}\0`)), 0o600), `change the mode of "${path}"`);
    orThrow(libc().listen(fd, backlog), `listen at "${path}"`);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Who wants to connect to a listening socket that does not wait; undefined when nobody does, or whoever did has gone. Close-on-exec. */
export function acceptStream(listener: number): number | undefined {
  const fd = libc().accept4(listener, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return fd < 0 ? undefined : fd;
}

const AF_INET = 2;
const AF_INET6 = 10;
const EINPROGRESS = 115;
const EALREADY = 114;
const EISCONN = 106;

/** struct sockaddr_in of 127.0.0.1, sockaddr_in6 of ::1. */
function loopbackAddress(family: typeof AF_INET | typeof AF_INET6, port: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(family === AF_INET ? 16 : 28));
  view.setUint16(0, family, true);
  view.setUint16(2, port);
  if (family === AF_INET) view.setUint32(4, 0x7f000001);
  else view.setUint8(23, 1);
  return new Uint8Array(view.buffer);
}

/**
 * A connection to a port of the loopback device in a network namespace, by IPv4 or else IPv6; without one in the caller's. The descriptor is the caller's. Errors: the kernel's, as ECONNREFUSED;
 * `cancelled`.
 */
export async function connectLoopback(
  namespace: string | undefined,
  port: number,
  signal: AbortSignal,
): Promise<number> {
  try {
    return await connectFamily(AF_INET, { namespace, port, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    return await connectFamily(AF_INET6, { namespace, port, signal }).catch(() => {
      throw error;
    });
  }
}

async function connectFamily(
  family: typeof AF_INET | typeof AF_INET6,
  { namespace, port, signal }: { namespace: string | undefined; port: number; signal: AbortSignal },
): Promise<number> {
  const doing = `connect to port ${port}`;
  const fd = socketIn(namespace, family);
  try {
    const address = loopbackAddress(family, port);
    // Where the listener's queue is full it takes a while: asked again, the kernel says what has become of it.
    for (;;) {
      if (libc().connect(fd, ptr(address), address.length) >= 0) return fd;
      const number = lastErrno();
      if (number === EISCONN) return fd;
      if (number !== EINPROGRESS && number !== EALREADY) throw systemError(doing, number);
      if (signal.aborted) throw new SampanError("cancelled", `cannot ${doing}: it was cancelled`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function socketIn(namespace: string | undefined, family: number): number {
  using _ = namespace === undefined ? undefined : enterNetwork(namespace);
  return orThrow(libc().socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "open a socket");
}
