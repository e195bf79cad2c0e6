/** A file or a folder of this side as a tar archive, as it is read. */
import { createReadStream, type Stats } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack as newPack, type Headers, type Pack } from "tar-stream";
import { SampanError } from "../../base/errors.ts";

export interface PackOptions {
  /** The name in the archive; "" is the folder's contents alone. */
  readonly as: string;
  /** The path itself, when it is a symlink, is what it leads to. */
  readonly followLink: boolean;
  /** User and group by number; else root's, and the daemon gives it to the container's user. */
  readonly keepOwner: boolean;
}

export interface Packed {
  readonly archive: AsyncIterable<Uint8Array>;
  /** Bytes of files that were read so far. */
  readonly size: () => number;
}

export function packPath(path: string, options: PackOptions): Packed {
  const pack = newPack();
  const count = { size: 0 };
  const walk = async () => {
    await addPath(pack, path, { ...options, count, top: true });
    pack.finalize();
  };
  walk().catch((error: unknown) => pack.destroy(SampanError.wrap(`cannot read "${path}"`, error)));
  return { archive: pack as unknown as AsyncIterable<Uint8Array>, size: () => count.size };
}

interface Adding extends PackOptions {
  readonly count: { size: number };
  readonly top: boolean;
}

async function addPath(pack: Pack, path: string, options: Adding): Promise<void> {
  const status = await (options.top && options.followLink ? stat(path) : lstat(path));
  const header = headerOf(options.as, status, options.keepOwner);
  if (status.isDirectory()) {
    if (options.as !== "") await addEntry(pack, { ...header, type: "directory" });
    for (const name of (await readdir(path)).toSorted()) {
      const as = options.as === "" ? name : `${options.as}/${name}`;
      await addPath(pack, join(path, name), { ...options, as, top: false });
    }
  } else if (status.isSymbolicLink()) {
    await addEntry(pack, { ...header, type: "symlink", linkname: await readlink(path), size: 0 });
  } else if (status.isFile()) {
    await addFile(pack, path, { ...header, type: "file", size: status.size });
    options.count.size += status.size;
  } else if (options.top)
    throw new SampanError("invalid_argument", "it is neither a file, nor a folder, nor a symlink");
}

function headerOf(name: string, status: Stats, keepOwner: boolean): Headers {
  return {
    name,
    mode: status.mode & 0o7777,
    mtime: status.mtime,
    uid: keepOwner ? status.uid : 0,
    gid: keepOwner ? status.gid : 0,
  };
}

function addEntry(pack: Pack, header: Headers): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  pack.entry(header, (error) => (error ? reject(error) : resolve()));
  return promise;
}

/** Exactly as many bytes as the header says: a file that grows meanwhile is cut, one that shrinks is an error. */
async function addFile(pack: Pack, path: string, header: Headers): Promise<void> {
  const size = header.size ?? 0;
  if (size === 0) return addEntry(pack, header);
  await pipeline(createReadStream(path, { end: size - 1, highWaterMark: 256 * 1024 }), pack.entry(header));
}
