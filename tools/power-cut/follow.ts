/** From the system calls of a trace to operations on the tree below the data root. */
import { readFileSync } from "node:fs";
import { handlers, has } from "./calls.ts";
import { readContent } from "./content.ts";
import type { Change, Effect, Operation } from "./operations.ts";
import { Paths, type Place } from "./paths.ts";
import { Processes, type Description, type Process } from "./processes.ts";
import type { Argument, Call } from "./trace.ts";
import { plainFolder, type Kind, type Meta, type Node, type Tree } from "./tree.ts";

export interface Followed {
  readonly operations: readonly Operation[];
  /** What was done in ways that a trace does not show; a replay would not be the truth. */
  readonly lost: readonly string[];
  /** The tree at the end. */
  readonly tree: Tree;
}

export interface Start {
  /** The tree at the beginning; it is changed. */
  readonly tree: Tree;
  /** The data root's path without symlinks. */
  readonly root: string;
  readonly folder: string;
  readonly umask: number;
  /** The file that standard output goes to. */
  readonly output: string;
}

export function follow(calls: readonly Call[], start: Start): Followed {
  const follower = new Follower(calls, start);
  for (const call of calls) follower.call(call);
  return { operations: follower.operations, lost: [...follower.lost], tree: start.tree };
}

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));

/** The state of following; calls.ts says what each call does to it. */
export class Follower {
  readonly operations: Operation[] = [];
  readonly lost = new Set<string>();
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #processes: Processes;
  readonly #output: string;
  #next = 1_000_000_000;
  #call!: Call;
  #process!: Process;

  constructor(calls: readonly Call[], start: Start) {
    this.#tree = start.tree;
    this.#output = start.output;
    this.#paths = new Paths(start.tree, start.root);
    this.#processes = new Processes(calls, { folder: start.folder, umask: start.umask });
  }

  call(call: Call): void {
    this.#call = call;
    this.#process = this.#processes.of(call);
    if (call.result < 0) return;
    const handle = handlers[call.name];
    if (handle) handle(this, call.args);
  }

  /** Folder and path arguments, or only a path. */
  place(folder: Argument | undefined, path: Argument | undefined, followLast: boolean): Place | undefined {
    if (path?.string === undefined) {
      // futimens(3): the path is NULL and the descriptor is meant.
      return folder?.descriptor && this.#paths.at(this.#process, { folder, path: "" }, true);
    }
    return this.#paths.at(this.#process, { folder, path: path.string }, followLast);
  }

  effect(text: string, changes: readonly Change[], born: Effect["born"] = []): void {
    if (changes.length === 0 && born.length === 0) return;
    const effect: Effect = { kind: "effect", born, changes };
    this.#tree.applyAll(effect, this.operations.length);
    this.operations.push({ ...effect, ...this.#span(text) });
  }

  #span(text: string) {
    return { begin: this.#call.begin, end: this.#call.end, text: `${this.#call.name} ${text}` };
  }

  make(place: Place | undefined, node: Partial<Node> & { kind: Kind }): number | undefined {
    if (!place) return undefined;
    if (place.folder === undefined)
      throw new Error(`cannot follow ${this.#call.name} of "${place.path}": it has no folder`);
    const inode = this.born(place.folder, node);
    const change = { kind: "entry", inode: place.folder, name: place.name, to: inode[0] } as const;
    this.effect(place.path, [change], [inode]);
    return inode[0];
  }

  born(folder: number, node: Partial<Node> & { kind: Kind }): [number, Node] {
    const parent = this.#tree.get(folder).node;
    const sticky = (parent.mode & 0o2000) !== 0;
    const mode = node.kind === "symlink" ? 0o777 : (node.mode ?? 0) & ~this.#process.place.umask;
    return [
      this.#next++,
      {
        ...plainFolder,
        ...node,
        uid: process.getuid?.() ?? 0,
        gid: sticky ? parent.gid : (process.getgid?.() ?? 0),
        mode: sticky && node.kind === "folder" ? mode | 0o2000 : mode,
      },
    ];
  }

  remove(place: Place | undefined): void {
    if (place?.folder === undefined) return;
    this.effect(place.path, [{ kind: "entry", inode: place.folder, name: place.name, to: undefined }]);
  }

  link(from: Place | undefined, to: Place | undefined): void {
    if (!to || to.folder === undefined) return;
    if (from?.inode === undefined) {
      this.lost.add(`a link from outside of the data root to "${to.path}"`);
      return;
    }
    this.effect(to.path, [{ kind: "entry", inode: to.folder, name: to.name, to: from.inode }]);
  }

  rename(from: Place | undefined, to: Place | undefined, flags: Argument | undefined): void {
    if (!from && !to) return;
    if (from?.folder === undefined || to?.folder === undefined || from.inode === undefined) {
      this.lost.add(`a rename across the edge of the data root: "${from?.path ?? to?.path}"`);
      return;
    }
    if (from.inode === to.inode) return;
    const exchange = has(flags, "RENAME_EXCHANGE");
    this.effect(`${from.path} to ${to.path}`, [
      { kind: "entry", inode: to.folder, name: to.name, to: from.inode },
      { kind: "entry", inode: from.folder, name: from.name, to: exchange ? to.inode : undefined },
    ]);
    if (has(flags, "RENAME_WHITEOUT")) this.make(from, { kind: "char", mode: 0 });
  }

  meta(place: Place | undefined, set: Partial<Omit<Meta, "attributes">>): void {
    if (place?.inode === undefined) return;
    const changes: Change[] = [{ kind: "meta", inode: place.inode, set }];
    if (set.uid !== undefined) changes.push(...this.#withoutCapabilities(place.inode));
    this.effect(place.path, changes);
  }

  chown(place: Place | undefined, uid: number, gid: number): void {
    if (place?.inode === undefined) return;
    const { node } = this.#tree.get(place.inode);
    const exec = (node.mode & 0o010) !== 0;
    const mode = node.kind === "folder" ? node.mode : node.mode & ~0o4000 & (exec ? ~0o2000 : ~0);
    this.meta(place, { uid: uid < 0 ? node.uid : uid, gid: gid < 0 ? node.gid : gid, mode });
  }

  attribute(place: Place | undefined, name: string, value: string | undefined): void {
    if (place?.inode !== undefined)
      this.effect(`${place.path} ${name}`, [{ kind: "attribute", inode: place.inode, name, value }]);
  }

  size(place: Place | undefined, size: number): void {
    if (place?.inode !== undefined)
      this.effect(`${place.path} to ${size}`, [
        { kind: "size", inode: place.inode, size },
        ...this.#withoutCapabilities(place.inode),
      ]);
  }

  /** The kernel takes file capabilities away when a file is written to or given away. */
  #withoutCapabilities(inode: number): Change[] {
    const name = "security.capability";
    return this.#tree.get(inode).node.attributes.has(name)
      ? [{ kind: "attribute", inode, name, value: undefined }]
      : [];
  }

  // descriptors

  opened(flags: Argument | undefined, mode: number): void {
    const { resultPath, result } = this.#call;
    if (resultPath === undefined) return;
    const below = this.#paths.below(resultPath);
    let inode: number | undefined;
    if (below !== undefined) {
      const place = has(flags, "O_TMPFILE")
        ? this.#paths.find(resultPath.slice(0, resultPath.lastIndexOf("/")), true)
        : this.#paths.find(resultPath, false);
      if (has(flags, "O_TMPFILE") && place?.inode !== undefined) {
        const born = this.born(place.inode, { kind: "file", mode });
        this.effect(`${place.path} (without a name)`, [], [born]);
        inode = born[0];
      } else if (place?.inode !== undefined) {
        inode = place.inode;
        if (has(flags, "O_TRUNC") && this.#tree.get(inode).content.size > 0) this.size(place, 0);
      } else if (place && has(flags, "O_CREAT")) inode = this.make(place, { kind: "file", mode });
      // Otherwise the kernel made it (the work folder of an overlay): whether it matters, the comparison at the end says.
    }
    const durable = has(flags, "O_SYNC") ? "all" : has(flags, "O_DSYNC") ? "data" : undefined;
    this.#process.files.set(result, {
      inode,
      path: resultPath,
      offset: 0,
      append: has(flags, "O_APPEND"),
      durable,
    });
  }

  /** The description behind a descriptor; what the kernel says about its path wins over what is remembered. */
  description(argument: Argument | undefined): Description | undefined {
    const descriptor = argument?.descriptor;
    if (!descriptor || descriptor.fd < 0) return undefined;
    const known = this.#process.files.get(descriptor.fd);
    const inode = descriptor.deleted ? undefined : this.#paths.find(descriptor.path, false)?.inode;
    if (
      known &&
      (inode === undefined || inode === known.inode) &&
      (inode !== undefined || this.#sameSide(known, descriptor.path))
    ) {
      known.path = descriptor.path;
      return known;
    }
    const fresh = { inode, path: descriptor.path, offset: undefined, append: false, durable: undefined };
    this.#process.files.set(descriptor.fd, fresh);
    return fresh;
  }

  #sameSide(known: Description, path: string): boolean {
    return (known.inode !== undefined) === (this.#paths.below(path) !== undefined);
  }

  duplicated(from: Argument | undefined): void {
    const description = this.description(from);
    if (description) this.#process.files.set(this.#call.result, description);
  }

  closed(fd: number): void {
    this.#process.files.delete(fd);
  }

  executed(): void {
    this.#process.files = new Map(this.#process.files);
    this.#process.place = { ...this.#process.place };
  }

  moved(argument: Argument | undefined): void {
    const description = this.description(argument);
    if (description) description.offset = this.#call.result;
  }

  /** By a number alone, as in raw arguments. */
  wasRead(fd: number): void {
    const description = this.#process.files.get(fd);
    if (description?.offset !== undefined) description.offset += this.#call.result;
  }

  folder(path: string): void {
    const { place } = this.#process;
    place.folder = path.startsWith("/") ? path : `${place.folder}/${path}`;
  }

  umask(mask: number): void {
    this.#process.place.umask = mask;
  }

  written(to: Argument | undefined, data: string, at: number | undefined): void {
    const description = this.description(to);
    const bytes = bytesOf(data).subarray(0, this.#call.result);
    if (description?.inode === undefined) {
      if (description?.path === this.#output)
        this.operations.push({ kind: "said", words: data, ...this.#span("to the caller") });
      return;
    }
    const file = this.#tree.get(description.inode);
    if (file.node.kind !== "file") return;
    const offset = description.append ? file.content.size : (at ?? description.offset);
    if (offset === undefined) {
      this.lost.add(`a write to "${description.path}" at an offset that is not known`);
      return;
    }
    if (at === undefined) description.offset = offset + bytes.length;
    this.#data(description, offset, bytes);
  }

  #data(description: Description, offset: number, bytes: Uint8Array): void {
    const inode = description.inode as number;
    const path = this.#paths.below(description.path) ?? description.path;
    const changes: Change[] = bytes.length > 0 ? [{ kind: "data", inode, offset, bytes }] : [];
    this.effect(`${path} ${offset}+${bytes.length}`, [...changes, ...this.#withoutCapabilities(inode)]);
    if (description.durable) this.#sync(inode, description.durable === "data", path);
  }

  /** copy_file_range(2), sendfile(2), FICLONE: bytes that do not pass through the program. */
  copied(parts: {
    from: Argument | undefined;
    fromAt?: number;
    to: Argument | undefined;
    toAt?: number;
    length?: number;
  }): void {
    const from = this.description(parts.from);
    const to = this.description(parts.to);
    const length = parts.length ?? this.#call.result;
    const start = parts.fromAt ?? from?.offset ?? 0;
    if (parts.fromAt === undefined && from?.offset !== undefined) from.offset += length;
    if (to?.inode === undefined || from === undefined) return;
    const offset = parts.toAt ?? to.offset ?? 0;
    if (parts.toAt === undefined && to.offset !== undefined) to.offset += length;
    this.#data(to, offset, this.#source(from, start, length));
  }

  #source(from: Description, start: number, length: number): Uint8Array {
    if (from.inode !== undefined) return readContent(this.#tree.get(from.inode).content, start, length);
    try {
      return Uint8Array.from(readFileSync(from.path).subarray(start, start + length));
    } catch {
      this.lost.add(`bytes copied from "${from.path}", which is gone`);
      return new Uint8Array(0);
    }
  }

  fallocated(to: Argument | undefined, mode: Argument | undefined, offset: number, length: number): void {
    const description = this.description(to);
    if (description?.inode === undefined) return;
    const { size } = this.#tree.get(description.inode).content;
    const path = this.#paths.below(description.path) ?? "";
    if (has(mode, "FALLOC_FL_PUNCH_HOLE") || has(mode, "FALLOC_FL_ZERO_RANGE")) {
      const end = has(mode, "FALLOC_FL_KEEP_SIZE") ? Math.min(size, offset + length) : offset + length;
      if (end > offset) this.#data(description, offset, new Uint8Array(end - offset));
    } else if (has(mode, "FALLOC_FL_COLLAPSE_RANGE") || has(mode, "FALLOC_FL_INSERT_RANGE"))
      this.lost.add(`a shift of the bytes of "${path}"`);
    else if (!has(mode, "FALLOC_FL_KEEP_SIZE") && offset + length > size)
      this.effect(`${path} to ${offset + length}`, [
        { kind: "size", inode: description.inode, size: offset + length },
      ]);
  }

  synced(argument: Argument | undefined, dataOnly: boolean): void {
    const description = this.description(argument);
    if (description?.inode !== undefined)
      this.#sync(description.inode, dataOnly, this.#paths.below(description.path) ?? description.path);
  }

  syncedAll(argument: Argument | undefined): void {
    // syncfs(2) of another file system syncs nothing here; all below the root is taken for one file system.
    if (argument && this.description(argument)?.inode === undefined) return;
    this.#sync(undefined, false, "all");
  }

  #sync(inode: number | undefined, dataOnly: boolean, path: string): void {
    this.operations.push({ kind: "sync", inode, dataOnly, ...this.#span(path) });
  }

  mapped(protection: Argument | undefined, flags: Argument | undefined, file: Argument | undefined): void {
    const path = file?.descriptor?.path;
    if (path === undefined || !has(protection, "PROT_WRITE") || !has(flags, "MAP_SHARED")) return;
    // SQLite's index of the write-ahead log is made anew by the first one who opens the database after a cut.
    if (this.#paths.below(path) !== undefined && !path.endsWith("-shm"))
      this.lost.add(`writes through memory to "${path}"`);
  }

  note(text: string): void {
    this.lost.add(text);
  }
}
