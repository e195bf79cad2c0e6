/** Files of content: opened without following links, looked at before they are believed, hashed without stopping the caller's thread. */
import { constants, type Stats } from "node:fs";
import { lstat, open, unlink, type FileHandle } from "node:fs/promises";
import { SampanError } from "../../base/errors.ts";
import { algorithmOf, type Digest } from "../../spec/image/digest.ts";
import { errnoOf } from "../../kernel/errno.ts";

const { O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
const chunk = 1 << 20;

/** A growing file is its owner's to write; a finished one is read-only, and that is how it is known, after a crash too. */
export const modes = { growing: 0o600, finished: 0o400 } as const;

export function isFinished(stats: Stats): boolean {
  return (stats.mode & 0o777) === modes.finished;
}

/** undefined where there is nothing; refuses what is no regular file. */
export async function regular(path: string): Promise<Stats | undefined> {
  try {
    const stats = await lstat(path);
    if (stats.isFile()) return stats;
  } catch (error) {
    if (errnoOf(error) === 2) return undefined;
    throw error;
  }
  throw notRegular(path);
}

export function notRegular(path: string): SampanError {
  return new SampanError("data_loss", `cannot use "${path}": it is not a regular file`);
}

export async function openReading(path: string): Promise<FileHandle> {
  return checkedRegular(await open(path, O_RDONLY | O_NOFOLLOW), path);
}

/** Opens or makes the file of an ingest. One that is finished may be read only, which an ordinary user cannot open to write. */
export async function openIngest(path: string): Promise<FileHandle> {
  for (;;) {
    const there = await regular(path);
    const finished = there !== undefined && isFinished(there);
    const flags = finished ? O_RDONLY : O_RDWR | O_CREAT;
    try {
      return await checkedRegular(await open(path, flags | O_NOFOLLOW, modes.growing), path);
    } catch (error) {
      // Published by another since it was looked at: it has its other name now.
      if (!finished || errnoOf(error) !== 2) throw error;
    }
  }
}

async function checkedRegular(handle: FileHandle, path: string): Promise<FileHandle> {
  try {
    if ((await handle.stat()).isFile()) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  throw notRegular(path);
}

/** False when there was none. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 2) return false;
    throw error;
  }
}

export function hasherFor(digest: Digest): Bun.CryptoHasher {
  return new Bun.CryptoHasher(algorithmOf(digest));
}

/** Feeds a file's first bytes to the hasher; gives how many there were, at most `limit`. */
export async function hashFile(handle: FileHandle, hasher: Bun.CryptoHasher, limit: number): Promise<number> {
  const buffers = [new Uint8Array(chunk), new Uint8Array(chunk)] as const;
  const read = (turn: number, at: number) =>
    handle.read(buffers[turn % 2 === 0 ? 0 : 1], 0, Math.min(chunk, Math.max(0, limit - at)), at);
  let at = 0;
  // The next piece is read while this one is hashed.
  let next = read(0, 0);
  for (let turn = 0; ; turn++) {
    const { bytesRead, buffer } = await next;
    if (bytesRead === 0) return at;
    at += bytesRead;
    next = read(turn + 1, at);
    hasher.update(buffer.subarray(0, bytesRead));
  }
}

/** Whether the file has these bytes: size first, which is quick. */
export async function hasDigest(handle: FileHandle, digest: Digest, size?: number): Promise<boolean> {
  const stats = await handle.stat();
  if (size !== undefined && stats.size !== size) return false;
  const hasher = hasherFor(digest);
  await hashFile(handle, hasher, Number.MAX_SAFE_INTEGER);
  return `${algorithmOf(digest)}:${hasher.digest("hex")}` === digest;
}
