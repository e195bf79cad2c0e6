/**
 * docker cp: what a path inside a container is, an archive of it, and an archive's content put there. The container may do what it likes meanwhile: no path is ever resolved
 * outside of its root, and no program of it or for it is run (CVE-2018-15664, CVE-2019-14271, CVE-2026-41567, CVE-2026-42306). A helper process does it (copy-task.ts).
 */
import { SampanError } from "../../base/errors.ts";
import type { Stream } from "../archive/packing.ts";
import type { LiveEngine } from "../engine.ts";
import { startCopy, type CopyProcess } from "./copy-helper.ts";
import { openContainerRoot, type ContainerRoot, type RootParts } from "./copy-root.ts";
import type { CopyTask, PathStat } from "./copy-task.ts";
import { emit } from "./parts.ts";
import { hostConfig } from "./request.ts";

export type { PathStat } from "./copy-task.ts";
export type CopyParts = RootParts & Pick<LiveEngine, "unpacker" | "events">;

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Errors: `not_found`. */
export async function statPath(
  engine: CopyParts,
  reference: string,
  path: string,
  { signal }: CopyOptions = {},
): Promise<PathStat> {
  await using root = await openContainerRoot(engine, reference);
  await using helper = start(engine, root, { verb: "stat", path }, signal);
  const pieces: Buffer[] = [];
  for await (const piece of helper.output()) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString()) as PathStat;
}

/**
 * What it is, and an archive of it, which is read while it is taken; the container's files are held open for so long, and one that does not run cannot be started. Errors:
 * `not_found`; `aborted` in the archive when the container puts something of another kind in a file's place.
 */
export async function readArchive(
  engine: CopyParts,
  reference: string,
  path: string,
  { signal }: CopyOptions = {},
): Promise<{ readonly stat: PathStat; readonly archive: AsyncIterable<Uint8Array> }> {
  const stat = await statPath(engine, reference, path, { signal });
  return { stat, archive: archiveOf(engine, reference, { path, signal }) };
}

/** Nothing is opened before the first piece is asked for, so that one that nobody takes holds nothing. */
async function* archiveOf(
  engine: CopyParts,
  reference: string,
  { path, signal }: CopyOptions & { readonly path: string },
): AsyncGenerator<Uint8Array, void, undefined> {
  await using root = await openContainerRoot(engine, reference);
  emit(engine, engine.containers.get(reference), "archive-path", { path });
  await using helper = start(engine, root, { verb: "read", path }, signal);
  yield* withoutLine(helper.output());
}

/** What stands behind the first line, which says what it is. */
async function* withoutLine(pieces: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, undefined> {
  let begun = false;
  for await (const piece of pieces) {
    const end = begun ? -1 : piece.indexOf(0x0a);
    if (!begun && end < 0) continue;
    begun = true;
    if (end + 1 < piece.length) yield piece.subarray(end + 1);
  }
}

export interface WriteArchive extends CopyOptions {
  /** Of a folder inside. */
  readonly path: string;
  /** tar, or that packed by gzip or zstd. */
  readonly archive: Stream;
  /** A folder is never replaced by something else, nor something else by a folder. */
  readonly keepFolders: boolean;
  /** All that is written belongs to the container's user; else as the archive says. */
  readonly owner: boolean;
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
  const { path, archive, keepFolders, owner, signal } = request;
  await using root = await openContainerRoot(engine, reference);
  const info = engine.containers.get(reference);
  const into = {
    keepFolders,
    readonlyRoot: hostConfig(info.body).ReadonlyRootfs === true,
    ...(owner ? { user: info.body.User || info.imageConfig.User || "" } : {}),
  };
  await using helper = start(engine, root, { verb: "write", path, into }, signal);
  await helper.feed(archive);
  emit(engine, info, "extract-to-dir", { path });
}

function start(
  { unpacker }: CopyParts,
  { fd, remap, volumes }: ContainerRoot,
  task: Omit<CopyTask, "remap" | "mounts">,
  signal: AbortSignal | undefined,
): CopyProcess {
  const mounts = volumes.map(({ destination, readonly }) => ({ destination, readonly }));
  if (!unpacker.command)
    throw new SampanError("unimplemented", "cannot copy: this engine has no helper processes");
  return startCopy({ command: unpacker.command, root: fd, task: { ...task, remap, mounts }, signal });
}
