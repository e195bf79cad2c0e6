/**
 * Finished files become published blobs. A second name in blobs/ (link(2)), that name made durable, then the rows; the name in ingest/ goes last. So
 * at every moment the blob is either finished or published to whoever looks, and a crash in between costs no download.
 */
import { link, lstat, mkdir, open, rename } from "node:fs/promises";
import { SampanError } from "../../base/errors.ts";
import { errnoOf } from "../../kernel/errno.ts";
import { lockFile } from "../../kernel/libc.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { isLeasedHere, openLeases } from "../gc/leases.ts";
import { fileError } from "../store/errors.ts";
import type { Durability, Store } from "../store/store.ts";
import { isFinished, openReading, regular, removeFile } from "./_files.ts";
import { isPublished, putRow } from "./_rows.ts";
import { blobFolder, blobPath, ingestPath } from "./paths.ts";

export interface Publishing {
  readonly store: Store;
  readonly durability: Durability;
}

export async function publish(on: Publishing, digests: readonly Digest[], also?: () => void): Promise<void> {
  const { store } = on;
  const wanted = [...new Set(digests)].filter((digest) => !isPublished(store, digest));
  await using _guard = guard(store, wanted);
  const sizes = new Map<Digest, number>();
  for (const digest of wanted) sizes.set(digest, await place(store, digest));
  for (const folder of new Set(wanted.map((digest) => blobFolder(store.root, digest))))
    await syncFolder(on, folder);
  if (wanted.length > 0 || also)
    store.transaction(() => {
      for (const [digest, size] of sizes) putRow(store, digest, size);
      also?.();
    });
  // Also of those that others published: one that looked at the file just then may have kept them from taking the name away.
  for (const digest of new Set(digests)) await dropIngest(store, digest);
}

/** Between the new name and the row a collection must not take the file: the caller's lease says so, else one of our own. */
function guard(store: Store, digests: readonly Digest[]) {
  const bare = digests.filter((digest) => !isLeasedHere(store, "blob", digest));
  if (bare.length === 0) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  return store.transaction(() => {
    const lease = openLeases(store).acquire("publish");
    for (const digest of bare) lease.add("blob", digest);
    return lease;
  });
}

/** Gives the finished file its name in blobs/; its size. */
async function place(store: Store, digest: Digest): Promise<number> {
  const [from, to] = [ingestPath(store.root, digest), blobPath(store.root, digest)];
  try {
    const finished = await regular(from);
    // Another process published it and its row comes next, or came since we looked.
    if (!finished && isPublished(store, digest)) return (await lstat(to)).size;
    if (!finished || !isFinished(finished))
      throw new SampanError(
        "failed_precondition",
        `cannot publish blob "${digest}": it is ${finished ? "not finished" : "not here"}`,
      );
    await linkOver(from, to, finished.ino);
    return finished.size;
  } catch (error) {
    // ENOENT: another process published it since we looked, and has taken its first name away.
    if (errnoOf(error) === 2 && isPublished(store, digest)) return (await lstat(to)).size;
    throw fileError(`publish blob "${digest}"`, error);
  }
}

async function linkOver(from: string, to: string, inode: number): Promise<void> {
  try {
    await link(from, to);
    return;
  } catch (error) {
    const number = errnoOf(error);
    // EPERM, EOPNOTSUPP: a file system without hard links.
    if (number === 1 || number === 95) return rename(from, to);
    if (number !== 17) throw error;
  }
  // Garbage, a damaged blob, or what this very publishing left before a crash. A rename onto another name of the same file would do nothing.
  if ((await regular(to))?.ino === inode) return;
  const between = `${to}.new`;
  await removeFile(between);
  await link(from, between);
  await rename(between, to);
}

async function syncFolder({ durability }: Publishing, folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // EINVAL: a file system that cannot sync a folder alone.
    if (errnoOf(error) !== 22) throw fileError(`make "${folder}" durable`, error);
    await durability.sync(folder);
  }
}

/** The name in ingest/, unless someone still holds it: then it goes when they let go, or with the next collection. */
async function dropIngest(store: Store, digest: Digest): Promise<void> {
  const path = ingestPath(store.root, digest);
  try {
    const handle = await openReading(path);
    try {
      if (lockFile(handle.fd, false)) await removeFile(path);
    } finally {
      await handle.close();
    }
  } catch {
    // Not there, or not to be removed now: a collection takes it, its row says that it is published.
  }
}

/** content/…, each folder durable before anything is put into it. */
export async function makeFolders(on: Publishing): Promise<void> {
  const { root } = on.store;
  const folders = [
    "content",
    "content/blobs",
    "content/ingest",
    "content/blobs/sha256",
    "content/blobs/sha512",
  ];
  const made: string[] = [];
  for (const folder of folders) {
    try {
      await mkdir(`${root}/${folder}`, { mode: 0o700 });
      made.push(folder);
    } catch (error) {
      if (errnoOf(error) !== 17) throw fileError(`make folder "${root}/${folder}"`, error);
    }
  }
  const parents = new Set(made.map((folder) => folder.slice(0, Math.max(0, folder.lastIndexOf("/")))));
  for (const parent of parents) await syncFolder(on, `${root}/${parent}`);
}
