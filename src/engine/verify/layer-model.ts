/**
 * What a layer's archive says its folder must hold: the archive is read entry by entry as the unpacker reads it (engine/unpack/apply.ts), but what it would
 * write is only noted. A later entry takes the place of an earlier one, whiteouts and links are resolved, and paths go through symlinks as a container
 * sees them. Memory: one small object for each entry, none for contents.
 */
import { SampanError } from "../../base/errors.ts";
import type { ByteString } from "../../kernel/fs.ts";
import type { Entry, EntrySink } from "../unpack/entry.ts";
import type { Below } from "./below.ts";

/** One file of any kind but a folder; links share it. */
export interface File {
  /** undefined: a link brought it up from the layers below. A link to it within the layer describes it anew. */
  entry: Entry | undefined;
  /** Of the link that brought it up. */
  readonly link?: Entry;
  /** Where the layers below hold it, of a link that brought it up. */
  from?: ByteString;
  /** How the bytes of the file on disk with this inode differ; undefined while they do not. */
  difference?: string;
  inode?: bigint;
}

export type Item =
  | Folder
  /** `brought`: this name is of the layers below, of which a link has brought the file up. */
  | { readonly kind: "file"; readonly file: File; readonly brought?: true }
  | { readonly kind: "whiteout" };

export interface Folder {
  readonly kind: "folder";
  readonly children: Map<ByteString, Item>;
  /** Of its own; without one its attributes come from below. */
  entry: Entry | undefined;
  /** What the layers below have in it is hidden or, in a copy, removed. */
  opaque: boolean;
}

export interface ModelOptions {
  /** Whiteouts are files of the layer (overlayfs), or took away what was there (copies). */
  readonly mode: "layer" | "tree";
  readonly below: Below;
  /** Symlinks of the layers below count in paths. */
  readonly followsBelow: boolean;
  /** Begins to look at a file's bytes, when its path is settled. */
  readonly beginFile: (path: ByteString, file: File, entry: Entry) => void;
  readonly data: EntrySink["data"];
  readonly endFile: () => void;
}

const ofAufs = ".wh..wh.";
const opaqueMark = ".wh..wh..opq";
const whiteoutPrefix = ".wh.";
const maxLinks = 40;
const maxSteps = 8192;

export const newFolder = (entry?: Entry, opaque = false): Folder => ({
  kind: "folder",
  children: new Map(),
  entry,
  opaque,
});

interface Place {
  readonly folder: Folder;
  /** From the root, without symlinks. */
  readonly path: ByteString;
  /** Nothing of the layers below is seen in it, by its own mark or by that of a folder above. */
  readonly hidden: boolean;
}

export const joined = (path: ByteString, name: ByteString) => (path === "" ? name : `${path}/${name}`);

export class LayerModel implements EntrySink {
  readonly root = newFolder();
  readonly #options: ModelOptions;
  /** Links to what the archive had not brought when they came. */
  readonly #waiting: { readonly file: File; readonly target: ByteString }[] = [];
  #latest: { readonly name: ByteString; readonly place: Place } | undefined;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  begin(entry: Entry): void {
    const parts = partsOf(entry.name);
    const name = parts.pop();
    if (name === undefined) return void (this.root.entry = entry);
    const isAufs = name.startsWith(ofAufs) || parts.some((part) => part.startsWith(ofAufs));
    if (name === opaqueMark) this.#opaque(parts);
    else if (isAufs) return;
    else if (name.startsWith(whiteoutPrefix)) this.#whiteout(parts, name.slice(whiteoutPrefix.length));
    else this.#make(entry, parts, name);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#options.data(bytes, start, end);
  }

  end(): void {
    this.#options.endFile();
  }

  /** When all entries were read: links to files of the layers below bring these up. */
  complete(): Folder {
    const kept = new Set(filesIn(this.root));
    // One whose name was taken by a later entry has never been made.
    for (const { file, target } of this.#waiting) if (kept.has(file)) this.#bringUp(file, target);
    return this.root;
  }

  /** The target of a link stands in this layer too from then on: the same file. */
  #bringUp(file: File, target: ByteString): void {
    const parts = partsOf(target);
    const name = parts.pop() ?? "";
    const place = this.#place(parts, true);
    if (!place) return;
    const there = place.folder.children.get(name);
    if (there?.kind === "file") return void this.#shared.set(file, there.file);
    file.from = joined(place.path, name);
    place.folder.children.set(name, { kind: "file", file, brought: true });
  }

  readonly #shared = new Map<File, File>();

  /** The file that a name of the model has now: links that had to wait are found here. */
  fileOf(file: File): File {
    return this.#shared.get(file) ?? file;
  }

  #make(entry: Entry, parts: ByteString[], name: ByteString): void {
    const { folder, path } = this.#placeToMake(parts);
    const there = folder.children.get(name);
    if (entry.type === "directory") {
      if (there?.kind === "folder") there.entry = entry;
      else folder.children.set(name, newFolder(entry, this.#isHiding(there)));
      if (there) this.#latest = undefined;
      return;
    }
    if (there?.kind === "folder" || there?.kind === "file") this.#latest = undefined;
    if (entry.type === "link") return this.#link(entry, folder, name);
    const file: File = { entry };
    folder.children.set(name, { kind: "file", file });
    if (entry.type === "file") this.#options.beginFile(joined(path, name), file, entry);
  }

  /** A folder in place of this one shows nothing of the layers below. In a copy whatever stood there had taken their place. */
  #isHiding(there: Item | undefined): boolean {
    return there?.kind === "whiteout" || (this.#options.mode === "tree" && there !== undefined);
  }

  #link(entry: Entry, folder: Folder, name: ByteString): void {
    const parts = partsOf(entry.target);
    const last = parts.pop() ?? "";
    const there = this.#place(parts, false)?.folder.children.get(last);
    if (there?.kind === "file") {
      if (there.file.entry) there.file.entry = described(there.file.entry, entry);
      return void folder.children.set(name, { kind: "file", file: there.file });
    }
    const file: File = { entry: undefined, link: entry };
    if (!this.#options.followsBelow) this.#waiting.push({ file, target: entry.target });
    else this.#bringUp(file, entry.target);
    folder.children.set(name, { kind: "file", file });
  }

  #whiteout(parts: ByteString[], name: ByteString): void {
    const { mode } = this.#options;
    const place = mode === "layer" ? this.#placeToMake(parts) : this.#place(parts, false);
    if (!place) return;
    const there = place.folder.children.get(name);
    if (!there || there.kind === "whiteout" || (mode === "tree" && !isOwn(there)))
      place.folder.children.set(name, { kind: "whiteout" });
    else if (there.kind === "folder") this.#hide(there);
    this.#latest = undefined;
  }

  #opaque(parts: ByteString[]): void {
    const place = this.#options.mode === "layer" ? this.#placeToMake(parts) : this.#place(parts, false);
    if (place) this.#hide(place.folder);
    this.#latest = undefined;
  }

  /** overlayfs hides by one mark all that is below; from a copy it was removed, folder by folder. */
  #hide(folder: Folder): void {
    folder.opaque = true;
    if (this.#options.mode === "layer") return;
    for (const [name, item] of folder.children) {
      if (!isOwn(item)) folder.children.set(name, { kind: "whiteout" });
      else if (item.kind === "folder") this.#hide(item);
    }
  }

  #placeToMake(parts: ByteString[]): Place {
    const place = this.#place(parts, true);
    if (!place) throw unsound(parts.join("/"));
    return place;
  }

  #place(parts: readonly ByteString[], make: boolean): Place | undefined {
    const name = parts.join("/");
    if (this.#latest?.name === name) return this.#latest.place;
    const place = this.#walk(parts, make);
    if (place) this.#latest = { name, place };
    return place;
  }

  /** Step by step; a symlink is followed by putting its text in front of what is left. */
  #walk(parts: readonly ByteString[], make: boolean): Place | undefined {
    const left = parts.toReversed();
    let here: Place[] = [{ folder: this.root, path: "", hidden: this.root.opaque }];
    for (let steps = 0, links = 0; ; steps++) {
      const name = left.pop();
      const at = here.at(-1) as Place;
      if (name === undefined) return at;
      if (steps > maxSteps || links > maxLinks) throw unsound(parts.join("/"));
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (here.length > 1) here.pop();
        continue;
      }
      const next = this.#step(at, name, make);
      if (next === undefined) return undefined;
      if (typeof next !== "string") {
        here.push(next);
        continue;
      }
      links++;
      left.push(...next.split("/").toReversed());
      if (next.startsWith("/")) here = here.slice(0, 1);
    }
  }

  #step(
    { folder, path, hidden: above }: Place,
    name: ByteString,
    make: boolean,
  ): Place | ByteString | undefined {
    const full = joined(path, name);
    const there = folder.children.get(name);
    if (there?.kind === "folder") return { folder: there, path: full, hidden: above || there.opaque };
    if (there?.kind === "file") {
      const { entry } = there.file;
      if (entry?.type === "symlink") return entry.target;
      // A link that waits for its file stands not there yet.
      if (make && entry) throw unsound(full);
      if (!make) return undefined;
    }
    const hidden = above || there !== undefined;
    const below = this.#options.followsBelow && !hidden ? this.#options.below.look(full) : undefined;
    if (below?.kind === "symlink") return below.target;
    if (!make && below?.kind !== "folder") return undefined;
    const made = newFolder(undefined, there?.kind === "whiteout");
    folder.children.set(name, made);
    return { folder: made, path: full, hidden };
  }
}

/** What a link's header says counts for the file. chown(2) takes capabilities away (capabilities(7)). */
function described(file: Entry, link: Entry): Entry {
  const { mode, uid, gid, seconds, nanoseconds } = link;
  const isKept = uid === file.uid && gid === file.gid;
  const attributes = new Map(file.attributes.map(({ name, value }) => [name, value]));
  if (!isKept) attributes.delete("security.capability");
  for (const { name, value } of link.attributes) attributes.set(name, value);
  return {
    ...file,
    mode,
    uid,
    gid,
    seconds,
    nanoseconds,
    attributes: [...attributes].map(([name, value]) => ({ name, value })),
  };
}

function* filesIn(folder: Folder): Generator<File> {
  for (const item of folder.children.values()) {
    if (item.kind === "file") yield item.file;
    else if (item.kind === "folder") yield* filesIn(item);
  }
}

/** The layer brought it, or something in it. */
function isOwn(item: Item): boolean {
  if (item.kind !== "folder") return item.kind === "file" && !item.brought;
  return item.entry !== undefined || [...item.children.values()].some(isOwn);
}

/** An unpacked layer cannot have such an archive. */
function unsound(path: ByteString): SampanError {
  return new SampanError("data_loss", `"${path}" in the archive cannot be unpacked`);
}

function partsOf(name: ByteString): ByteString[] {
  const parts: ByteString[] = [];
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}
