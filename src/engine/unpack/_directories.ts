/**
 * The folders of a tree that is being written, by descriptor. A path goes through symlinks of the tree as a container would see them ("/" is the root, ".." ends
 * there), and folders that no entry has made are made. The kernel keeps every step inside: openat2(2) with RESOLVE_BENEATH and no symlinks for whole paths
 * that have none (nearly all), and one step at a time for the others.
 */
import { invalid } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import {
  at,
  type ByteString,
  close,
  makeDirAt,
  openAt,
  openAt2,
  readLinkAt,
  type Status,
  statAt,
  type as fileType,
  unlinkAt,
} from "../../kernel/fs.ts";
import { O, RESOLVE } from "../../kernel/linux.ts";
import { done } from "./_failure.ts";

const plain = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_XDEV;
const folder = O.PATH | O.DIRECTORY | O.NOFOLLOW;

/** As Linux: so many symlinks may be followed in one path; and so many steps taken. */
const maxLinks = 40;
const maxSteps = 8192;
const maxOpen = 200;

export interface Folder {
  /** O_PATH. */
  readonly fd: number;
  /** Its path from the root, without symlinks; "" is the root. */
  readonly path: ByteString;
  /** New entries get its group. */
  readonly setsGroup: boolean;
}

export interface FolderEvents {
  /** A folder was made that no entry has named yet. */
  implicit(path: ByteString): void;
  /** What stands where a folder is needed: true when it has been removed to make room, and how the new one is to be marked. */
  blocked(parent: Folder, name: ByteString, status: Status): boolean;
  /** A folder was made in place of what blocked. */
  replaced(parent: Folder, name: ByteString): void;
}

export class Directories {
  readonly root: Folder;
  readonly #events: FolderEvents;
  /** The one used last stands last: a step that needs two folders never loses the first to the second. */
  readonly #open = new Map<ByteString, Folder>();
  #latest: { readonly path: ByteString; readonly folder: Folder } | undefined;

  constructor(path: ByteString, events: FolderEvents) {
    const fd = done(openAt(at.FDCWD, path, O.PATH | O.DIRECTORY), "open the root");
    this.#events = events;
    this.root = folderOf(fd, "");
  }

  /** The folder of this cleaned path; made where it is not there. */
  get(path: ByteString): Folder {
    if (path === "") return this.root;
    return (this.#known(path) ??
      this.#remember(path, this.#direct(path) ?? this.#walk(path, true))) as Folder;
  }

  /** The same without making anything: undefined where it is not there. */
  find(path: ByteString): Folder | undefined {
    if (path === "") return this.root;
    return this.#known(path) ?? this.#remember(path, this.#direct(path) ?? this.#walk(path, false));
  }

  /** To be called when a folder or a symlink was removed or replaced, or a folder's mode was changed. */
  forget(): void {
    for (const { fd } of this.#open.values()) close(fd);
    this.#open.clear();
    this.#latest = undefined;
  }

  [Symbol.dispose](): void {
    this.forget();
    close(this.root.fd);
  }

  /** A descriptor of the folder at a path without symlinks; undefined where there is none (any more). The caller closes it. */
  openDirect(path: ByteString, flags: number): number | undefined {
    const fd = openAt2(this.root.fd, path === "" ? "." : path, flags, plain);
    return fd < 0 ? undefined : fd;
  }

  #known(path: ByteString): Folder | undefined {
    if (this.#latest?.path === path) return this.#latest.folder;
    const folder = this.#open.get(path);
    if (!folder) return undefined;
    this.#open.delete(path);
    this.#open.set(path, folder);
    this.#latest = { path, folder };
    return folder;
  }

  #remember(path: ByteString, found: Folder | undefined): Folder | undefined {
    if (!found || found === this.root) return found;
    if (this.#open.size >= maxOpen) {
      const [oldest, held] = this.#open.entries().next().value as [ByteString, Folder];
      this.#open.delete(oldest);
      close(held.fd);
    }
    this.#open.set(path, found);
    this.#latest = { path, folder: found };
    return found;
  }

  #direct(path: ByteString): Folder | undefined {
    const fd = openAt2(this.root.fd, path, folder, plain);
    if (fd >= 0) return folderOf(fd, path);
    if (fd === -errno.ENOENT || fd === -errno.ENOTDIR || fd === -errno.ELOOP) return undefined;
    done(fd, "open its folder");
    return undefined;
  }

  /** Step by step. A symlink is followed by putting its text in front of what is left of the path. */
  #walk(path: ByteString, make: boolean): Folder | undefined {
    const left = path.split("/").reverse();
    let here = this.root;
    let links = 0;
    try {
      for (let steps = 0; ; steps++) {
        const name = left.pop();
        if (name === undefined) return here;
        if (steps > maxSteps) throw invalid("its path is too long when its symlinks are followed");
        if (name === "" || name === ".") continue;
        const next = name === ".." ? this.#above(here) : this.#step(here, name, make);
        if (typeof next === "string") {
          if (++links > maxLinks) throw invalid("its path leads through too many symlinks");
          for (const part of next.split("/").reverse()) left.push(part);
          if (next.startsWith("/")) here = this.#leave(here, this.root);
        } else if (next) here = this.#leave(here, next);
        else return void this.#leave(here, this.root);
      }
    } catch (error) {
      this.#leave(here, this.root);
      throw error;
    }
  }

  #leave(from: Folder, to: Folder): Folder {
    if (from !== this.root) close(from.fd);
    return to;
  }

  #above(here: Folder): Folder {
    const path = here.path.slice(0, Math.max(0, here.path.lastIndexOf("/")));
    return path === ""
      ? this.root
      : folderOf(done(openAt2(this.root.fd, path, folder, plain), "open its folder"), path);
  }

  /** The folder, a symlink's text, or undefined where it is not there and is not to be made. */
  #step(here: Folder, name: ByteString, make: boolean): Folder | ByteString | undefined {
    const path = below(here, name);
    const fd = openAt2(here.fd, name, folder, plain);
    if (fd >= 0) return folderOf(fd, path);
    if (fd === -errno.ENOENT) return make ? this.#make(here, name) : undefined;
    if (fd !== -errno.ENOTDIR && fd !== -errno.ELOOP) done(fd, "open its folder");
    const text = readLinkAt(here.fd, name);
    if (typeof text === "string") return text;
    if (!make) return undefined;
    return this.#makeRoom(here, name);
  }

  #make(here: Folder, name: ByteString): Folder {
    done(makeDirAt(here.fd, name, 0o755), "make its folder");
    const path = below(here, name);
    this.#events.implicit(path);
    return folderOf(done(openAt2(here.fd, name, folder, plain), "open its folder"), path);
  }

  #makeRoom(here: Folder, name: ByteString): Folder {
    const status = statAt(here.fd, name);
    if (typeof status === "number" || !this.#events.blocked(here, name, status))
      throw invalid(`"${below(here, name)}" in its path is not a folder`);
    done(unlinkAt(here.fd, name), "remove a whiteout");
    done(makeDirAt(here.fd, name, 0o755), "make its folder");
    this.#events.replaced(here, name);
    return folderOf(done(openAt2(here.fd, name, folder, plain), "open its folder"), below(here, name));
  }
}

export function below(parent: Folder, name: ByteString): ByteString {
  return parent.path === "" ? name : `${parent.path}/${name}`;
}

function folderOf(fd: number, path: ByteString): Folder {
  const status = statAt(fd, "");
  if (typeof status === "number") {
    close(fd);
    done(status, "look at its folder");
    throw invalid("its folder cannot be looked at");
  }
  return { fd, path, setsGroup: (status.mode & 0o2000) !== 0 };
}

export const isWhiteoutDevice = (status: Status): boolean =>
  (status.mode & fileType.MASK) === fileType.CHARACTER && status.major === 0 && status.minor === 0;
