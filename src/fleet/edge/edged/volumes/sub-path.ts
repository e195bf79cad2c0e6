/**
 * A part of a volume for one container. What lies in the volume was made by the pod, which may change it at any moment (CVE-2017-1002101, CVE-2021-25741): each step is opened beneath the one before
 * by openat2(2), and what was found is mounted by its descriptor to a place of our own, so that what its path means later does not matter.
 */
import { closeSync, lstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { invalid, SampanError } from "../../../../base/errors.ts";
import { errno, systemError } from "../../../../kernel/errno.ts";
import {
  at,
  byteString,
  chmodAt,
  close,
  makeDirAt,
  openAt,
  openAt2,
  statAt,
  type as fileType,
} from "../../../../kernel/fs.ts";
import { O, RESOLVE } from "../../../../kernel/linux.ts";
import { cloneTree, putTree } from "../../../../kernel/mount-trees.ts";
import { isFolder } from "../../../../engine/unpack/remove.ts";
import { shown } from "../pod-error.ts";
import { unmountBelow } from "./mount-table.ts";

const beneath = RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS;
const mostParts = 100;

/** Errors: `invalid_argument` for a path that is absolute or has `..`. */
export function checkedSubPath(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const isWrong = path.startsWith("/") || path.includes("\0") || parts.includes("..") || path.length > 4000;
  if (!isWrong && parts.length <= mostParts) return parts;
  throw invalid(`cannot use subPath ${shown(path)}: wanted a relative path without ".."`);
}

export interface SubPathRequest {
  /** The volume's place on the host. */
  readonly volume: string;
  readonly path: string;
  /** Where it is pinned. */
  readonly target: string;
  /** Folders that are missing are made. */
  readonly create: boolean;
}

/** Mounts it at `target`, in place of what was there. Errors: `invalid_argument`, `permission_denied` for one that leads out of the volume, `not_found`. */
export function pinSubPath({ volume, path, target, create }: SubPathRequest): void {
  const parts = checkedSubPath(path);
  const top = openAt(at.FDCWD, byteString(volume), O.PATH);
  if (top < 0) throw systemError(`open volume "${volume}"`, -top);
  let found = -1;
  try {
    found = open(top, parts, { path, create });
    pin(found, target);
  } finally {
    if (found >= 0) close(found);
    close(top);
  }
}

interface Opening {
  readonly path: string;
  readonly create: boolean;
}

/** A descriptor (O_PATH) of what the parts mean. */
function open(top: number, parts: readonly string[], { path, create }: Opening): number {
  const whole = openAt2(top, byteString(parts.join("/") || "."), O.PATH, beneath);
  if (whole >= 0) return whole;
  if (whole !== -errno.ENOENT || !create) throw refusal(path, whole);
  const own = statAt(top, "");
  const mode = typeof own === "number" ? 0o750 : own.mode & 0o7777;
  let folder = openAt2(top, ".", O.PATH, beneath);
  try {
    for (const part of parts) {
      const inner = step(folder, byteString(part), { path, mode });
      close(folder);
      folder = inner;
    }
  } catch (error) {
    close(folder);
    throw error;
  }
  return folder;
}

/** One name at a time, and no link: of a path that is being made none is needed. */
function step(
  folder: number,
  name: string,
  { path, mode }: { readonly path: string; readonly mode: number },
): number {
  const made = makeDirAt(folder, name, mode);
  if (made < 0 && made !== -errno.EEXIST) throw refusal(path, made);
  const inner = openAt2(folder, name, O.PATH | O.DIRECTORY, beneath | RESOLVE.NO_SYMLINKS);
  if (inner < 0) throw refusal(path, inner);
  // As the volume's top, which is for whom the volume is for: without our own umask.
  if (made >= 0) chmodAt(at.FDCWD, `/proc/self/fd/${inner}`, mode);
  return inner;
}

function refusal(path: string, result: number): SampanError {
  // EXDEV: it would leave; ELOOP: through a link of /proc.
  if (result === -errno.EXDEV || result === -40)
    return new SampanError(
      "permission_denied",
      `cannot use subPath ${shown(path)}: it leads out of the volume`,
    );
  return systemError(`use subPath ${shown(path)}`, -result);
}

function pin(found: number, target: string): void {
  const status = statAt(found, "");
  if (typeof status === "number") throw systemError("look at a subPath", -status);
  if ((status.mode & fileType.MASK) === fileType.SYMLINK) throw refusal(target, -40);
  clearTarget(target);
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
  if (isFolder(status)) mkdirSync(target, { mode: 0o700 });
  else writeFileSync(target, "", { mode: 0o600, flag: "wx" });
  const onto = openAt(at.FDCWD, byteString(target), O.PATH | O.NOFOLLOW);
  if (onto < 0) throw systemError(`open "${target}"`, -onto);
  try {
    const tree = cloneTree(`/proc/self/fd/${found}`);
    try {
      putTree(tree, onto);
    } finally {
      closeSync(tree);
    }
  } finally {
    close(onto);
  }
}

/** What is left when nothing is mounted there is an empty file or folder. Not recursive: if something were mounted after all, it must not be emptied. */
export function clearTarget(target: string): void {
  unmountBelow(target);
  const left = lstatSync(target, { throwIfNoEntry: false });
  if (left?.isDirectory()) rmdirSync(target);
  else if (left) unlinkSync(target);
}
