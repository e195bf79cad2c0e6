/** Names of archives as paths inside a root. */
import { invalid } from "../../base/errors.ts";
import type { ByteString } from "../../kernel/fs.ts";

const unclean = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * The path without leading "/" and "./", doubled slashes, "." and ".."; "" is the root. Errors: `invalid_argument` where ".." leads out of the root, and for a
 * NUL byte.
 */
export function cleanPath(name: ByteString): ByteString {
  let start = 0;
  while (
    name.charCodeAt(start) === 0x2f ||
    (name.charCodeAt(start) === 0x2e && name.charCodeAt(start + 1) === 0x2f)
  )
    start++;
  let end = name.length;
  while (end > start && name.charCodeAt(end - 1) === 0x2f) end--;
  const path = name.slice(start, end);
  if (path.includes("\0")) throw invalid("its name holds a NUL byte");
  return path !== "" && unclean.test(path) ? resolveDots(path) : path;
}

function resolveDots(path: ByteString): ByteString {
  const parts: ByteString[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw invalid("its path leads out of the root");
  }
  return parts.join("/");
}

/** Of a cleaned path that is not the root. */
export function splitPath(path: ByteString): { folder: ByteString; name: ByteString } {
  const slash = path.lastIndexOf("/");
  return slash < 0
    ? { folder: "", name: path }
    : { folder: path.slice(0, slash), name: path.slice(slash + 1) };
}
