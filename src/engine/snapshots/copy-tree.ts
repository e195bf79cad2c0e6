/**
 * Exact copies of files and trees within one file system: owners, modes, times, extended attributes, holes, device nodes, and names of one file as names of one file.
 * Blocks are shared where the file system can. Names are bytes. Nobody else may change the source meanwhile; links are never followed.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  symlinkSync,
  writeSync,
  type BigIntStats,
} from "node:fs";
import { SampanError } from "../../base/errors.ts";
import {
  cloneFile,
  copyRange,
  getXattr,
  listXattrs,
  makeNode,
  seek,
  setTimes,
  setXattr,
} from "../../kernel/metadata.ts";
import type { IdRange, Remap } from "./snapshotter.ts";

const turn = 256;
const piece = 32 * 2 ** 20;

export interface CopyOptions {
  /** The copy's owners, where the container sees the source's. */
  readonly remap?: Remap | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The ids outside for one inside. Errors: `out_of_range` for one that no range holds: the file could not be seen with its owner. */
export function mapped(ranges: readonly IdRange[], id: number): number {
  const range = ranges.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  if (range) return range.hostID + (id - range.containerID);
  throw new SampanError("out_of_range", `cannot map id ${id}: no range of the user namespace holds it`);
}

/** Copies what is in `from` into the folder `to`, which is there, and gives `to` the metadata of `from`. */
export async function copyTree(from: string, to: string, options: CopyOptions = {}): Promise<void> {
  const links = new Map<bigint, Buffer>();
  let steps = 0;
  const walk = async (source: Buffer, target: Buffer): Promise<void> => {
    for (const name of readdirSync(source, { encoding: "buffer" })) {
      if (++steps % turn === 0) {
        await new Promise(setImmediate);
        options.signal?.throwIfAborted();
      }
      const [a, b] = [below(source, name), below(target, name)];
      const stat = lstatSync(a, { bigint: true });
      const first = stat.nlink > 1n && !stat.isDirectory() ? links.get(stat.ino) : undefined;
      if (first) {
        linkSync(first, b);
        continue;
      }
      if (stat.nlink > 1n) links.set(stat.ino, b);
      await makeCopy(a, b, stat);
      if (stat.isDirectory()) await walk(a, b);
      copyMetadata({ from: a, to: b, stat, remap: options.remap });
    }
  };
  await walk(Buffer.from(from), Buffer.from(to));
  copyMetadata({
    from: Buffer.from(from),
    to: Buffer.from(to),
    stat: lstatSync(from, { bigint: true }),
    remap: options.remap,
  });
}

/** One file, link, node or folder (without what is in it), with its metadata. */
export async function copyEntry(from: string | Buffer, to: string | Buffer): Promise<void> {
  const [a, b] = [from, to].map((path) => (typeof path === "string" ? Buffer.from(path) : path)) as [
    Buffer,
    Buffer,
  ];
  const stat = lstatSync(a, { bigint: true });
  await makeCopy(a, b, stat);
  copyMetadata({ from: a, to: b, stat });
}

const slash = Buffer.from("/");
const below = (folder: Buffer, name: Buffer) => Buffer.concat([folder, slash, name]);

async function makeCopy(from: Buffer, to: Buffer, stat: BigIntStats): Promise<void> {
  if (stat.isDirectory()) mkdirSync(to, { mode: 0o700 });
  else if (stat.isFile()) await copyBytes(from, to, Number(stat.size));
  else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from, { encoding: "buffer" }), to);
  else makeNode(to, Number(stat.mode), stat.rdev);
}

async function copyBytes(from: Buffer, to: Buffer, size: number): Promise<void> {
  const source = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const target = openSync(to, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      if (!cloneFile(source, target)) await copyData(source, target, size);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** Data where there is data; the rest stays a hole. */
async function copyData(source: number, target: number, size: number): Promise<void> {
  ftruncateSync(target, size);
  for (let at = seek(source, 0, "DATA"); at !== undefined && at < size; at = seek(source, at, "DATA")) {
    const end = seek(source, at, "HOLE") ?? size;
    seek(source, at, "SET");
    seek(target, at, "SET");
    while (at < end) {
      const copied = copyPiece(source, target, Math.min(piece, end - at));
      if (copied === 0) return;
      at += copied;
      if (at < end) await new Promise(setImmediate);
    }
  }
}

/** Within the kernel where both files' systems let it, else through a buffer. Both begin and end at the descriptors' positions. */
function copyPiece(source: number, target: number, length: number): number {
  const copied = copyRange(source, target, length);
  if (copied !== undefined) return copied;
  const buffer = Buffer.allocUnsafe(Math.min(length, 2 ** 20));
  const read = readSync(source, buffer, 0, buffer.length, null);
  for (let written = 0; written < read;) written += writeSync(target, buffer, written, read - written, null);
  return read;
}

export interface MetadataCopy {
  readonly from: string | Buffer;
  readonly to: string | Buffer;
  readonly stat: BigIntStats;
  readonly remap?: Remap | undefined;
}

/** Owner first: a change of owner takes set-id bits and capabilities away. Times last. What overlayfs keeps for itself stays behind. */
export function copyMetadata({ from, to, stat, remap }: MetadataCopy): void {
  const [uid, gid] = [Number(stat.uid), Number(stat.gid)];
  lchownSync(to, remap ? mapped(remap.uids, uid) : uid, remap ? mapped(remap.gids, gid) : gid);
  if (!stat.isSymbolicLink()) changeMode(to, stat);
  for (const name of listXattrs(from)) {
    if (name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.")) continue;
    const value = getXattr(from, name);
    if (value) setXattr(to, name, value);
  }
  setTimes(to, stat.atimeNs, stat.mtimeNs);
}

function changeMode(to: string | Buffer, stat: BigIntStats): void {
  const mode = Number(stat.mode & 0o7777n);
  if (!stat.isFile() && !stat.isDirectory()) return chmodSync(to, mode);
  const fd = openSync(to, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}
