/**
 * Locks by name between all users of one file, in this process and in others: a byte of the file for each name, locked by an open file description
 * (F_OFD_SETLK, Linux 3.15). The kernel lets go when the description closes, so a process that is killed leaves nothing locked and no file behind.
 */
import { ptr } from "bun:ffi";
import { systemError } from "./errno.ts";
import { closeFd, lastErrno, openFile, openLibc } from "./libc.ts";
import { O } from "./linux.ts";

const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const EAGAIN = 11;
const EACCES = 13;

const load = () => openLibc({ fcntl: { args: ["i32", "i32", "i64"], returns: "i32" } });
let library: ReturnType<typeof load> | undefined;

/** Which byte: 62 bits of a hash, so two names do not meet by chance. */
function offsetOf(name: string): bigint {
  return new Bun.CryptoHasher("sha256").update(name).digest().readBigUInt64LE() >> 2n;
}

/** Takes the lock of `name` now, or says undefined when somebody holds it. Disposing lets go. */
export function tryRangeLock(path: string, name: string): Disposable | undefined {
  const fd = openFile(path, O.RDWR | O.CREAT | O.CLOEXEC, 0o600);
  if (fd < 0) throw systemError(`open "${path}"`, -fd);
  const flock = new DataView(new ArrayBuffer(32));
  flock.setInt16(0, F_WRLCK, true);
  flock.setBigInt64(8, offsetOf(name), true);
  flock.setBigInt64(16, 1n, true);
  library ??= load();
  if (library.fcntl(fd, F_OFD_SETLK, BigInt(ptr(flock.buffer))) === 0)
    return { [Symbol.dispose]: () => closeFd(fd) };
  const error = lastErrno();
  closeFd(fd);
  if (error === EAGAIN || error === EACCES) return undefined;
  throw systemError(`lock "${path}"`, error);
}
