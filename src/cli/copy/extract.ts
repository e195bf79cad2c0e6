/**
 * A tar archive that a daemon sends, unpacked on this side. What is in it is a stranger's: no name of it leads out of the destination, no link that it makes is
 * followed, and nothing but files, folders and links comes of it.
 */
import { constants } from "node:fs";
import { chmod, link, lstat, mkdir, open, rm, symlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { extract as newExtract, type Headers } from "tar-stream";
import { invalid, SampanError } from "../../base/errors.ts";

export interface Extracted {
  /** Bytes of files. */
  size: number;
  /** Names that were left out: devices and pipes. */
  readonly left: string[];
}

/** `to`: the path that the archive's first name becomes; where the archive has a folder's contents alone, the folder. Its parent must be there. */
export async function extractTo(to: string, archive: AsyncIterable<Uint8Array>): Promise<Extracted> {
  try {
    return await unpack(to, archive);
  } catch (error) {
    // Ours and the kernel's say what is wrong; the reader of archives does not.
    if (error instanceof SampanError || (error as { syscall?: string }).syscall !== undefined) throw error;
    throw new SampanError("data_loss", `cannot unpack to "${to}": the archive is cut or malformed`, {
      cause: error,
    });
  }
}

async function unpack(to: string, archive: AsyncIterable<Uint8Array>): Promise<Extracted> {
  const found: Extracted = { size: 0, left: [] };
  const folders: { path: string; header: Headers }[] = [];
  const extract = newExtract();
  const feeding = feed(extract, archive);
  feeding.catch((error: Error) => extract.destroy(error));
  const names = new Names();
  for await (const entry of extract as AsyncIterable<Readable & { header: Headers }>) {
    const { header } = entry;
    const path = placeOf(to, names.inside(header.name));
    if (header.type === "directory") {
      await makeFolder(to, path);
      folders.push({ path, header });
    } else {
      await makeParents(to, path);
      await clear(path);
      await makeEntry(path, { entry, to, names, found });
    }
    entry.resume();
  }
  await feeding;
  // Last, and the innermost first: what comes into a folder changes its time, and it may be read-only.
  for (const { path, header } of folders.toReversed()) await settle(path, header);
  return found;
}

async function feed(
  extract: ReturnType<typeof newExtract>,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const bytes of archive) {
    if (!extract.write(bytes)) await new Promise((resolve) => extract.once("drain", resolve));
  }
  extract.end();
}

/** Names below the first one of the archive. */
class Names {
  private root: string | undefined;

  inside(name: string): readonly string[] {
    const words = name.split("/").filter((word) => word !== "" && word !== ".");
    if (words.includes("..") || name.includes("\0"))
      throw invalid(`cannot unpack ${JSON.stringify(name)}: it leads out of the archive`);
    this.root ??= words[0] ?? "";
    if (this.root === "") return words;
    if (words[0] !== this.root)
      throw invalid(`cannot unpack ${JSON.stringify(name)}: it does not lie below "${this.root}"`);
    return words.slice(1);
  }
}

const placeOf = (to: string, words: readonly string[]) => (words.length === 0 ? to : join(to, ...words));

/** All folders between are real ones: a symlink among them would lead elsewhere. */
async function makeParents(to: string, path: string): Promise<void> {
  if (path === to) return;
  const parent = dirname(path);
  await makeParents(to, parent);
  await makeFolder(to, parent);
}

async function makeFolder(to: string, path: string): Promise<void> {
  if (path !== to) await makeParents(to, path);
  const there = await lstat(path).catch(() => undefined);
  if (!there) await mkdir(path, 0o700);
  // The destination itself is the person's own word, links and all.
  else if (!there.isDirectory() && path !== to)
    throw new SampanError(
      "failed_precondition",
      `cannot unpack into "${path}": it is there and is no folder`,
    );
}

async function clear(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there?.isDirectory())
    throw new SampanError("failed_precondition", `cannot write "${path}": it is a folder, wanted a file`);
  if (there) await rm(path);
}

interface Making {
  readonly entry: Readable & { header: Headers };
  readonly to: string;
  readonly names: Names;
  readonly found: Extracted;
}

async function makeEntry(path: string, { entry, to, names, found }: Making): Promise<void> {
  const { header } = entry;
  const { type, linkname = "" } = header;
  if (type === "symlink") await symlink(linkname ?? "", path);
  else if (type === "link") await makeLink(path, placeOf(to, names.inside(linkname ?? "")), to);
  else if (!type || type === "file" || type === "contiguous-file") {
    found.size += await makeFile(path, entry);
    await settle(path, header);
  } else found.left.push(path);
}

/** Another name of a file that came before it. */
async function makeLink(path: string, target: string, to: string): Promise<void> {
  await makeParents(to, target);
  if (!(await lstat(target)).isFile()) throw invalid(`cannot link "${path}": "${target}" is no file`);
  await link(target, path);
}

async function makeFile(path: string, entry: AsyncIterable<Uint8Array>): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await using file = await open(path, flags, 0o600);
  let size = 0;
  for await (const bytes of entry) {
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
    size += bytes.length;
  }
  return size;
}

async function settle(path: string, { mode = 0o644, mtime }: Headers): Promise<void> {
  await chmod(path, mode & 0o7777);
  if (mtime) await utimes(path, mtime, mtime);
}
