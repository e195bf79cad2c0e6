/**
 * The door to the kernel: the few calls of libc that node: modules lack, through bun:ffi (this folder alone may use it). All are synchronous and
 * return their value or -errno. They exist for the runtime's command line, which lives for milliseconds; daemons use asynchronous ways.
 */
import { dlopen, ptr, read as peek, type FFIFunction } from "bun:ffi";
import { systemError } from "./errno.ts";

const i32 = "i32";
const pointer = "ptr";
const i64 = "i64";

const signatures = {
  memfd_create: { args: [pointer, i32], returns: i32 },
  fcntl: { args: [i32, i32, i64], returns: i32 },
  socketpair: { args: [i32, i32, i32, pointer], returns: i32 },
  posix_spawn: { args: [pointer, pointer, pointer, pointer, pointer, pointer], returns: i32 },
  waitpid: { args: [i32, pointer, i32], returns: i32 },
  execve: { args: [pointer, pointer, pointer], returns: i32 },
  read: { args: [i32, pointer, i64], returns: i64 },
  write: { args: [i32, pointer, i64], returns: i64 },
  open: { args: [pointer, i32, i32], returns: i32 },
  close: { args: [i32], returns: i32 },
  poll: { args: [pointer, i64, i32], returns: i32 },
  flock: { args: [i32, i32], returns: i32 },
  kill: { args: [i32, i32], returns: i32 },
  sigprocmask: { args: [i32, pointer, pointer], returns: i32 },
  prctl: { args: [i32, i64, i64, i64, i64], returns: i32 },
  mkfifo: { args: [pointer, i32], returns: i32 },
  mkdir: { args: [pointer, i32], returns: i32 },
  rmdir: { args: [pointer], returns: i32 },
  unlink: { args: [pointer], returns: i32 },
  rename: { args: [pointer, pointer], returns: i32 },
  access: { args: [pointer, i32], returns: i32 },
  readlink: { args: [pointer, pointer, i64], returns: i64 },
  realpath: { args: [pointer, pointer], returns: pointer },
  syscall: { args: [i64, i64, i64, i64, i64], returns: i64 },
  geteuid: { args: [], returns: i32 },
  __errno_location: { args: [], returns: pointer },
} as const;

/** The named functions of the C library that is here: glibc, else musl. For the files of this folder. */
export function openLibc<Signatures extends Record<string, FFIFunction>>(wanted: Signatures) {
  for (const name of ["libc.so.6", "libc.musl-x86_64.so.1"]) {
    try {
      return dlopen(name, wanted).symbols;
    } catch {
      // the next one
    }
  }
  return dlopen("libc.musl-aarch64.so.1", wanted).symbols;
}

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;

function libc() {
  library ??= load();
  return library;
}

/** errno of the last call of this thread. */
export function lastErrno(): number {
  const at = libc().__errno_location();
  return at === null ? 0 : peek.i32(at);
}

function checked(result: number | bigint): number {
  return Number(result) < 0 ? -lastErrno() : Number(result);
}

const encoder = new TextEncoder();

/** A NUL-ended string in memory that stays where it is as long as the array is reachable. */
function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** An array of pointers ended by NULL, and what must be kept reachable while it is used. */
function cStrings(texts: readonly string[]): { pointers: BigUint64Array; keep: Uint8Array[] } {
  const keep = texts.map(cString);
  const pointers = new BigUint64Array(texts.length + 1);
  keep.forEach((bytes, i) => (pointers[i] = BigInt(ptr(bytes))));
  return { pointers, keep };
}

/** memfd_create(2) with sealing allowed; not close-on-exec unless asked. */
export function memfd(name: string, closeOnExec: boolean): number {
  return orThrow(
    checked(libc().memfd_create(ptr(cString(name)), (closeOnExec ? 1 : 0) | 2)),
    "make a memory file",
  );
}

/** Forbids growing, shrinking, writing and further sealing (F_ADD_SEALS, Linux 3.17). */
export function seal(fd: number): void {
  orThrow(checked(libc().fcntl(fd, 1033, 0x1 | 0x2 | 0x4 | 0x8)), "seal a memory file");
}

export function setCloseOnExec(fd: number, on: boolean): void {
  orThrow(checked(libc().fcntl(fd, 2, on ? 1 : 0)), `set close-on-exec of descriptor ${fd}`);
}

/** A pair of connected sockets; `type` 5 is SOCK_SEQPACKET, 1 SOCK_STREAM. Both close-on-exec. */
export function socketPair(type: 1 | 5): [number, number] {
  const ends = new Int32Array(2);
  orThrow(checked(libc().socketpair(1, type | 0o2000000, 0, ptr(ends))), "make a pair of sockets");
  return [ends[0] as number, ends[1] as number];
}

/** posix_spawn(3): all descriptors that are not close-on-exec are inherited. Gives the process id. */
export function spawnProcess(path: string, argv: readonly string[], env: readonly string[]): number {
  const pid = new Int32Array(1);
  const file = cString(path);
  const args = cStrings(argv);
  const vars = cStrings(env);
  const result = libc().posix_spawn(ptr(pid), ptr(file), null, null, ptr(args.pointers), ptr(vars.pointers));
  if (result !== 0) throw systemError(`start "${path}"`, result);
  return pid[0] as number;
}

/** execve(2): this process becomes the other program; returns only to throw. */
export function become(path: string, argv: readonly string[], env: readonly string[]): never {
  const file = cString(path);
  const args = cStrings(argv);
  const vars = cStrings(env);
  libc().execve(ptr(file), ptr(args.pointers), ptr(vars.pointers));
  throw systemError(`become "${path}"`, lastErrno());
}

/** The exit status of a child as wait(2) encodes it; undefined with `noHang` while it runs. Interruptions are retried. */
export function waitFor(pid: number, noHang = false): number | undefined {
  const status = new Int32Array(1);
  for (;;) {
    const result = checked(libc().waitpid(pid, ptr(status), noHang ? 1 : 0));
    if (result === -4) continue;
    if (result < 0) throw systemError(`wait for process ${pid}`, -result);
    return result === 0 ? undefined : (status[0] as number);
  }
}

/** Bytes read, 0 at the end, or -errno. Interruptions are retried. */
export function readInto(fd: number, bytes: Uint8Array): number {
  for (;;) {
    const result = checked(libc().read(fd, ptr(bytes), bytes.length));
    if (result !== -4) return result;
  }
}

export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const n = checked(libc().write(fd, ptr(bytes, at), bytes.length - at));
    if (n === -4) continue;
    at += orThrow(n, `write to descriptor ${fd}`);
  }
}

/** open(2), close-on-exec; -errno when it fails. */
export function openFile(path: string, flags: number, mode = 0): number {
  return checked(libc().open(ptr(cString(path)), flags | 0o2000000, mode));
}

export function closeFd(fd: number): void {
  libc().close(fd);
}

/** Waits until fd is readable (or closed by the peer) for at most `ms`; false at the deadline. */
export function waitReadable(fd: number, ms: number): boolean {
  const polled = new Int32Array([fd, 1]);
  const until = performance.now() + ms;
  for (;;) {
    const left = Math.max(0, Math.ceil(until - performance.now()));
    const result = checked(libc().poll(ptr(polled), 1, left));
    if (result === -4) continue;
    return orThrow(result, `wait for descriptor ${fd}`) > 0;
  }
}

/** flock(2) exclusively; false when another holds it and `block` is false. */
export function lockFile(fd: number, block: boolean): boolean {
  for (;;) {
    const result = checked(libc().flock(fd, block ? 2 : 2 | 4));
    if (result === -4) continue;
    if (result === -11) return false;
    orThrow(result, "lock a file");
    return true;
  }
}

/** kill(2); 0 or -errno. */
export function killProcess(pid: number, signal: number): number {
  return checked(libc().kill(pid, signal));
}

/** Blocks all signals of this thread: the program that it becomes (execve(2) keeps the mask) finds those that came since. */
export function blockSignals(): void {
  orThrow(checked(libc().sigprocmask(0, ptr(new Uint8Array(128).fill(0xff)), null)), "block signals");
}

export function setSubreaper(): void {
  orThrow(checked(libc().prctl(36, 1, 0, 0, 0)), "become a subreaper");
}

export function makeFifo(path: string, mode: number): void {
  orThrow(checked(libc().mkfifo(ptr(cString(path)), mode)), `make the pipe "${path}"`);
}

/** pidfd_open(2), Linux 5.3 (number 434 everywhere); close-on-exec; -errno when it fails. */
export function openPidFd(pid: number): number {
  return checked(libc().syscall(434, pid, 0, 0, 0));
}

/** pidfd_send_signal(2), Linux 5.1 (number 424 everywhere); 0 or -errno. */
export function signalPidFd(fd: number, signal: number): number {
  return checked(libc().syscall(424, fd, signal, 0, 0));
}

/** mkdir(2), rmdir(2), unlink(2), access(2): 0 or -errno. */
export function makeDirectory(path: string, mode: number): number {
  return checked(libc().mkdir(ptr(cString(path)), mode));
}

export function removeDirectory(path: string): number {
  return checked(libc().rmdir(ptr(cString(path))));
}

export function unlinkFile(path: string): number {
  return checked(libc().unlink(ptr(cString(path))));
}

/** `mode` is 0 (is it there), 1 (may it be executed), 2 (written), 4 (read). */
export function accessFile(path: string, mode: number): number {
  return checked(libc().access(ptr(cString(path)), mode));
}

/** rename(2): 0 or -errno. */
export function renameFile(from: string, to: string): number {
  return checked(libc().rename(ptr(cString(from)), ptr(cString(to))));
}

/** realpath(3): undefined with what is not there. */
export function resolvePath(path: string): string | undefined {
  const bytes = new Uint8Array(4097);
  if (libc().realpath(ptr(cString(path)), ptr(bytes)) === null) return undefined;
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

/** Where a link leads, as text; undefined where there is none. */
export function readLink(path: string): string | undefined {
  const bytes = new Uint8Array(4096);
  const n = checked(libc().readlink(ptr(cString(path)), ptr(bytes), bytes.length));
  return n < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, n));
}

/** getdents64(2) into bytes: how many were filled, 0 at the end, or -errno. */
export function readDirectory(fd: number, bytes: Uint8Array): number {
  return checked(libc().syscall(process.arch === "arm64" ? 61 : 217, fd, ptr(bytes), bytes.length, 0));
}

export function effectiveUid(): number {
  return libc().geteuid();
}

function orThrow(result: number, doing: string): number {
  if (result < 0) throw systemError(doing, -result);
  return result;
}
