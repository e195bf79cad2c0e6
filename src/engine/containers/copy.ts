/**
 * docker cp: what a path inside a container is, an archive of it, and an archive's content put there. The container may do what it likes meanwhile: no path is ever resolved
 * outside of its root, and no program of it or for it is run (CVE-2018-15664, CVE-2019-14271, CVE-2026-41567, CVE-2026-42306).
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { type as fileType } from "../../kernel/fs.ts";
import { compressionOf, decompressed, withHead, type Stream } from "../archive/packing.ts";
import { kindOf } from "../archive/node.ts";
import { ownersInside } from "../images/commit.ts";
import { TarReader } from "../unpack/reader.ts";
import { RootWriter, type RootTarget } from "../unpack/into-root.ts";
import { findFolder, findPath, insidePath, linkTarget, readPath, type CopyPath } from "./copy-path.ts";
import { archivePath } from "./copy-read.ts";
import { openContainerRoot, ownerOf, type ContainerRoot, type CopyParts } from "./copy-root.ts";
import { hostConfig } from "./request.ts";
import { readInside } from "./root-files.ts";
import { resolveUser } from "./user.ts";
import type { VolumeMount } from "./volumes.ts";

export type { CopyParts } from "./copy-root.ts";

export interface PathStat {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** st_mode of Linux: the type and the permissions. */
  readonly mode: number;
  /** RFC 3339 with nanoseconds. */
  readonly modified: string;
  /** Of a link: the path inside that it leads to in the end. Else empty. */
  readonly linkTarget: string;
}

/** Errors: `not_found`. */
export async function statPath(engine: CopyParts, reference: string, text: string): Promise<PathStat> {
  await using root = await openContainerRoot(engine, reference);
  const path = readPath(text);
  using found = findPath(root.fd, path);
  const { size, mode, seconds, nanoseconds } = found.status;
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = nanoseconds === 0 ? "" : `.${`${nanoseconds}`.padStart(9, "0")}`.replace(/0+$/, "");
  const isLink = kindOf(found.status) === fileType.SYMLINK;
  return {
    name: path.name,
    size,
    mode,
    modified: `${whole}${fraction}Z`,
    linkTarget: isLink ? linkTarget(root.fd, path, found.fd) : "",
  };
}

/**
 * What it is, and an archive of it, which is read while it is taken; the container's files are held open for so long, and one that does not run cannot be started. Errors:
 * `not_found`; `aborted` in the archive when the container puts something of another kind in a file's place.
 */
export async function readArchive(
  engine: CopyParts,
  reference: string,
  text: string,
  signal?: AbortSignal,
): Promise<{ readonly stat: PathStat; readonly archive: AsyncIterable<Uint8Array> }> {
  const stat = await statPath(engine, reference, text);
  return { stat, archive: archiveOf(engine, reference, { text, signal }) };
}

/** Nothing is opened before the first piece is asked for, so that one that nobody takes holds nothing. */
async function* archiveOf(
  engine: CopyParts,
  reference: string,
  { text, signal }: { readonly text: string; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  await using root = await openContainerRoot(engine, reference);
  const path = readPath(text);
  using found = findPath(root.fd, path);
  const mounts = new Set(root.volumes.map(({ destination }) => destination));
  const source = {
    found,
    name: path.name,
    path: insidePath(found.fd) ?? path.path,
    mounts,
    owners: ownersInside(root.remap),
  };
  for (const piece of archivePath(source)) {
    signal?.throwIfAborted();
    yield piece;
  }
}

export interface WriteArchive {
  /** Of a folder inside. */
  readonly path: string;
  /** tar, or that packed by gzip or zstd. */
  readonly archive: Stream;
  /** A folder is never replaced by something else, nor something else by a folder. */
  readonly keepFolders: boolean;
  /** All that is written belongs to the container's user; else as the archive says. */
  readonly owner: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks an archive in a folder of the container. Folders that are there keep their owner and mode. Errors: `not_found` for the folder; `invalid_argument` for what is no folder,
 * cannot be written to, or is packed by something else; `data_loss` for a damaged archive. What was written until then stays.
 */
export async function writeArchive(
  engine: CopyParts,
  reference: string,
  request: WriteArchive,
): Promise<void> {
  await using root = await openContainerRoot(engine, reference);
  const info = engine.containers.get(reference);
  const path = readPath(request.path);
  refuseReadOnly(root, path, hostConfig(info.body).ReadonlyRootfs === true);
  const owner = request.owner
    ? userOf(root, info.body.User || info.imageConfig.User || "")
    : ownerOf(root.remap);
  using writer = new RootWriter({
    root: root.fd,
    folder: Buffer.from(path.path).toString("latin1"),
    keepFolders: request.keepFolders,
    owner,
  });
  try {
    await unpack(writer, request);
  } catch (error) {
    // What is missing is on the way of one of its entries, not the folder that was asked for.
    const { code, message } = SampanError.from(error);
    throw code === "not_found" ? new SampanError("invalid_argument", message, { cause: error }) : error;
  }
}

async function unpack(
  writer: RootWriter,
  { archive, signal }: Pick<WriteArchive, "archive" | "signal">,
): Promise<void> {
  const reader = new TarReader(writer);
  const { head, stream } = await withHead(archive);
  for await (const piece of decompressed(stream, compressionOf(head))) {
    signal?.throwIfAborted();
    reader.feed(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  }
  reader.finish();
  writer.complete();
}

/** In dockerd's words. */
function refuseReadOnly({ fd, volumes }: ContainerRoot, path: CopyPath, isReadOnly: boolean): void {
  using folder = findFolder(fd, path);
  const place = insidePath(folder.fd) ?? path.path;
  const volume = volumes
    .filter(({ destination }) => place === destination || place.startsWith(`${destination}/`))
    .reduce<VolumeMount | undefined>(
      (best, each) => (best && best.destination.length >= each.destination.length ? best : each),
      undefined,
    );
  if (volume?.readonly) throw invalid("mounted volume is marked read-only");
  if (!volume && isReadOnly) throw invalid("container rootfs is marked read-only");
}

/** By the container's own /etc/passwd and /etc/group, which are read and never run or loaded. */
function userOf({ fd, remap }: ContainerRoot, user: string): RootTarget["owner"] {
  const top = `/proc/self/fd/${fd}`;
  const { uid, gid } = resolveUser(user, readInside(top, "etc/passwd"), readInside(top, "etc/group"));
  const owner = ownerOf(remap)({ uid, gid });
  return () => owner;
}
