/** UID[:GID] of `exec --user`: numbers only, each from 0 to 2^32-2, nothing else around them (CVE-2026-30892). */
import { invalid } from "../../base/errors.ts";

const highest = 2 ** 32 - 2;

function id(text: string, whole: string): number {
  const number = Number(text);
  if (/^\d{1,10}$/.test(text) && number <= highest) return number;
  throw invalid(
    `cannot use --user "${whole}": "${text}" is no id, wanted UID or UID:GID as whole numbers from 0 to ${highest}`,
  );
}

/** Errors: `invalid_argument` for anything but `N` or `N:N`. */
export function parseUser(text: string): { uid: number; gid?: number } {
  const [uid = "", gid, ...rest] = text.split(":");
  if (rest.length > 0) throw invalid(`cannot use --user "${text}": wanted UID or UID:GID`);
  return { uid: id(uid, text), ...(gid !== undefined && { gid: id(gid, text) }) };
}
