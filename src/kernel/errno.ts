/** Errno numbers of Linux (asm-generic; the same on x86-64 and arm64): name and what it means, in strerror(3)'s words. Mapped to codes once, here. */
import { SampanError, type Code } from "../base/errors.ts";

const table =
  "1 EPERM operation not permitted|2 ENOENT no such file or directory|3 ESRCH no such process|4 EINTR interrupted system call|" +
  "5 EIO input/output error|6 ENXIO no such device or address|7 E2BIG argument list too long|8 ENOEXEC exec format error|" +
  "9 EBADF bad file descriptor|10 ECHILD no child processes|11 EAGAIN resource temporarily unavailable|12 ENOMEM cannot allocate memory|" +
  "13 EACCES permission denied|14 EFAULT bad address|15 ENOTBLK block device required|16 EBUSY device or resource busy|17 EEXIST file exists|" +
  "18 EXDEV invalid cross-device link|19 ENODEV no such device|20 ENOTDIR not a directory|21 EISDIR is a directory|22 EINVAL invalid argument|" +
  "23 ENFILE too many open files in system|24 EMFILE too many open files|25 ENOTTY inappropriate ioctl for device|26 ETXTBSY text file busy|" +
  "27 EFBIG file too large|28 ENOSPC no space left on device|29 ESPIPE illegal seek|30 EROFS read-only file system|31 EMLINK too many links|" +
  "32 EPIPE broken pipe|33 EDOM numerical argument out of domain|34 ERANGE numerical result out of range|35 EDEADLK resource deadlock avoided|" +
  "36 ENAMETOOLONG file name too long|38 ENOSYS function not implemented|39 ENOTEMPTY directory not empty|40 ELOOP too many levels of symbolic links|" +
  "61 ENODATA no data available|62 ETIME timer expired|71 EPROTO protocol error|75 EOVERFLOW value too large for defined data type|" +
  "87 EUSERS too many users|90 EMSGSIZE message too long|95 EOPNOTSUPP operation not supported|98 EADDRINUSE address already in use|" +
  "99 EADDRNOTAVAIL cannot assign requested address|104 ECONNRESET connection reset by peer|106 EISCONN already connected|107 ENOTCONN not connected|110 ETIMEDOUT connection timed out|" +
  "111 ECONNREFUSED connection refused|122 EDQUOT disk quota exceeded|125 ECANCELED operation canceled|126 ENOKEY required key not available|" +
  "127 EKEYEXPIRED key has expired|128 EKEYREVOKED key has been revoked";

let byNumber: Map<number, { name: string; text: string }> | undefined;

/** `{name: "ENOENT", text: "no such file or directory"}`; an unknown number names itself. */
export function describeErrno(errno: number): { name: string; text: string } {
  byNumber ??= new Map(
    table.split("|").map((line) => {
      const [number, name, ...words] = line.split(" ");
      return [Number(number), { name: name ?? "", text: words.join(" ") }];
    }),
  );
  return byNumber.get(errno) ?? { name: `errno ${errno}`, text: `errno ${errno}` };
}

const codeOf: Readonly<Record<number, Code>> = {
  1: "permission_denied",
  2: "not_found",
  3: "not_found",
  11: "unavailable",
  12: "resource_exhausted",
  13: "permission_denied",
  16: "failed_precondition",
  17: "already_exists",
  22: "invalid_argument",
  23: "resource_exhausted",
  24: "resource_exhausted",
  28: "resource_exhausted",
  30: "failed_precondition",
  38: "unimplemented",
  95: "unimplemented",
  110: "deadline_exceeded",
};

export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  EPIPE: 32,
  ENOSYS: 38,
  ELOOP: 40,
  EOPNOTSUPP: 95,
  ETIMEDOUT: 110,
  ECANCELED: 125,
} as const;

/** `cannot <doing>: <what the errno means>`, with the code that belongs to it. */
export function systemError(doing: string, number: number): SampanError {
  return new SampanError(codeOf[number] ?? "unknown", `cannot ${doing}: ${describeErrno(number).text}`);
}

/** The errno of an error thrown by node:fs, or 0. */
export function errnoOf(error: unknown): number {
  const number = (error as { errno?: unknown } | null)?.errno;
  return typeof number === "number" ? Math.abs(number) : 0;
}
