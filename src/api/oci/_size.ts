/** Sizes as Docker's and runc's callers write them: `64m`, `1.5GiB`, `4096`, with powers of 1024; -1 is no limit. */
import { invalid } from "../../base/errors.ts";

const powers = "kmgtp";
const largest = 2n ** 63n - 1n;

/** Bytes; bigint above 2^53. Errors: `invalid_argument` naming the flag. */
export function parseSize(flag: string, text: string): number | bigint {
  if (text === "-1") return -1;
  const [, whole = "", fraction = "", suffix = ""] = /^(\d+)(\.\d*)? ?([kmgtp]?)i?b?$/i.exec(text) ?? [];
  if (whole === "") throw invalid(`invalid value for ${flag}: "${text}" is no size like 64m or 1.5GiB`);
  const unit = 1024n ** BigInt(suffix === "" ? 0 : powers.indexOf(suffix.toLowerCase()) + 1);
  const bytes = BigInt(whole) * unit + BigInt(Math.floor(Number(`0${fraction || ".0"}`) * Number(unit)));
  if (bytes > largest) throw invalid(`invalid value for ${flag}: "${text}" is more than 2^63-1 bytes`);
  return Number.isSafeInteger(Number(bytes)) ? Number(bytes) : bytes;
}
