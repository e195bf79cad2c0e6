/** Looks into a root file system that a stranger made, from outside: every path is resolved as if it were the root (openat2(2), RESOLVE_IN_ROOT). */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { byteString, openAt2 } from "../../kernel/fs.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";

/** What /etc/passwd and the like may be long: beyond it, it is an attack on our memory (CVE-2026-47262). */
const most = 10 * 2 ** 20;

/** A descriptor (O_PATH) of what `path` means inside, or undefined where nothing is. The caller closes it. */
export function openInside(root: string, path: string): number | undefined {
  const top = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const fd = openAt2(top, byteString(path), O.PATH, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
    return fd < 0 ? undefined : fd;
  } finally {
    closeSync(top);
  }
}

/** The text of a regular file; "" where there is none or something else: a pipe, a device or a folder is never opened. */
export function readInside(root: string, path: string): string {
  const found = openInside(root, path);
  if (found === undefined) return "";
  try {
    if (!fstatSync(found).isFile()) return "";
    const fd = openSync(`/proc/self/fd/${found}`, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return readUpTo(fd, Math.min(fstatSync(fd).size, most));
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(found);
  }
}

function readUpTo(fd: number, size: number): string {
  const bytes = Buffer.alloc(size);
  let length = 0;
  for (let n = 1; n > 0 && length < size; length += n) n = readSync(fd, bytes, length, size - length, null);
  return bytes.toString("utf8", 0, length);
}
