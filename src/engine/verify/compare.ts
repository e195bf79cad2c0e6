/** A layer's folder on disk, held against what its archive says (layer-model.ts): each name, and what it is. */
import { SampanError } from "../../base/errors.ts";
import { close, textOf, type as fileType, type ByteString, type Status } from "../../kernel/fs.ts";
import { isWhiteout, overlayValue } from "../archive/merged.ts";
import { isFolder, kindOf, namesIn, openNode, type Node } from "../archive/node.ts";
import { differences, sameFileBytes } from "../archive/same.ts";
import { Attributes } from "./attributes.ts";
import { openFileIn, type Below } from "./below.ts";
import type { Depth } from "./contents.ts";
import { joined, type File, type Folder, type Item, type LayerModel } from "./layer-model.ts";
import type { Entry } from "../unpack/entry.ts";

export interface Comparison {
  readonly model: LayerModel;
  readonly root: Node;
  readonly mode: "layer" | "tree";
  readonly below: Below;
  readonly depth: Depth;
  /** The kernel wrote the whiteouts (a layer that had to be unpacked over those below): they stand only where there is something to hide. */
  readonly kernelWhiteouts: boolean;
  readonly signal: AbortSignal;
}

/** After so many entries the caller's thread gets its turn. */
const turn = 256;

export class Comparer {
  readonly #on: Comparison;
  readonly #attributes: Attributes;
  readonly #inodes = new Map<File, bigint>();
  readonly #files = new Map<bigint, File>();
  #steps = 0;

  constructor(on: Comparison) {
    this.#on = on;
    this.#attributes = new Attributes(on.root.fd);
  }

  /** The first difference, as `"/usr/bin/tool": its bytes differ`. */
  async run(): Promise<string | undefined> {
    return this.#folder(this.#on.root, this.#on.model.root);
  }

  async #rest(): Promise<void> {
    if (++this.#steps % turn !== 0) return;
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#on.signal.throwIfAborted();
  }

  async #folder(disk: Node, wanted: Folder, above = false): Promise<string | undefined> {
    await this.#rest();
    const hidden = above || wanted.opaque;
    const names = new Set(namesIn(disk));
    for (const name of names) {
      using node = openNode(disk, name);
      if (!node) return told(joined(disk.path, name), "it is gone");
      const item = wanted.children.get(name);
      const found = item ? await this.#item(node, item, hidden) : await this.#further(node, hidden);
      if (found !== undefined) return found;
    }
    for (const [name, item] of wanted.children)
      if (!names.has(name) && !this.#mayLack(item)) return told(joined(disk.path, name), "it is gone");
    const kept = this.#on.mode === "tree" && !hidden ? this.#keptFromBelow(disk, names, wanted) : undefined;
    if (kept !== undefined) return kept;
    // What lacks in it says more than the time at which it went.
    const own = this.#folderItself(disk, wanted);
    return own === undefined ? undefined : told(disk.path, own);
  }

  #folderItself(disk: Node, { entry, opaque }: Folder): string | undefined {
    const { mode, kernelWhiteouts } = this.#on;
    if (mode === "layer" && !kernelWhiteouts && (overlayValue(disk, "opaque") === "y") !== opaque)
      return opaque
        ? "it shows what the layers below have in it"
        : "it hides what the layers below have in it";
    if (!entry) return undefined;
    return this.#metadata(disk, entry);
  }

  async #item(node: Node, item: Item, hidden: boolean): Promise<string | undefined> {
    if (item.kind === "whiteout") {
      if (this.#on.mode === "layer" ? isWhiteout(node) : this.#on.kernelWhiteouts) return undefined;
      return told(node.path, "its layer removes it");
    }
    if (item.kind === "folder")
      return isFolder(node) ? this.#folder(node, item, hidden) : told(node.path, "it is no folder");
    await this.#rest();
    const difference = this.#file(node, this.#on.model.fileOf(item.file));
    return difference === undefined ? undefined : told(node.path, difference);
  }

  #mayLack(item: Item): boolean {
    if (item.kind === "file") return false;
    const { mode, kernelWhiteouts } = this.#on;
    if (item.kind === "whiteout") return mode === "tree" || kernelWhiteouts;
    return kernelWhiteouts && !item.entry && [...item.children.values()].every((one) => this.#mayLack(one));
  }

  /** What the archive does not name: whiteouts of the kernel, or what a copy has from the tree that it began with. */
  async #further(node: Node, hidden: boolean): Promise<string | undefined> {
    const { mode, kernelWhiteouts, below } = this.#on;
    if (kernelWhiteouts && isWhiteout(node)) return undefined;
    if (mode === "layer" || hidden || !below.top) return told(node.path, "its layer does not hold it");
    return this.#inherited(node);
  }

  async #inherited(node: Node): Promise<string | undefined> {
    await this.#rest();
    using parent = openPath(this.#on.below.top as Node, node.path);
    if (!parent) return told(node.path, "neither its layer nor the tree below holds it");
    const found = differences(node, parent, sameFileBytes);
    const [first] = isFolder(node) ? found.filter((one) => one === "type" || one === "mode") : found;
    if (first !== undefined) return told(node.path, `its ${first} is not that of the tree below`);
    if (!isFolder(node)) return undefined;
    const names = namesIn(node);
    for (const name of names) {
      using child = openNode(node, name);
      const different = child && (await this.#inherited(child));
      if (different !== undefined) return different;
    }
    const here = new Set(names);
    const lost = namesIn(parent).find((name) => !here.has(name));
    return lost === undefined ? undefined : told(joined(node.path, lost), "it is gone");
  }

  #keptFromBelow(disk: Node, names: ReadonlySet<ByteString>, wanted: Folder): string | undefined {
    const { top } = this.#on.below;
    using parent = top && openPath(top, disk.path);
    if (!parent || !isFolder(parent)) return undefined;
    const lost = namesIn(parent).find((name) => !names.has(name) && !wanted.children.has(name));
    return lost === undefined ? undefined : told(joined(disk.path, lost), "it is gone");
  }

  #file(node: Node, file: File): string | undefined {
    // A file that lost its own name to a later entry and lives on by its links: what was read was that later one.
    const isRead = (file.inode ?? node.status.inode) === node.status.inode;
    if (file.difference !== undefined && isRead) return file.difference;
    const different = file.entry ? this.#metadata(node, file.entry) : this.#broughtUp(node, file);
    if (different !== undefined) return different;
    const { inode } = node.status;
    if ((this.#inodes.get(file) ?? inode) !== inode) return "its hard links are files of their own";
    const other = this.#files.get(inode) ?? file;
    // Two that were brought up may be one file below.
    if (other !== file && (file.entry || other.entry)) return "it is a hard link to a file of another name";
    this.#inodes.set(file, inode);
    this.#files.set(inode, file);
    return undefined;
  }

  #broughtUp(node: Node, { from, link }: File): string | undefined {
    const seen = from === undefined ? undefined : this.#on.below.look(from);
    if (!seen) return undefined;
    const [a, b] = [node.status, seen.status];
    if (kindOf(a) !== kindOf(b)) return "it is of another type than the file below";
    if (kindOf(a) !== fileType.REGULAR) return undefined;
    // Where the link was made over the tree below, its header counts.
    const modes = [b.mode & 0o7777, link?.mode];
    if (a.size !== b.size || !modes.includes(a.mode & 0o7777))
      return "its size or mode is not that of the file below";
    const original = openFileIn(seen.layer, from as ByteString);
    if (!original) return undefined;
    try {
      const same = sameFileBytes(node, { ...node, status: original.status, fd: original.fd });
      return same ? undefined : "its bytes are not those of the file below";
    } finally {
      close(original.fd);
    }
  }

  #metadata(node: Node, entry: Entry): string | undefined {
    const { status } = node;
    if (kindOf(status) !== kinds[entry.type]) return `it is of another type, wanted a ${entry.type}`;
    if (entry.type === "file" && status.size !== entry.size)
      return `it has ${status.size} bytes, wanted ${entry.size}`;
    if (entry.type === "symlink" && node.target !== entry.target) return "it leads elsewhere";
    if (entry.type === "character" || entry.type === "block") {
      if (status.major !== entry.major || status.minor !== entry.minor) return "its device number differs";
    }
    return ownership(status, entry) ?? this.#attributes.compare(node, entry, this.#on.mode);
  }
}

const kinds: Readonly<Record<Entry["type"], number | undefined>> = {
  file: fileType.REGULAR,
  link: undefined,
  symlink: fileType.SYMLINK,
  character: fileType.CHARACTER,
  block: fileType.BLOCK,
  directory: fileType.DIRECTORY,
  fifo: fileType.FIFO,
};

function ownership(status: Status, entry: Entry): string | undefined {
  const mode = status.mode & 0o7777;
  // Where an access list stands, its mask is the group's part of the mode (acl(5)).
  const counts = entry.attributes.some(({ name }) => name === "system.posix_acl_access") ? 0o7707 : 0o7777;
  if (entry.type !== "symlink" && (mode & counts) !== (entry.mode & counts))
    return `its mode is ${octal(mode)}, wanted ${octal(entry.mode)}`;
  if (status.uid !== entry.uid || status.gid !== entry.gid)
    return `its owner is ${status.uid}:${status.gid}, wanted ${entry.uid}:${entry.gid}`;
  // Some file systems keep whole seconds, and seconds of 32 bits.
  const representable = entry.seconds >= 0 && entry.seconds < 2 ** 31;
  const same = status.seconds === entry.seconds && [entry.nanoseconds, 0].includes(status.nanoseconds);
  return same || !representable ? undefined : "its time of change differs";
}

const octal = (mode: number) => `0${mode.toString(8)}`;

/** The same path in another tree; its folders are no symlinks. */
function openPath(root: Node, path: ByteString): Node | undefined {
  let at = root;
  using opened = new DisposableStack();
  if (path === "") return undefined;
  const parts = path.split("/");
  for (const [index, name] of parts.entries()) {
    const next = isFolder(at) ? openNode(at, name) : undefined;
    if (!next || index === parts.length - 1) return next;
    at = opened.use(next);
  }
  return undefined;
}

function told(path: ByteString, difference: string): string {
  const shown = textOf(path) ?? JSON.stringify(path).slice(1, -1);
  return `"/${shown}": ${difference}`;
}

/** A disk that gives no bytes is a damaged one; too few descriptors, or a cancelled call, say nothing about it. */
export function damageOf(error: unknown): string | undefined {
  const { code, message } = SampanError.from(error);
  return code === "data_loss" || code === "not_found" || /\bEIO\b|input\/output/i.test(message)
    ? message
    : undefined;
}
