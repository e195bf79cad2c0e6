/** flock(2) as one of several readers. */
import { FFIType } from "bun:ffi";
import { errno, systemError } from "./errno.ts";
import { lastErrno, openLibc } from "./libc.ts";

const { i32 } = FFIType;
let loaded: ReturnType<typeof load> | undefined;
const load = () => openLibc({ flock: { args: [i32, i32], returns: i32 } });
const libc = () => (loaded ??= load());
const shared = 1;
const atOnce = 4;

/** False when somebody has the file for himself. Readers do not keep each other out. */
export function lockShared(fd: number): boolean {
  while (libc().flock(fd, shared | atOnce) !== 0) {
    const number = lastErrno();
    if (number === errno.EAGAIN) return false;
    if (number !== errno.EINTR) throw systemError("lock a file", number);
  }
  return true;
}
