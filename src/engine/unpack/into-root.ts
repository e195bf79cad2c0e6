/**
 * Writes the entries of an archive into a root that somebody else works in at the same time and may want to lead us out of: a container's. Each folder on the way is opened by
 * openat2(2) with RESOLVE_IN_ROOT, so that every link, an absolute one too, means what it means inside; each entry is made by one name that is not followed, and what is made
 * is changed by its descriptor alone (CVE-2018-15664, CVE-2021-41089). Folders that are there stay as they are.
 */
import { invalid } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import * as fs from "../../kernel/fs.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import { setAttributes } from "./_attributes.ts";
import type { Entry, EntrySink } from "./entry.ts";
import { done } from "./_failure.ts";
import { FileWriter } from "./_files.ts";
import { cleanPath, splitPath } from "./_path.ts";
import { isFolder, removeAt } from "./remove.ts";

export const insideRoot = RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS;
const folderFlags = O.PATH | O.DIRECTORY;

export interface RootTarget {
  /** A descriptor of the root's folder. */
  readonly root: number;
  /** Where names begin: a path inside. */
  readonly folder: fs.ByteString;
  /** A folder is never replaced by something else, nor something else by a folder. */
  readonly keepFolders: boolean;
  /** From the ids that the archive says to those on disk. */
  readonly owner: (entry: Pick<Entry, "uid" | "gid">) => { readonly uid: number; readonly gid: number };
}

export class RootWriter implements EntrySink {
  readonly #target: RootTarget;
  #file: { readonly writer: FileWriter; readonly fd: number; readonly mode: number } | undefined;
  /** The folder that was used last: most entries of an archive follow one another. */
  #latest: { readonly path: fs.ByteString; readonly fd: number } | undefined;
  /** Those that were made, for their times, which change with what is made in them. */
  readonly #made: { readonly path: fs.ByteString; readonly entry: Entry }[] = [];

  constructor(target: RootTarget) {
    this.#target = target;
  }

  begin(entry: Entry): void {
    const path = cleanPath(entry.name);
    if (path === "") {
      if (entry.type !== "directory")
        throw invalid("the folder that it is to be unpacked in can only be a folder");
      return;
    }
    const { folder, name } = splitPath(path);
    const owned = { ...entry, ...this.#target.owner(entry) };
    const parent = this.#folder(folder);
    if (!this.#makeRoom(owned, parent, { path, name })) return;
    if (entry.type === "file") this.#regular(owned, parent, name);
    else if (entry.type === "directory") this.#directory(owned, parent, { path, name });
    else if (entry.type === "link") this.#link(owned, parent, name);
    else this.#special(owned, parent, name);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#file?.writer.data(bytes, start, end);
  }

  end(): void {
    const file = this.#file;
    if (!file) return;
    file.writer.end({ inherited: true, uid: 0, gid: 0 });
    // This process's umask has taken from it what it was made with.
    done(fs.chmod(file.fd, file.mode), "set its mode");
    this.#file = undefined;
    file.writer.close();
  }

  /** When all entries are written. */
  complete(): void {
    for (const { path, entry } of this.#made.toReversed()) {
      const { folder, name } = splitPath(path);
      done(fs.setTimesAt(this.#folder(folder), name, entry), "set the times of a folder");
    }
  }

  [Symbol.dispose](): void {
    this.#file?.writer.close();
    this.#file = undefined;
    this.#forget();
  }

  #forget(): void {
    if (this.#latest) fs.close(this.#latest.fd);
    this.#latest = undefined;
  }

  /** False: a folder that is there is left as it is. */
  #makeRoom(
    entry: Entry,
    parent: number,
    { path, name }: { path: fs.ByteString; name: fs.ByteString },
  ): boolean {
    const there = fs.statAt(parent, name);
    if (there === -errno.ENOENT) return true;
    if (typeof there === "number") done(there, "look at what is there");
    const [old, now] = [isFolder(there as fs.Status), entry.type === "directory"];
    if (old && now) return false;
    if (this.#target.keepFolders && old)
      throw invalid(`cannot overwrite directory "${path}" with non-directory`);
    if (this.#target.keepFolders && now)
      throw invalid(`cannot overwrite non-directory "${path}" with directory`);
    removeAt(parent, name);
    return true;
  }

  /** O_PATH; made where it is not there. */
  #folder(path: fs.ByteString): number {
    if (this.#latest?.path === path) return this.#latest.fd;
    this.#forget();
    const fd = openFolder(this.#target, path);
    this.#latest = { path, fd };
    return fd;
  }

  #regular(entry: Entry, parent: number, name: fs.ByteString): void {
    const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
    const fd = done(fs.openAt(parent, name, flags, 0o600), "make it");
    this.#file = { writer: new FileWriter(entry, fd), fd, mode: entry.mode };
  }

  #directory(
    entry: Entry,
    parent: number,
    { path, name }: { path: fs.ByteString; name: fs.ByteString },
  ): void {
    done(fs.makeDirAt(parent, name, 0o700), "make it");
    const fd = done(fs.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open it");
    try {
      done(fs.chown(fd, entry.uid, entry.gid), "set its owner");
      done(fs.chmod(fd, entry.mode), "set its mode");
      setAttributes(entry, entry.attributes, (one) => fs.setAttribute(fd, one.name, one.value));
    } finally {
      fs.close(fd);
    }
    this.#made.push({ path, entry });
  }

  #link(entry: Entry, parent: number, name: fs.ByteString): void {
    const target = splitPath(cleanPath(entry.target));
    if (target.name === "") throw invalid("it links to the folder that it is unpacked in");
    const from = openFolder(this.#target, target.folder);
    try {
      done(fs.linkAt(from, target.name, parent, name), `link it to "${entry.target}"`);
    } finally {
      fs.close(from);
    }
  }

  #special(entry: Entry, parent: number, name: fs.ByteString): void {
    done(makeSpecial(parent, name, entry), "make it");
    const fd = done(fs.openAt(parent, name, O.PATH | O.NOFOLLOW), "open it");
    try {
      done(fs.chownAt(fd, "", entry.uid, entry.gid), "set its owner");
      // A descriptor's own link leads to the thing itself; of a symlink there is no mode.
      const place = `/proc/self/fd/${fd}`;
      if (entry.type !== "symlink") done(fs.chmodAt(fs.at.FDCWD, place, entry.mode), "set its mode");
    } finally {
      fs.close(fd);
    }
    setAttributes(entry, entry.attributes, (one) => fs.setAttributeAt(parent, name, one.name, one.value));
    done(fs.setTimesAt(parent, name, entry), "set its times");
  }
}

/** O_PATH of a folder below the target's, made with those above it where it is not there. The caller closes it. */
export function openFolder(
  { root, folder, owner }: Omit<RootTarget, "keepFolders">,
  path: fs.ByteString,
): number {
  const whole = `${folder}/${path}`;
  const found = fs.openAt2(root, whole, folderFlags, insideRoot);
  if (found !== -errno.ENOENT) return done(found, "open its folder");
  if (path === "") return done(found, "open the folder that it is unpacked in");
  const { folder: above, name } = splitPath(path);
  const parent = openFolder({ root, folder, owner }, above);
  try {
    const made = fs.makeDirAt(parent, name, 0o700);
    if (made !== -errno.EEXIST) {
      done(made, "make its folder");
      const fd = done(fs.openAt(parent, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW), "open its folder");
      const { uid, gid } = owner({ uid: 0, gid: 0 });
      done(fs.chown(fd, uid, gid), "set its folder's owner");
      done(fs.chmod(fd, 0o755), "set its folder's mode");
      return fd;
    }
  } finally {
    fs.close(parent);
  }
  return done(fs.openAt2(root, whole, folderFlags, insideRoot), "open its folder");
}

function makeSpecial(parent: number, name: fs.ByteString, entry: Entry): number {
  if (entry.type === "symlink") {
    if (entry.target === "" || entry.target.includes("\0"))
      throw invalid("it is a symlink without a target that can be");
    return fs.symlinkAt(entry.target, parent, name);
  }
  if (entry.type === "fifo") return fs.makeNodeAt(parent, name, fs.type.FIFO | 0o600, { major: 0, minor: 0 });
  if (entry.major > 0xfff || entry.minor > 0xfffff || entry.major < 0 || entry.minor < 0)
    throw invalid(`its device number ${entry.major}:${entry.minor} is none of Linux`);
  const kind = entry.type === "character" ? fs.type.CHARACTER : fs.type.BLOCK;
  return fs.makeNodeAt(parent, name, kind | 0o600, entry);
}
