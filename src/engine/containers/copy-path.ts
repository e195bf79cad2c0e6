/** Paths inside a container, for docker cp. Pure but for looking. */
import { posix } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import { errno, systemError } from "../../kernel/errno.ts";
import {
  byteString,
  close,
  openAt,
  openAt2,
  readLinkAt,
  statAt,
  textOf,
  type Status,
} from "../../kernel/fs.ts";
import { readLink } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { insideRoot } from "../unpack/into-root.ts";

export interface CopyPath {
  /** Absolute, without `.`, `..` and a slash at its end. */
  readonly path: string;
  /** A slash or `/.` stood at its end: a link there is followed. */
  readonly follows: boolean;
  /** What an archive of it calls it: the last name, `.` for `/etc/.`, `/` for the root. */
  readonly name: string;
}

export function readPath(text: string): CopyPath {
  const path = posix.join("/", text).replace(/(?<=.)\/$/, "");
  const dot = /(?:^|\/)\.$/.test(text);
  const name = dot ? "." : posix.basename(path) || "/";
  return { path, follows: dot || text.endsWith("/"), name };
}

export interface Found extends Disposable {
  /** O_PATH. */
  readonly fd: number;
  readonly status: Status;
}

/** What the path means; its folder's links are followed inside the root, its own only where the path says so. Errors: `not_found`. */
export function findPath(root: number, { path, follows }: CopyPath): Found {
  return opened(
    follows ? openAt2(root, byteString(`${path}/.`), O.PATH, insideRoot) : openLast(root, path),
    path,
  );
}

function openLast(root: number, path: string): number {
  const folder = openAt2(root, byteString(posix.dirname(path)), O.PATH | O.DIRECTORY, insideRoot);
  if (folder < 0) return folder;
  try {
    return openAt(folder, byteString(posix.basename(path) || "."), O.PATH | O.NOFOLLOW);
  } finally {
    close(folder);
  }
}

/** The folder that something is to be put in; all links are followed. Errors: `not_found`, `invalid_argument` for what is no folder. */
export function findFolder(root: number, { path }: CopyPath): Found {
  const fd = openAt2(root, byteString(path), O.PATH | O.DIRECTORY, insideRoot);
  if (fd === -errno.ENOTDIR) throw invalid("extraction point is not a directory");
  return opened(fd, path);
}

function opened(fd: number, path: string): Found {
  const missing = [errno.ENOENT, errno.ENOTDIR, errno.ELOOP].some((each) => fd === -each);
  if (missing) throw new SampanError("not_found", `cannot find "${path}" in the container`);
  if (fd < 0) throw systemError(`open "${path}" in the container`, -fd);
  const status = statAt(fd, "");
  if (typeof status === "number") {
    close(fd);
    throw systemError(`look at "${path}" in the container`, -status);
  }
  return { fd, status, [Symbol.dispose]: () => close(fd) };
}

/** Where a link leads, inside: the path that it means in the end, or, where nothing is there, what it says. */
export function linkTarget(root: number, { path }: CopyPath, link: number): string {
  const text = readLinkAt(link, "");
  const said = typeof text === "string" ? (textOf(text) ?? text) : "";
  const fd = openAt2(root, byteString(path), O.PATH, insideRoot);
  if (fd < 0) return posix.resolve(posix.dirname(path), said);
  try {
    return insidePath(fd) ?? posix.resolve(posix.dirname(path), said);
  } finally {
    close(fd);
  }
}

/** The path of what is open, from the root of its tree of mounts: the container's own. */
export function insidePath(fd: number): string | undefined {
  const path = readLink(`/proc/self/fd/${fd}`);
  return path?.startsWith("/") ? path : undefined;
}
