/** fsGroup: a volume's files become a group's. By descriptors, without following: what lies in the volume was made by the pod, and may change while we walk. */
import {
  at,
  byteString,
  chmod,
  chmodAt,
  chownAt,
  close,
  openAt,
  statAt,
  type as fileType,
} from "../../../../kernel/fs.ts";
import { errno, systemError } from "../../../../kernel/errno.ts";
import { O } from "../../../../kernel/linux.ts";
import { list, isFolder } from "../../../../engine/unpack/remove.ts";

const folderFlags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
/** After so many entries the caller's thread gets its turn. */
const turn = 1024;
/** What lies deeper was not made by a program that means well. */
const deepest = 200;
/** chown(2): this id stays. */
const same = 0xffff_ffff;

export interface Owner {
  readonly group: number;
  readonly readOnly: boolean;
  /** `OnRootMismatch`: only when the top is not yet right. */
  readonly policy: string | undefined;
}

/** Errors: of the kernel, with the volume's path. */
export async function giveToGroup(path: string, owner: Owner): Promise<void> {
  const fd = openAt(at.FDCWD, byteString(path), folderFlags);
  // A file or device of the host: its rights are the host's.
  if (fd === -errno.ENOTDIR) return;
  if (fd < 0) throw systemError(`open "${path}"`, -fd);
  const walk: Walk = { owner, steps: 0, signalled: path };
  try {
    if (owner.policy === "OnRootMismatch" && isRight(fd, owner)) return;
    await giveFolder(fd, walk, 0);
  } finally {
    close(fd);
  }
}

interface Walk {
  readonly owner: Owner;
  readonly signalled: string;
  steps: number;
}

function bitsFor(mode: number, readOnly: boolean): number {
  const files = readOnly ? 0o440 : 0o660;
  return (mode & fileType.MASK) === fileType.DIRECTORY ? files | 0o2110 : files;
}

function isRight(fd: number, { group, readOnly }: Owner): boolean {
  const status = statAt(fd, "");
  if (typeof status === "number") return false;
  const bits = bitsFor(status.mode, readOnly);
  return status.gid === group && (status.mode & bits) === bits;
}

/** What is in it first, so that a top that is right says that all below is. */
async function giveFolder(fd: number, walk: Walk, depth: number): Promise<void> {
  if (depth > deepest)
    throw new Error(
      `cannot give "${walk.signalled}" to a group: it has more than ${deepest} folders in each other`,
    );
  const own = statAt(fd, "");
  if (typeof own === "number") throw systemError(`look at "${walk.signalled}"`, -own);
  for (const { name } of list(fd)) {
    if (++walk.steps % turn === 0) await new Promise(setImmediate);
    const status = statAt(fd, name);
    // Gone meanwhile, or something else is mounted there: that is not the volume's.
    if (typeof status === "number" || status.mount !== own.mount) continue;
    if (isFolder(status)) {
      const inner = openAt(fd, name, folderFlags);
      if (inner < 0) continue;
      try {
        await giveFolder(inner, walk, depth + 1);
      } finally {
        close(inner);
      }
    } else giveFile(fd, name, walk.owner);
  }
  give(fd, own.mode, walk);
}

function give(fd: number, mode: number, { owner, signalled }: Walk): void {
  const failed = Math.min(
    chownAt(fd, "", same, owner.group),
    chmod(fd, (mode & 0o7777) | bitsFor(mode, owner.readOnly)),
  );
  if (failed < 0) throw systemError(`give "${signalled}" to group ${owner.group}`, -failed);
}

/** Links and special files have an owner and no rights that would matter. Nothing is opened but as a place: opening a device could do something. */
function giveFile(dir: number, name: string, owner: Owner): void {
  const fd = openAt(dir, name, O.PATH | O.NOFOLLOW);
  if (fd < 0) return;
  try {
    chownAt(fd, "", same, owner.group);
    const status = statAt(fd, "");
    if (typeof status !== "number" && (status.mode & fileType.MASK) === fileType.REGULAR)
      chmodAt(at.FDCWD, `/proc/self/fd/${fd}`, (status.mode & 0o7777) | bitsFor(status.mode, owner.readOnly));
  } finally {
    close(fd);
  }
}
