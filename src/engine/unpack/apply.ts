/**
 * Writes the entries of one layer into a directory. Every call is relative to an open folder of the tree (_directories.ts) with a single name behind it that the
 * kernel does not follow, so nothing can be written elsewhere, whatever names and links the archive holds (CVE-2021-32760 and its kin).
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import * as fs from "../../kernel/fs.ts";
import { O } from "../../kernel/linux.ts";
import type { UnpackTarget, Unsettled, Usage } from "../snapshots/snapshotter.ts";
import { late, setAttributes } from "./_attributes.ts";
import { below, Directories, type Folder, isWhiteoutDevice } from "./_directories.ts";
import type { Attribute, Entry, EntrySink } from "./entry.ts";
import { done } from "./_failure.ts";
import { FileWriter } from "./_files.ts";
import { OwnPaths } from "./_own.ts";
import { cleanPath, splitPath } from "./_path.ts";
import { empty, isFolder, removeAt } from "./remove.ts";

const create = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
/** Image specification, layer.md, "Whiteouts"; names with two prefixes are aufs' own files. */
const whiteoutPrefix = ".wh.";
const ofAufs = ".wh..wh.";
const opaqueMark = ".wh..wh..opq";

interface FolderToFinish {
  readonly entry: Entry;
  readonly attributes: readonly Attribute[];
}

export interface Applied extends Unsettled {
  readonly usage: Usage;
  readonly entries: number;
}

export class Applier implements EntrySink {
  readonly #isLayer: boolean;
  readonly #maxEntries: number;
  readonly #directories: Directories;
  readonly #uid = process.geteuid?.() ?? 0;
  readonly #gid = process.getegid?.() ?? 0;
  #entries = 0;
  #inodes = 0;
  #bytes = 0;
  #file: FileWriter | undefined;
  #fileInherits = false;
  /** Folders with an entry of their own, by their path without symlinks. */
  readonly #folders = new Map<fs.ByteString, FolderToFinish>();
  readonly #implicit = new Set<fs.ByteString>();
  readonly #links = new Map<fs.ByteString, fs.ByteString>();
  /** Tree mode: what this layer brought, with the folders that lead there; whiteouts leave it. */
  readonly #own = new OwnPaths();

  constructor(target: UnpackTarget, maxEntries: number) {
    this.#isLayer = target.mode === "layer";
    this.#maxEntries = maxEntries;
    this.#directories = new Directories(fs.byteString(target.root), {
      implicit: (path) => {
        this.#inodes++;
        if (this.#isLayer) this.#implicit.add(path);
      },
      blocked: (_parent, _name, status) => this.#isLayer && isWhiteoutDevice(status),
      replaced: (parent, name) => this.#markOpaque(parent, name),
    });
  }

  begin(entry: Entry): void {
    if (++this.#entries > this.#maxEntries)
      throw new SampanError("resource_exhausted", `it is over the limit of ${this.#maxEntries} entries`);
    const path = cleanPath(entry.name);
    if (path === "") return this.#rootEntry(entry);
    const { folder, name } = splitPath(path);
    if (name === opaqueMark) return this.#opaque(folder);
    if (path.startsWith(ofAufs) || path.includes(`/${ofAufs}`)) return;
    if (name.startsWith(whiteoutPrefix)) return this.#whiteout(folder, name.slice(whiteoutPrefix.length));
    this.#make(entry, folder, name);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#file?.data(bytes, start, end);
  }

  end(): void {
    if (!this.#file) return;
    this.#bytes += this.#file.end({ inherited: this.#fileInherits, uid: this.#uid, gid: this.#gid });
    this.#file.close();
    this.#file = undefined;
  }

  /** When all entries are written: the times of folders, deepest last made first. */
  complete(): Applied {
    for (const [path, folder] of [...this.#folders].reverse()) this.#finishFolder(path, folder);
    for (const path of this.#implicit) this.#countFolder(path);
    return {
      usage: { bytes: this.#bytes, inodes: this.#inodes },
      entries: this.#entries,
      implicitDirs: [...this.#implicit],
      links: [...this.#links].map(([path, target]) => ({ path, target })),
    };
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
    this.#directories[Symbol.dispose]();
  }

  #make(entry: Entry, folder: fs.ByteString, name: fs.ByteString): void {
    const parent = this.#directories.get(folder);
    const path = below(parent, name);
    if (this.#links.size > 0) this.#links.delete(path);
    if (entry.type === "directory") this.#directory(entry, folder, name);
    else if (entry.type === "link") this.#link(entry, folder, name);
    else if (entry.type === "file") this.#regular(entry, folder, name);
    else this.#special(entry, folder, name);
    if (!this.#isLayer) this.#own.keep(path);
  }

  /** Runs the call that makes something; where a thing of that name is there already, it is removed first. */
  #fresh(
    folder: fs.ByteString,
    name: fs.ByteString,
    call: (parent: Folder) => number,
  ): { parent: Folder; result: number } {
    const parent = this.#directories.get(folder);
    const result = call(parent);
    if (result !== -errno.EEXIST) return { parent, result: done(result, "make it") };
    this.#removeExisting(parent, name);
    const again = this.#directories.get(folder);
    return { parent: again, result: done(call(again), "make it") };
  }

  #removeExisting(parent: Folder, name: fs.ByteString): void {
    const status = fs.statAt(parent.fd, name);
    const path = below(parent, name);
    removeAt(parent.fd, name);
    this.#folders.delete(path);
    this.#implicit.delete(path);
    if (typeof status !== "number" && this.#isLayer && status.links === 1) {
      this.#inodes--;
      this.#bytes -= status.allocated;
    }
    this.#directories.forget();
  }

  #inherits(parent: Folder, entry: Entry): boolean {
    return parent.setsGroup || entry.uid !== this.#uid || entry.gid !== this.#gid;
  }

  #regular(entry: Entry, folder: fs.ByteString, name: fs.ByteString): void {
    const { parent, result } = this.#fresh(folder, name, ({ fd }) =>
      fs.openAt(fd, name, create, entry.mode & 0o777),
    );
    this.#file = new FileWriter(entry, result);
    this.#fileInherits = parent.setsGroup;
    this.#inodes++;
  }

  #special(entry: Entry, folder: fs.ByteString, name: fs.ByteString): void {
    const { parent } = this.#fresh(folder, name, ({ fd }) => makeSpecial(fd, name, entry));
    this.#inodes++;
    if (this.#inherits(parent, entry))
      done(fs.chownAt(parent.fd, name, entry.uid, entry.gid), "set its owner");
    // chown(2) clears set-id bits, and mknod(2) a group's where the process is not in it.
    if (entry.type !== "symlink" && (entry.mode & 0o6000) !== 0)
      done(fs.chmodAt(parent.fd, name, entry.mode), "set its mode");
    setAttributes(entry, entry.attributes, (one) => fs.setAttributeAt(parent.fd, name, one.name, one.value));
    done(fs.setTimesAt(parent.fd, name, entry), "set its times");
    // The target of a long symlink has a block of its own, and so have attributes.
    const status = fs.statAt(parent.fd, name);
    if (typeof status !== "number") this.#bytes += status.allocated;
  }

  #directory(entry: Entry, folder: fs.ByteString, name: fs.ByteString): void {
    let parent = this.#directories.get(folder);
    let result = fs.makeDirAt(parent.fd, name, entry.mode & 0o1777);
    const existing = result === -errno.EEXIST ? fs.statAt(parent.fd, name) : undefined;
    const isOldFolder = typeof existing === "object" && isFolder(existing);
    const wasRemoved = typeof existing === "object" && this.#isLayer && isWhiteoutDevice(existing);
    if (isOldFolder) result = 0;
    else if (existing !== undefined) {
      this.#removeExisting(parent, name);
      parent = this.#directories.get(folder);
      result = fs.makeDirAt(parent.fd, name, entry.mode & 0o1777);
    }
    done(result, "make it");
    if (!isOldFolder) this.#inodes++;
    const groupBit = parent.setsGroup || (entry.mode & 0o6000) !== 0;
    if (isOldFolder || this.#inherits(parent, entry))
      done(fs.chownAt(parent.fd, name, entry.uid, entry.gid), "set its owner");
    if (isOldFolder || groupBit) done(fs.chmodAt(parent.fd, name, entry.mode), "set its mode");
    setAttributes(
      entry,
      entry.attributes.filter((one) => !late(one)),
      (one) => fs.setAttributeAt(parent.fd, name, one.name, one.value),
    );
    if (wasRemoved) this.#markOpaque(parent, name);
    this.#noteFolder(below(parent, name), entry);
    if (isOldFolder && ((entry.mode | (existing as fs.Status).mode) & 0o2000) !== 0)
      this.#directories.forget();
  }

  #noteFolder(path: fs.ByteString, entry: Entry): void {
    this.#implicit.delete(path);
    this.#folders.set(path, { entry, attributes: entry.attributes.filter(late) });
  }

  #rootEntry(entry: Entry): void {
    if (entry.type !== "directory") throw invalid("the root can only be a folder");
    const fd = done(fs.openAt(this.#directories.root.fd, ".", O.RDONLY | O.DIRECTORY), "open the root");
    try {
      done(fs.chown(fd, entry.uid, entry.gid), "set the root's owner");
      done(fs.chmod(fd, entry.mode), "set the root's mode");
      setAttributes(
        entry,
        entry.attributes.filter((one) => !late(one)),
        ({ name, value }) => fs.setAttribute(fd, name, value),
      );
    } finally {
      fs.close(fd);
    }
    this.#noteFolder("", entry);
  }

  #link(entry: Entry, folder: fs.ByteString, name: fs.ByteString): void {
    const target = cleanPath(entry.target);
    if (target === "") throw invalid("it links to the root");
    let parent = this.#directories.get(folder);
    const path = below(parent, name);
    const there = splitPath(target);
    if (this.#settled(there) === path) throw invalid("it links to itself");
    if (typeof fs.statAt(parent.fd, name) !== "number") {
      this.#removeExisting(parent, name);
      parent = this.#directories.get(folder);
    }
    const from = this.#directories.find(there.folder);
    const status = from ? fs.statAt(from.fd, there.name) : -errno.ENOENT;
    if (from && typeof status === "object") {
      if (isFolder(status)) throw invalid(`it links to "${target}", which is a folder`);
      if (this.#isLayer && isWhiteoutDevice(status))
        throw invalid(`it links to "${target}", which its layer removes`);
      done(fs.linkAt(from.fd, there.name, parent.fd, name), `link it to "${target}"`);
      return this.#describeLink(entry, { parent, name, status });
    }
    if (typeof status === "number" && status !== -errno.ENOENT) done(status, `find "${target}"`);
    const known = from ? below(from, there.name) : target;
    if (!this.#isLayer) throw invalid(`it links to "${target}", which is not there`);
    // A link to a link that waits itself waits for the same file.
    this.#links.set(path, this.#links.get(known) ?? known);
  }

  /** What the header of a link says counts for the file, as containerd and Docker have it. Owner and mode only where they differ: chown(2) takes capabilities away. */
  #describeLink(
    entry: Entry,
    { parent, name, status }: { parent: Folder; name: fs.ByteString; status: fs.Status },
  ): void {
    const isOwner = entry.uid === status.uid && entry.gid === status.gid;
    if (!isOwner) done(fs.chownAt(parent.fd, name, entry.uid, entry.gid), "set its owner");
    const isSymlink = (status.mode & fs.type.MASK) === fs.type.SYMLINK;
    if (!isSymlink && (!isOwner || entry.mode !== (status.mode & 0o7777)))
      done(fs.chmodAt(parent.fd, name, entry.mode), "set its mode");
    setAttributes(entry, entry.attributes, (one) => fs.setAttributeAt(parent.fd, name, one.name, one.value));
    done(fs.setTimesAt(parent.fd, name, entry), "set its times");
  }

  #settled({ folder, name }: { folder: fs.ByteString; name: fs.ByteString }): fs.ByteString | undefined {
    const found = this.#directories.find(folder);
    return found && below(found, name);
  }

  #whiteout(folder: fs.ByteString, name: fs.ByteString): void {
    if (name === "" || name === "." || name === "..") throw invalid(`it is a whiteout of "${name}"`);
    if (this.#isLayer) return this.#layerWhiteout(folder, name);
    const parent = this.#directories.find(folder);
    if (!parent) return;
    this.#own.removeOthers(parent.fd, name, below(parent, name));
    this.#directories.forget();
  }

  /** overlayfs: a character device 0:0 hides; a folder that is opaque hides what the layers below have in it. */
  #layerWhiteout(folder: fs.ByteString, name: fs.ByteString): void {
    const parent = this.#directories.get(folder);
    if (this.#links.has(below(parent, name))) return;
    const result = fs.makeNodeAt(parent.fd, name, fs.type.CHARACTER, { major: 0, minor: 0 });
    if (result !== -errno.EEXIST) {
      done(result, "make a whiteout");
      this.#inodes++;
      return;
    }
    const status = fs.statAt(parent.fd, name);
    if (typeof status !== "number" && isFolder(status)) this.#markOpaque(parent, name);
  }

  #opaque(folder: fs.ByteString): void {
    if (this.#isLayer) {
      const { fd } = this.#directories.get(folder);
      const readable = done(fs.openAt(fd, ".", O.RDONLY | O.DIRECTORY), "open its folder");
      try {
        done(fs.setAttribute(readable, opaque.name, opaque.value), "make its folder opaque");
      } finally {
        fs.close(readable);
      }
      return;
    }
    const found = this.#directories.find(folder);
    if (!found) return;
    this.#own.removeOthersIn(found.fd, found.path);
    this.#directories.forget();
  }

  #markOpaque(parent: Folder, name: fs.ByteString): void {
    done(fs.setAttributeAt(parent.fd, name, opaque.name, opaque.value), "make it opaque");
    this.#implicit.delete(below(parent, name));
  }

  #finishFolder(path: fs.ByteString, { entry, attributes }: FolderToFinish): void {
    const fd = this.#directories.openDirect(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    if (fd === undefined) return;
    try {
      setAttributes(entry, attributes, ({ name, value }) => fs.setAttribute(fd, name, value));
      done(fs.setTimes(fd, entry), "set the times of a folder");
      const status = fs.statAt(fd, "");
      if (typeof status !== "number" && path !== "") this.#bytes += status.allocated;
    } finally {
      fs.close(fd);
    }
  }

  #countFolder(path: fs.ByteString): void {
    const fd = this.#directories.openDirect(path, O.PATH | O.DIRECTORY | O.NOFOLLOW);
    if (fd === undefined) return;
    const status = fs.statAt(fd, "");
    fs.close(fd);
    if (typeof status !== "number") this.#bytes += status.allocated;
  }
}

const opaque = { name: "trusted.overlay.opaque", value: Buffer.from("y") } as const;

function makeSpecial(fd: number, name: fs.ByteString, entry: Entry): number {
  if (entry.type === "symlink") {
    if (entry.target === "" || entry.target.includes("\0"))
      throw invalid("it is a symlink without a target that can be");
    return fs.symlinkAt(entry.target, fd, name);
  }
  if (entry.type === "fifo")
    return fs.makeNodeAt(fd, name, fs.type.FIFO | entry.mode, { major: 0, minor: 0 });
  if (entry.major > 0xfff || entry.minor > 0xfffff || entry.major < 0 || entry.minor < 0)
    throw invalid(`its device number ${entry.major}:${entry.minor} is none of Linux`);
  const kind = entry.type === "character" ? fs.type.CHARACTER : fs.type.BLOCK;
  return fs.makeNodeAt(fd, name, kind | entry.mode, entry);
}

/** A job that begins anew: all that is in the root goes, and its own attributes are as they were. */
export function emptyRoot(root: string, before: fs.Status): void {
  const fd = done(fs.openAt(fs.at.FDCWD, fs.byteString(root), O.RDONLY | O.DIRECTORY), "open the root");
  try {
    empty(fd);
    fs.removeAttribute(fd, opaque.name);
    done(fs.chown(fd, before.uid, before.gid), "set the root's owner");
    done(fs.chmod(fd, before.mode & 0o7777), "set the root's mode");
  } finally {
    fs.close(fd);
  }
}
