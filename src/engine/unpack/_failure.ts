/** What a failed system call on an entry means to who asked for the unpacking. */
import { SampanError } from "../../base/errors.ts";
import { describeErrno, systemError } from "../../kernel/errno.ts";

/** ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE, ENOMEM: something has run out; ENAMETOOLONG, EINVAL, ELOOP, ENOTDIR: such an entry cannot be. */
const exhausted = new Set([28, 122, 27, 24, 23, 12]);
const impossible = new Set([36, 22, 40, 20, 21]);

/** Throws for -errno; gives back what is no error. */
export function done(result: number, doing: string): number {
  if (result >= 0) return result;
  if (exhausted.has(-result))
    throw new SampanError("resource_exhausted", `cannot ${doing}: ${describeErrno(-result).text}`);
  if (impossible.has(-result))
    throw new SampanError("invalid_argument", `cannot ${doing}: ${describeErrno(-result).text}`);
  throw systemError(doing, -result);
}
