/** docker cp inside a root: see, read, write. The root is a descriptor; nothing is resolved outside of it and nothing of it is run. */
import { invalid, SampanError } from "../../base/errors.ts";
import { type as fileType } from "../../kernel/fs.ts";
import { kindOf } from "../archive/node.ts";
import { compressionOf, decompressed, withHead, type Stream } from "../archive/packing.ts";
import type { Pieces } from "../archive/writer.ts";
import { ownersInside } from "../images/commit.ts";
import { TarReader } from "../unpack/reader.ts";
import { RootWriter, type RootTarget } from "../unpack/into-root.ts";
import { findFolder, findPath, insidePath, linkTarget, readPath } from "./copy-path.ts";
import { archivePath } from "./copy-read.ts";
import { ownerOf } from "./copy-owner.ts";
import type { CopyTask, PathStat } from "./copy-task.ts";
import { readInside } from "./root-files.ts";
import { resolveUser } from "./user.ts";

/** Errors: `not_found`. */
export function statInside(root: number, text: string): PathStat {
  const path = readPath(text);
  using found = findPath(root, path);
  const { size, mode, seconds, nanoseconds } = found.status;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = nanoseconds === 0 ? "" : `.${`${nanoseconds}`.padStart(9, "0")}`.replace(/0+$/, "");
  const isLink = kindOf(found.status) === fileType.SYMLINK;
  return {
    name: path.name,
    size,
    mode,
    modified: `${whole}${fraction}Z`,
    linkTarget: isLink ? linkTarget(root, path, found.fd) : "",
  };
}

/** Errors: `not_found`; `aborted` when something of another kind comes in a file's place. */
export function* readInsideOf(root: number, { path: text, mounts, remap }: CopyTask): Pieces {
  const path = readPath(text);
  using found = findPath(root, path);
  yield* archivePath({
    found,
    name: path.name,
    path: insidePath(found.fd) ?? path.path,
    mounts: new Set(mounts.map(({ destination }) => destination)),
    owners: ownersInside(remap),
  });
}

/** Errors: as writeArchive of copy.ts. */
export async function writeInside(root: number, task: CopyTask, archive: Stream): Promise<void> {
  const path = readPath(task.path);
  refuseReadOnly(root, task);
  const user = task.into?.user;
  const owner = user === undefined ? ownerOf(task.remap) : userOf(root, task, user);
  using writer = new RootWriter({
    root,
    folder: Buffer.from(path.path).toString("latin1"),
    keepFolders: task.into?.keepFolders === true,
    owner,
  });
  try {
    await unpack(writer, archive);
  } catch (error) {
    // What is missing is on the way of one of its entries, not the folder that was asked for.
    const { code, message } = SampanError.from(error);
    throw code === "not_found" ? new SampanError("invalid_argument", message, { cause: error }) : error;
  }
}

async function unpack(writer: RootWriter, archive: Stream): Promise<void> {
  const reader = new TarReader(writer);
  const { head, stream } = await withHead(archive);
  for await (const piece of decompressed(stream, compressionOf(head)))
    reader.feed(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  reader.finish();
  writer.complete();
}

/** In dockerd's words. */
function refuseReadOnly(root: number, { path: text, mounts, into }: CopyTask): void {
  const path = readPath(text);
  using folder = findFolder(root, path);
  const place = insidePath(folder.fd) ?? path.path;
  const [mount] = mounts
    .filter(({ destination }) => place === destination || place.startsWith(`${destination}/`))
    .toSorted((a, b) => b.destination.length - a.destination.length);
  if (mount?.readonly) throw invalid("mounted volume is marked read-only");
  if (!mount && into?.readonlyRoot) throw invalid("container rootfs is marked read-only");
}

/** By the container's own /etc/passwd and /etc/group, which are read and never run or loaded. */
function userOf(root: number, { remap }: CopyTask, user: string): RootTarget["owner"] {
  const top = `/proc/self/fd/${root}`;
  const { uid, gid } = resolveUser(user, readInside(top, "etc/passwd"), readInside(top, "etc/group"));
  const owner = ownerOf(remap)({ uid, gid });
  return () => owner;
}
